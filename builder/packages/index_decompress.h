#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>

namespace blueprint::packages {

/// Decompresses `bytes` (xz, zstd, gzip, or not compressed at all: recognised by content) and gives the result to
/// `sink` piece by piece. Throws Error P033 naming `what` when the data is damaged or longer than `max_bytes`.
void decompress_index(std::span<const std::byte> bytes, std::uint64_t max_bytes, std::string_view what,
                      const std::function<void(std::span<const std::byte>)>& sink);

}  // namespace blueprint::packages
