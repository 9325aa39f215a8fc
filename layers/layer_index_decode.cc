// Reading the index of a layer blob: footer, sections, and all columns but those of the changes
// (layer_index_changes.cc).
//
// The bytes may come from a registry that lies. So: the digest in the footer first; then, section by section, the size
// before the memory, the count before the vector, and each rule of the grammar (layers/layer_index_format.h) where its
// value is read. What comes out needs no second check: frames lie in their blobs, extents in the device and in their
// frames, paths are clean and in order.

#include <algorithm>
#include <cstring>
#include <string>
#include <unordered_set>
#include <vector>

#include <fmt/format.h>

#include "layers/content_digest.h"
#include "layers/errors.h"
#include "layers/frame_codec.h"
#include "layers/layer_index.h"
#include "layers/layer_index_columns.h"

namespace blueprint::layers {
namespace format {

void Columns::reject(std::string_view rule) const {
  throw bad_index(what_, fmt::format("section '{}': {}", kSectionNames[static_cast<std::size_t>(section_)], rule));
}

std::uint64_t Columns::count(std::uint64_t limit, std::size_t least_bytes, std::string_view rule) {
  const std::uint64_t value = number(0, limit, rule);
  require(value <= reader_.left() / least_bytes, "it ends early");
  return value;
}

std::uint8_t Columns::byte() {
  const std::uint8_t value = reader_.u8();
  check();
  return value;
}

std::uint64_t Columns::number(std::uint64_t least, std::uint64_t most, std::string_view rule) {
  const std::uint64_t value = reader_.varint();
  check();
  require(value >= least && value <= most, rule);
  return value;
}

std::int64_t Columns::difference() {
  const std::int64_t value = reader_.signed_varint();
  check();
  return value;
}

Digest Columns::digest() {
  Digest digest;
  const auto bytes = reader_.raw(digest.bytes.size());
  check();
  std::memcpy(digest.bytes.data(), bytes.data(), bytes.size());
  return digest;
}

std::string_view Columns::text(std::size_t most, std::string_view rule) {
  const std::string_view text = reader_.string();
  check();
  require(text.size() <= most, rule);
  return text;
}

void Columns::finish() const { require(reader_.left() == 0, "there are bytes behind its last column"); }

std::uint32_t SourceReader::next(std::uint32_t none) {
  const std::uint64_t code = columns_.number(0, ~0ULL, "");
  if (code == 0) return none;
  const std::uint64_t zigzag = code - 1;
  const std::uint64_t frame = before_ + ((zigzag >> 1) ^ (0 - (zigzag & 1)));  // wraps where the difference is negative
  columns_.require(frame < frames_, "a frame number is not below the number of frames");
  before_ = frame;
  return static_cast<std::uint32_t>(frame);
}

}  // namespace format

namespace {

using namespace format;

void decode_head(Columns& columns, LayerIndex& index) {
  index.device_bytes = columns.number(0, kMaxDeviceBytes, "the device is larger than 16 TiB");
  columns.require(index.device_bytes % kBlockSize == 0, "the device size is no multiple of 4096");
  index.content_digest = columns.digest();
  index.blobs.resize(columns.count(kMaxBlobs, 32, "too many cited blobs"));
  std::unordered_set<Digest, DigestHash> seen;
  for (Digest& blob : index.blobs) {
    blob = columns.digest();
    columns.require(seen.insert(blob).second, "a blob is cited under two numbers");
  }
}

void decode_frames(Columns& columns, std::uint64_t frames_size, LayerIndex& index) {
  index.frames.resize(columns.count(kMaxFrames, 36, "too many frames"));
  for (Frame& frame : index.frames) {
    frame.blob =
        columns.number32(0, static_cast<std::uint32_t>(index.blobs.size()), "a frame is in a blob that is not listed");
  }
  std::vector<std::int64_t> skips(index.frames.size());
  for (std::int64_t& skip : skips) skip = columns.difference();
  std::vector<std::uint64_t> ends(index.blobs.size() + 1, 0);
  for (std::size_t i = 0; i < index.frames.size(); ++i) {
    Frame& frame = index.frames[i];
    std::uint64_t& end = ends[frame.blob];
    frame.compressed_size = columns.number32(1, kMaxCompressedFrame, "a compressed frame is empty or too large");
    columns.require(frame.blob != 0 || skips[i] == 0, "the frames of this blob do not lie one behind the other");
    frame.offset = end + static_cast<std::uint64_t>(skips[i]);
    columns.require(frame.offset <= kMaxBlobBytes, "a frame lies outside its blob");
    end = frame.offset + frame.compressed_size;
  }
  columns.require(ends[0] == frames_size, "the frames of this blob do not end where the index begins");
  for (Frame& frame : index.frames) {
    frame.size = kBlockSize * columns.number32(1, kBlocksPerFrame, "a frame has no block, or more than 128");
  }
  for (Frame& frame : index.frames) frame.digest = columns.digest();
}

void decode_extents(Columns& columns, LayerIndex& index) {
  const std::uint64_t device_blocks = index.device_bytes / kBlockSize;
  index.extents.resize(columns.count(kMaxExtents, 3, "too many extents"));
  std::vector<std::uint64_t> gaps(index.extents.size());
  for (std::uint64_t& gap : gaps)
    gap = columns.number(0, device_blocks, "an extent begins behind the end of the device");
  std::uint64_t end = 0;
  for (std::size_t i = 0; i < index.extents.size(); ++i) {
    Extent& extent = index.extents[i];
    extent.first_block = end + gaps[i];
    extent.blocks = columns.number32(1, ~0U, "an extent has no block, or more than 2^32");
    end = extent.first_block + extent.blocks;
    columns.require(end <= device_blocks, "an extent ends behind the end of the device");
  }
  SourceReader source(columns, index.frames.size());
  for (Extent& extent : index.extents) extent.frame = source.next(Extent::kZero);
  for (Extent& extent : index.extents) {
    if (extent.frame == Extent::kZero) continue;
    const std::uint32_t frame_blocks = index.frames[extent.frame].size / kBlockSize;
    columns.require(extent.blocks <= frame_blocks, "an extent is larger than its frame");
    extent.frame_block =
        columns.number32(0, frame_blocks - extent.blocks, "an extent ends behind the end of its frame");
  }
}

void decode_spans(Columns& columns, LayerIndex& index) {
  const std::uint64_t device_spans = (index.device_bytes + kSpanBytes - 1) / kSpanBytes;
  index.spans.resize(columns.count(kMaxSpans, 33, "too many spans"));
  std::uint64_t end = 0;
  for (SpanDigest& span : index.spans) {
    span.span = end + columns.number(0, device_spans, "a span lies behind the end of the device");
    end = span.span + 1;
    columns.require(end <= device_spans, "a span lies behind the end of the device");
  }
  for (SpanDigest& span : index.spans) span.digest = columns.digest();
}

std::uint32_t u32_at(std::span<const std::byte> bytes, std::size_t offset) {
  return ByteReader(bytes.subspan(offset)).u32();
}

/// Takes the next section off the front of `rest` and returns its columns' bytes.
std::vector<std::byte> open_section(std::span<const std::byte>& rest, Section section, std::uint64_t offset,
                                    std::string_view what, FrameDecompressor& zstd) {
  const auto name = kSectionNames[static_cast<std::size_t>(section)];
  const auto reject = [&](std::string_view rule) {
    return bad_index(what, fmt::format("section '{}' at offset {}: {}", name, offset, rule));
  };
  if (rest.size() < kSkippableHeader) throw reject("it is missing");
  if (u32_at(rest, 0) != kSkippableMagic + static_cast<std::uint32_t>(section))
    throw reject("its magic number is wrong");
  const std::uint32_t size = u32_at(rest, 4);
  if (size > rest.size() - kSkippableHeader) throw reject("it is larger than the index");
  const auto body = rest.subspan(kSkippableHeader, size);
  rest = rest.subspan(kSkippableHeader + size);
  const auto bytes = frame_content_size(body);
  if (!bytes) throw reject("it is no single zstd frame that states its size");
  if (*bytes > kMaxSectionBytes) throw reject("it is larger than 256 MiB when decompressed");
  std::vector<std::byte> columns(*bytes);
  if (!zstd.decompress(body, columns)) throw reject("it does not decompress");
  return columns;
}

}  // namespace

Footer decode_footer(std::span<const std::byte> bytes, std::uint64_t blob_size, std::string_view what) {
  if (bytes.size() != kFooterSize || blob_size < kFooterSize) throw not_a_layer(what, "it is shorter than a footer");
  ByteReader reader(bytes);
  const std::uint32_t magic = reader.u32();
  const std::uint32_t size = reader.u32();
  const auto word = reader.raw(kFooterWord.size());
  if (magic != kFooterMagic || size != kFooterSize - kSkippableHeader ||
      std::memcmp(word.data(), kFooterWord.data(), word.size()) != 0) {
    throw not_a_layer(what, fmt::format("there is no footer at offset {}", blob_size - kFooterSize));
  }
  Footer footer;
  footer.version = reader.u32();
  if (footer.version != kVersion) {
    throw not_a_layer(what, fmt::format("the footer at offset {} has format version {}, this program knows version {}",
                                        blob_size - kFooterSize, footer.version, kVersion));
  }
  footer.index_offset = reader.u64();
  footer.index_size = reader.u64();
  const std::uint64_t before_footer = blob_size - kFooterSize;
  if (footer.index_offset > before_footer || footer.index_size != before_footer - footer.index_offset) {
    throw not_a_layer(what, fmt::format("the footer at offset {} says that the index lies elsewhere", before_footer));
  }
  const auto digest = reader.raw(footer.index_digest.bytes.size());
  std::memcpy(footer.index_digest.bytes.data(), digest.data(), digest.size());
  return footer;
}

LayerIndex decode_index(std::span<const std::byte> bytes, const Footer& footer, std::string_view what,
                        IndexParts parts) {
  if (bytes.size() != footer.index_size || sha256(bytes) != footer.index_digest) {
    throw bad_index(what, fmt::format("the {} bytes from offset {} on are not those that the footer names",
                                      footer.index_size, footer.index_offset));
  }
  LayerIndex index;
  FrameDecompressor zstd;
  std::span<const std::byte> rest = bytes;
  for (std::uint32_t number = 0; number < kSections; ++number) {
    const auto section = static_cast<Section>(number);
    if (section == Section::Changes && parts == IndexParts::AllButChanges) return index;
    const std::uint64_t offset = footer.index_offset + (bytes.size() - rest.size());
    const auto raw = open_section(rest, section, offset, what, zstd);
    Columns columns(raw, what, section);
    switch (section) {
      case Section::Head: decode_head(columns, index); break;
      case Section::Frames: decode_frames(columns, footer.index_offset, index); break;
      case Section::Extents: decode_extents(columns, index); break;
      case Section::Spans: decode_spans(columns, index); break;
      case Section::Changes: decode_changes(columns, index); break;
    }
    columns.finish();
  }
  if (!rest.empty()) throw bad_index(what, "there are bytes between its last section and the footer");
  return index;
}

}  // namespace blueprint::layers
