#include "layers/blob_reader.h"

#include <cerrno>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "layers/errors.h"
#include "layers/store_errors.h"

namespace blueprint::layers {

BlobFiles::File BlobFiles::file(const Digest& blob) const {
  const std::lock_guard lock(mutex_);
  if (const auto found = open_.find(blob); found != open_.end()) {
    recent_.splice(recent_.begin(), recent_, found->second);
    return found->second->second;
  }
  const auto path = directory_ / blob.hex();
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) {
    if (errno == ENOENT) throw missing_blob(blob);
    throw os_error(fmt::format("open {}", path.string()));
  }
  recent_.emplace_front(blob, std::make_shared<const UniqueFd>(std::move(fd)));
  open_[blob] = recent_.begin();
  if (recent_.size() > kMaxOpen) {  // a reader that still uses the last one holds it by its shared_ptr
    open_.erase(recent_.back().first);
    recent_.pop_back();
  }
  return recent_.front().second;
}

std::uint64_t BlobFiles::size_bytes(const Digest& blob) const {
  struct stat status {};
  if (::fstat(file(blob)->get(), &status) != 0) throw os_error(fmt::format("look at blob {}", blob.to_string()));
  return static_cast<std::uint64_t>(status.st_size);
}

void BlobFiles::read(const Digest& blob, std::uint64_t offset, std::span<std::byte> out) const {
  const File open = file(blob);
  while (!out.empty()) {
    const ssize_t got = ::pread(open->get(), out.data(), out.size(), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw os_error(fmt::format("read blob {} at offset {}", blob.to_string(), offset));
    if (got == 0) throw damaged_frame(blob, offset, "the file ends there");
    offset += static_cast<std::uint64_t>(got);
    out = out.subspan(static_cast<std::size_t>(got));
  }
}

}  // namespace blueprint::layers
