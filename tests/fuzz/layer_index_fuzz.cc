// The index of a layer blob, as a hostile registry would send it.
//
// The SHA-256 of the footer and zstd would keep a fuzzer out, so most inputs are the columns behind them: the first
// byte chooses.
//   0: the input is a footer          1: the input is an index (sections as they are)
//   else: 4 bytes are the size of the frames, then 5 sections, each as size (4 bytes) and columns, which are compressed
//   here
// What decodes must encode to something that decodes to the same, make a block map, and must not crash the tree of
// files.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>

#include "base/encoding.h"
#include "base/error.h"
#include "layers/block_map.h"
#include "layers/file_tree.h"
#include "layers/frame_codec.h"
#include "layers/layer_index.h"
#include "layers/layer_index_format.h"

namespace {

using namespace blueprint;
using namespace blueprint::layers;

using Bytes = std::span<const std::byte>;

std::uint32_t take_u32(Bytes& input) {
  std::uint32_t value = 0;
  const std::size_t size = std::min(input.size(), sizeof(value));
  if (size > 0) std::memcpy(&value, input.data(), size);
  input = input.subspan(size);
  return value;
}

Footer footer_of(Bytes index, std::uint64_t frames_size) {
  return {format::kVersion, frames_size, index.size(), sha256(index)};
}

void check(Bytes bytes, std::uint64_t frames_size) {
  const LayerIndex index = decode_index(bytes, footer_of(bytes, frames_size), "input");
  const std::string encoded = encode_index(index, frames_size);
  const Bytes again = std::as_bytes(std::span(encoded));
  const Footer footer = decode_footer(again.last(kFooterSize), frames_size + again.size(), "output");
  if (decode_index(again.first(footer.index_size), footer, "output") != index) std::abort();

  const BlockMap map(std::vector<BlockMap::Layer>{{Digest{}, &index}, {Digest{}, &index}});
  for (const auto& piece : map.pieces()) {
    if (map.find(piece.first) >= map.pieces().size()) std::abort();
    if ((std::uint64_t{piece.frame_block} + piece.count) * kBlockSize > map.frames()[piece.frame].size) std::abort();
  }
  const auto shared = std::make_shared<const LayerIndex>(index);
  const FileTree tree({shared, shared});
  for (const auto& entry : tree.entries()) {
    if (tree.find(entry.path) != &entry) std::abort();
    (void)tree.resolve(entry.path);
  }
}

void check_columns(Bytes input) {
  const std::uint64_t frames_size = take_u32(input);
  ByteWriter out;
  FrameCompressor zstd(-5);
  for (std::uint32_t section = 0; section < format::kSections; ++section) {
    const std::size_t wanted = take_u32(input);  // shortens `input`, so not as an argument beside its size
    const std::size_t size = std::min(wanted, input.size());
    const auto body = zstd.compress(input.first(size));
    input = input.subspan(size);
    out.u32(format::kSkippableMagic + section);
    out.u32(static_cast<std::uint32_t>(body.size()));
    out.raw(body);
  }
  check(out.bytes(), frames_size);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const Bytes input = std::as_bytes(std::span(data, size)).subspan(1);
  try {
    if (data[0] == 0) {
      (void)decode_footer(input, input.size() + 1000, "input");
    } else if (data[0] == 1) {
      check(input, 0);
    } else {
      check_columns(input);
    }
  } catch (const Error& error) {
    if (error.first().kind == ErrorKind::Bug) std::abort();  // a rule that the encoder knows and the decoder does not
  }
  return 0;
}
