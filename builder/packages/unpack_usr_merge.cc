#include "builder/packages/unpack_usr_merge.h"

#include <algorithm>
#include <cerrno>
#include <vector>

#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"

namespace blueprint::packages {
namespace {

constexpr std::string_view kAliases[] = {"bin", "sbin", "lib", "lib32", "lib64", "libo32", "libx32"};

}  // namespace

UsrMerge::UsrMerge(const RootDir& root) {
  const auto status = root.status("bin");
  merged_ = status && S_ISLNK(status->st_mode);
}

UsrMerge UsrMerge::create(const RootDir& root, std::string_view architecture) {
  std::vector<std::string> names = {"bin", "sbin", "lib"};
  // The loader's own name is fixed by the architecture's ABI; the other lib* come with packages that need them.
  if (architecture == "amd64") names.emplace_back("lib64");
  for (const auto& name : names) {
    root.make_directories("usr/" + name);
    if (::symlinkat(("usr/" + name).c_str(), root.fd(), name.c_str()) != 0 && errno != EEXIST) {
      throw os_error("create the link /" + name);
    }
  }
  return UsrMerge(true);
}

std::string UsrMerge::canonical(std::string_view path) const {
  const std::size_t slash = path.find('/');
  if (!merged_ || slash == std::string_view::npos || !is_alias(path.substr(0, slash))) return std::string(path);
  return "usr/" + std::string(path);
}

bool UsrMerge::is_alias(std::string_view path) {
  return std::find(std::begin(kAliases), std::end(kAliases), path) != std::end(kAliases);
}

}  // namespace blueprint::packages
