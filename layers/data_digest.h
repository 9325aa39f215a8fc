#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/digest.h"

namespace blueprint::layers {

/// The identity of a file's data, as Change::data_digest defines it: for up to kMaxFrameSize bytes their SHA-256;
/// beyond, the SHA-256 of the concatenated SHA-256s of the pieces of kMaxFrameSize bytes. The last piece is not padded;
/// holes count as zeros.
class DataDigester {
 public:
  void update(std::span<const std::byte> bytes);
  [[nodiscard]] Digest finish();

 private:
  Sha256 piece_;
  Sha256 pieces_;
  std::uint64_t in_piece_ = 0;
  bool long_ = false;
};

[[nodiscard]] Digest data_digest(std::span<const std::byte> bytes);
[[nodiscard]] Digest data_digest(std::string_view bytes);

/// Of all that can be read from `fd` from its start on (pread; the position is left alone). Sets `size_bytes`. Throws
/// os_error naming `what`.
[[nodiscard]] Digest data_digest_of_fd(int fd, std::uint64_t& size_bytes, std::string_view what);

}  // namespace blueprint::layers
