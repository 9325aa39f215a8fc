#pragma once

// layer blob = frame* index footer, see docs/layer-format.md for the grammar.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/digest.h"
#include "layers/changeset.h"

namespace blueprint::layers {

/// One zstd frame somewhere.
struct Frame {
  std::uint32_t blob = 0;    ///< index into LayerIndex::blobs; 0 = the blob that holds this index
  std::uint64_t offset = 0;  ///< in that blob
  std::uint32_t compressed_size = 0;
  std::uint32_t size = 0;  ///< uncompressed; a multiple of kBlockSize, at most kMaxFrameSize
  Digest digest;           ///< SHA-256 of the uncompressed bytes
  bool operator==(const Frame&) const = default;
};

/// `blocks` blocks of the device from `first_block` on are the blocks of `frame` from `frame_block` on, or zeros.
struct Extent {
  static constexpr std::uint32_t kZero = 0xffffffff;
  std::uint64_t first_block = 0;
  std::uint32_t blocks = 0;
  std::uint32_t frame = kZero;
  std::uint32_t frame_block = 0;
  bool operator==(const Extent&) const = default;
};

/// The digest of one span (1 MiB) of the device, see content_digest.h.
struct SpanDigest {
  std::uint64_t span = 0;  ///< number of the span: its first byte is span * kSpanBytes
  Digest digest;           ///< span_digest() of its bytes; zero_span_digest() when it has become all zeros
  bool operator==(const SpanDigest&) const = default;
};

/// What a layer blob says about itself.
struct LayerIndex {
  std::uint64_t device_bytes = 0;  ///< size of the device after this layer; a multiple of kBlockSize
  Digest content_digest;           ///< Merkle root of the device after this layer, see content_digest.h
  std::vector<Digest> blobs;       ///< other layer blobs whose frames are cited; blob n of a Frame is blobs[n - 1]
  std::vector<Frame> frames;
  std::vector<Change> changes;  ///< sorted as sort_changes() does
  std::vector<Extent> extents;  ///< sorted, disjoint; only blocks that this layer changed
  /// The spans of the device that this layer changed, sorted; so that a child computes its content digest from the
  /// spans it touches and these of its parents (SpanTree::add), and reads no other block.
  std::vector<SpanDigest> spans;
  bool operator==(const LayerIndex&) const = default;
};

/// The index section and footer: what follows the frames. `frames_size` is the number of bytes of frames before it.
[[nodiscard]] std::string encode_index(const LayerIndex& index, std::uint64_t frames_size);

inline constexpr std::uint32_t kFooterSize = 64;

struct Footer {
  std::uint32_t version = 0;
  std::uint64_t index_offset = 0;  ///< of the first skippable frame of the index
  std::uint64_t index_size = 0;
  Digest index_digest;  ///< of the index_size bytes at index_offset
};

/// Throws Error L001 (kind Store) naming `what` when `bytes` (the last kFooterSize bytes of a blob of `blob_size`
/// bytes) is not a footer, or one of a newer format.
[[nodiscard]] Footer decode_footer(std::span<const std::byte> bytes, std::uint64_t blob_size, std::string_view what);

/// What of an index is wanted: serving blocks needs no names.
enum class IndexParts { All, AllButChanges };

/// Checks every count, sum, order and limit before it allocates. Throws Error L002 naming `what` and the rule that is
/// broken. `bytes` are the footer.index_size bytes at footer.index_offset; their digest is checked first.
[[nodiscard]] LayerIndex decode_index(std::span<const std::byte> bytes, const Footer& footer, std::string_view what,
                                      IndexParts parts = IndexParts::All);

}  // namespace blueprint::layers
