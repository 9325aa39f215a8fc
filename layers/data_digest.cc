#include "layers/data_digest.h"

#include <algorithm>
#include <cerrno>
#include <memory>

#include <fmt/format.h>
#include <unistd.h>

#include "base/error.h"
#include "layers/changeset.h"

namespace blueprint::layers {

void DataDigester::update(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    if (in_piece_ == kMaxFrameSize) {
      const Digest piece = piece_.finish();
      pieces_.update(std::as_bytes(std::span(piece.bytes)));
      long_ = true;
      in_piece_ = 0;
    }
    const auto part = bytes.first(std::min<std::size_t>(bytes.size(), kMaxFrameSize - in_piece_));
    piece_.update(part);
    in_piece_ += part.size();
    bytes = bytes.subspan(part.size());
  }
}

Digest DataDigester::finish() {
  const Digest last = piece_.finish();
  in_piece_ = 0;
  if (!long_) return last;
  long_ = false;
  pieces_.update(std::as_bytes(std::span(last.bytes)));
  return pieces_.finish();
}

Digest data_digest(std::span<const std::byte> bytes) {
  DataDigester digester;
  digester.update(bytes);
  return digester.finish();
}

Digest data_digest(std::string_view bytes) { return data_digest(std::as_bytes(std::span(bytes.data(), bytes.size()))); }

Digest data_digest_of_fd(int fd, std::uint64_t& size_bytes, std::string_view what) {
  // Not cleared, and small enough to come from the heap: most files are small.
  constexpr std::size_t kBufferBytes = 64 * 1024;
  const auto buffer = std::make_unique_for_overwrite<std::byte[]>(kBufferBytes);
  DataDigester digester;
  size_bytes = 0;
  while (true) {
    const ssize_t got = ::pread(fd, buffer.get(), kBufferBytes, static_cast<off_t>(size_bytes));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw os_error(fmt::format("read {}", what));
    if (got == 0) return digester.finish();
    digester.update({buffer.get(), static_cast<std::size_t>(got)});
    size_bytes += static_cast<std::uint64_t>(got);
  }
}

}  // namespace blueprint::layers
