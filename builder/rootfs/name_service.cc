#include "builder/rootfs/name_service.h"

#include <climits>
#include <filesystem>

#include <unistd.h>

#include "base/error.h"

namespace blueprint::rootfs {
namespace {

constexpr const char* kFile = "etc/resolv.conf";
constexpr const char* kOurTarget = "/run/blueprint/resolv.conf";

std::optional<std::string> link_target(const RootDir& root, const char* path) {
  const auto place = root.place(path);
  char target[PATH_MAX];
  const ssize_t length = ::readlinkat(place.directory.get(), place.name.c_str(), target, sizeof(target));
  if (length < 0) return std::nullopt;
  return std::string(target, static_cast<std::size_t>(length));
}

}  // namespace

NameService::NameService(const RootDir& root) : root_(root) {
  const auto status = root.status(kFile);
  if (!status) {
    if (!root.status("etc")) return;
    const auto place = root.place(kFile);
    if (::symlinkat(kOurTarget, place.directory.get(), place.name.c_str()) != 0)
      throw os_error("create /etc/resolv.conf");
    link_is_ours_ = true;
    target_ = kOurTarget;
  } else if (S_ISLNK(status->st_mode)) {
    const std::filesystem::path target = std::filesystem::path("/etc") / link_target(root, kFile).value_or("");
    const std::string clean = target.lexically_normal().string();
    if (clean.starts_with("/run/")) target_ = clean;
  } else if (S_ISREG(status->st_mode)) {
    target_ = "/etc/resolv.conf";
  }
}

NameService::~NameService() {
  if (!link_is_ours_) return;
  try {
    if (link_target(root_, kFile) == kOurTarget) root_.remove_file(kFile);
  } catch (const Error&) {
    // The tree is scratch; a link into /run that stays behind is harmless.
  }
}

}  // namespace blueprint::rootfs
