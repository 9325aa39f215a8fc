#include "layers/index_snapshot.h"

#include <tuple>

#include <fcntl.h>
#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "layers/index_file.h"

namespace blueprint::layers {
namespace fs = std::filesystem;
namespace {

auto identity(const struct stat& status) {
  return std::tuple(status.st_dev, status.st_ino, status.st_size, status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
}

IndexSnapshot snapshot_of(IndexFile& index) {
  IndexSnapshot snapshot;
  std::unordered_set<Digest, DigestHash> images;
  for (const auto& entry : index.entries()) {
    const auto digest = digest_of(entry);
    if (!digest) continue;
    snapshot.listed.insert(*digest);
    if (const auto subject = subject_of(entry))
      snapshot.attachments[*subject].push_back({*digest, artifact_type_of(entry)});
    if (!is_image(entry)) continue;
    if (images.insert(*digest).second) snapshot.images.push_back(*digest);
    if (std::string tag = tag_of(entry); !tag.empty()) snapshot.tags.emplace(std::move(tag), *digest);
  }
  return snapshot;
}

}  // namespace

std::shared_ptr<const IndexSnapshot> IndexReader::read() {
  const fs::path path = index_path(root_);
  const std::lock_guard lock(mutex_);
  struct stat now {};
  if (snapshot_ && ::stat(path.c_str(), &now) == 0 && identity(now) == identity(status_)) return snapshot_;
  snapshot_.reset();
  file_ = open_file(path, O_RDONLY);
  if (::fstat(file_.get(), &status_) != 0) throw os_error(fmt::format("look at {}", path.string()));
  std::string text(static_cast<std::size_t>(status_.st_size), '\0');
  pread_all(file_.get(), std::as_writable_bytes(std::span(text)), 0, path.string());
  IndexFile index(root_, text);
  snapshot_ = std::make_shared<const IndexSnapshot>(snapshot_of(index));
  return snapshot_;
}

}  // namespace blueprint::layers
