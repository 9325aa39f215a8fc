#pragma once

// The layer blob, version 1. Normative text: docs/layer-format.md.
//
//   blob     = frame* index footer
//   frame    = one zstd frame with its content size: 1 to 32 blocks of delta data
//   index    = section(Head) section(Frames) section(Extents) section(Spans) section(Changes)
//   section  = magic:u32 size:u32 body[size]                 a zstd skippable frame; magic = 0x184D2A50 + kind
//   body     = one zstd frame with its content size: the columns below, one behind the other
//   footer   = 0x184D2A5F:u32 56:u32 "BPLY" version:u32 index_offset:u64 index_size:u64 index_digest[32]
//
//   All integers little-endian; v = unsigned LEB128, z = zigzag LEB128, str = length:v and bytes, [n] = n times, a
//   column.
//
//   Head     = device_bytes:v content_digest[32] n:v digest[32][n]          the cited blobs, 1 to n; 0 is this blob
//   Frames   = n:v blob:v[n] skip:z[n] compressed_size:v[n] blocks:v[n] digest[32][n]
//              skip: offset minus the end of the frame before it in the same blob (0 at first). For blob 0 it is always
//              0, and the last frame of blob 0 ends where the index begins: the frames fill the blob.
//   Extents  = n:v gap:v[n] blocks:v[n] source:v[n] frame_block:v[of those with a frame]
//              gap: blocks between the extent before (0 at first) and this one
//              source: 0 = zeros, else 1 + zigzag(frame - frame of the extent before that has one (0 at first))
//   Spans    = n:v gap:v[n] digest[32][n]                    gap: spans between the one before and this one
//   Changes  = s:v xattrs[s] n:v shape:u8[n] path[n] metadata target:str[symlinks] device[devices] link_to:str[links]
//   data xattrs   = k:v (name:str value:str)[k]                   the distinct sets, numbered from 1; 0 is the empty
//   set shape    = kind | type << 2 | is_link << 5               of a Remove only the kind path     = shared:v
//   suffix:str                           shared: bytes in common with the path before metadata = mode:v[m] uid:v[m]
//   gid:v[m] seconds:z[m] nanoseconds:v[m] xattrs:v[m]
//              of the m changes that are no Remove and no link; seconds: minus those before (0 at first)
//   device   = major:v minor:v
//   data     = size:v[r] p:v[r] source:v[P] first_block:v[of those with a frame] blocks:v[P] digest[32][r]
//              of the r Puts of regular files that are no links; p = number of pieces, P = sum of all p; source as in
//              Extents
//
// Columns rather than records, and differences rather than values, because zstd then sees runs of equal bytes: the
// index of a fresh tree is little more than its digests and names. Skippable frames, so that `zstd -d` of a blob is its
// delta data.

#include <cstdint>
#include <string_view>

#include "layers/layer_index.h"

namespace blueprint::layers::format {

inline constexpr std::uint32_t kVersion = 1;
inline constexpr std::uint32_t kSkippableMagic = 0x184D2A50;
inline constexpr std::uint32_t kFooterMagic = kSkippableMagic + 15;
inline constexpr std::string_view kFooterWord = "BPLY";
inline constexpr std::uint32_t kSkippableHeader = 8;

enum class Section : std::uint32_t { Head, Frames, Extents, Spans, Changes };
inline constexpr std::uint32_t kSections = 5;
inline constexpr std::string_view kSectionNames[kSections] = {"head", "frames", "extents", "spans", "changes"};

// What a decoder refuses to hold, whatever a blob says. Far above any real layer (a million files, 16 TiB), and low
// enough that no hostile blob makes it allocate more than a few GiB of address space.
inline constexpr std::uint64_t kMaxSectionBytes = 256ULL << 20;
inline constexpr std::uint64_t kMaxDeviceBytes = 1ULL << 44;
inline constexpr std::uint64_t kMaxFileBytes = 1ULL << 44;
inline constexpr std::uint64_t kMaxBlobBytes = 1ULL << 48;
inline constexpr std::uint64_t kMaxBlobs = 1ULL << 16;
inline constexpr std::uint64_t kMaxFrames = 1ULL << 24;
inline constexpr std::uint64_t kMaxExtents = 1ULL << 24;
inline constexpr std::uint64_t kMaxSpans = 1ULL << 24;
inline constexpr std::uint64_t kMaxChanges = 1ULL << 22;
inline constexpr std::uint64_t kMaxPieces = 1ULL << 24;
inline constexpr std::uint64_t kMaxPathBytes = 256ULL << 20;   ///< of all paths of a layer, after expansion
inline constexpr std::uint64_t kMaxXattrBytes = 256ULL << 20;  ///< of the xattrs of all changes, after expansion
inline constexpr std::uint32_t kMaxCompressedFrame = kMaxFrameSize + 4096;
inline constexpr std::uint32_t kMaxXattrName = 255;
inline constexpr std::uint32_t kMaxXattrValue = 65536;
inline constexpr std::uint32_t kMaxTarget = 4095;
inline constexpr std::uint32_t kMaxMajor = (1U << 12) - 1;
inline constexpr std::uint32_t kMaxMinor = (1U << 20) - 1;
inline constexpr std::uint32_t kBlocksPerFrame = kMaxFrameSize / kBlockSize;

/// What is stored of a change; the other fields of Change are defaults after decoding.
[[nodiscard]] inline bool is_link(const Change& change) {
  return change.kind == ChangeKind::Put && !change.link_to.empty();
}
[[nodiscard]] inline bool has_metadata(const Change& change) {
  return change.kind == ChangeKind::Metadata || (change.kind == ChangeKind::Put && change.link_to.empty());
}
[[nodiscard]] inline bool is_put_of(const Change& change, FileType type) {
  return change.kind == ChangeKind::Put && change.link_to.empty() && change.type == type;
}
[[nodiscard]] inline bool is_device(const Change& change) {
  return is_put_of(change, FileType::CharDevice) || is_put_of(change, FileType::BlockDevice);
}

}  // namespace blueprint::layers::format
