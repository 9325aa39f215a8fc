#pragma once

// The content digest of a device: what is on it, whatever the compression, the layers and the frames that hold it.
//
//   span      = 1 MiB of the device from a multiple of 1 MiB on; the last one is padded with zeros to 1 MiB
//   leaf      = SHA-256( 0x00, span )
//   node      = SHA-256( 0x01, 256 digests of the level below )   missing children are those of a device of zeros
//   top       = the only digest of the first level that has one; the leaf itself when the device has one span
//   content   = SHA-256( 0x02, device size in bytes as 64 bits little-endian, top )
//
// The first byte keeps leaf, node and root apart, so that no device can pose as an inner node of another. With 256
// children a tree of 16 GiB has two levels: all nodes above 1,000 spans are 5 hashes of 8 KiB, so a child layer
// recomputes them from the stored spans in microseconds and no inner node needs to be stored.
// tests/verify_content_digest.py is the rule once more, independent of this code.

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "base/digest.h"
#include "base/thread_pool.h"
#include "layers/layer_index.h"

namespace blueprint::layers {

class BlockSource;

inline constexpr std::uint64_t kSpanBytes = 1ULL << 20;

/// The leaf of a span given in order and in parts. Not thread-safe; reusable after finish().
class SpanHasher {
 public:
  /// At most kSpanBytes in all between two calls of finish().
  void update(std::span<const std::byte> bytes);
  /// As update() with `count` zero bytes; costs nothing where the span turns out to be all zeros.
  void update_zeros(std::uint64_t count);
  /// The leaf: what is missing to kSpanBytes counts as zeros.
  [[nodiscard]] Digest finish();

 private:
  void flush_zeros();
  Sha256 hash_;
  bool begun_ = false;               ///< something but zeros was seen
  std::uint64_t pending_zeros_ = 0;  ///< seen and not yet hashed
  std::uint64_t seen_ = 0;
};

/// The leaf of a span of at most kSpanBytes bytes; fewer are padded with zeros.
[[nodiscard]] Digest span_digest(std::span<const std::byte> bytes);
/// The leaf of a span of zeros.
[[nodiscard]] const Digest& zero_span_digest();

/// The leaves of a device, sparse: a span that was never set is zeros. Remembers the digest of each 256 MiB, so that
/// root() after set() of a few spans hashes a few nodes. Not thread-safe.
class SpanTree {
 public:
  void set(std::uint64_t span, const Digest& leaf);
  /// Sets the spans of a layer: call it for the layers of an image in order, parent first.
  void add(std::span<const SpanDigest> spans);
  [[nodiscard]] const Digest& get(std::uint64_t span) const;
  /// The content digest of a device of `device_bytes` (any size); spans wholly past its end do not count.
  [[nodiscard]] Digest root(std::uint64_t device_bytes);

 private:
  struct Group {
    std::vector<Digest> leaves;
    std::optional<Digest> node;  ///< of `leaves`; nothing after a change
  };
  std::map<std::uint64_t, Group> groups_;  ///< by span / 256
};

/// The content digest of what a device reads as, hashed by all threads of `pool`. Reads every span that has data.
/// Throws what BlockSource::read throws.
[[nodiscard]] Digest compute_content_digest(const BlockSource& device, ThreadPool& pool);

}  // namespace blueprint::layers
