#include "layers/cite_repack.h"

#include <random>

#include <fcntl.h>
#include <catch2/catch.hpp>

#include "base/error.h"
#include "base/file.h"
#include "layers/frame_codec.h"
#include "tests/unit/layers/memory_blobs.h"

namespace blueprint::layers {
namespace {

constexpr std::uint32_t kBlocks = 4;  ///< of each frame
using Needed = std::unordered_set<Digest, DigestHash>;

/// A block that zstd cannot make smaller, and that is no other's.
std::string block_bytes(std::uint32_t number) {
  std::mt19937 random(number);
  std::string bytes(kBlockSize, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random());
  return bytes;
}

/// Block `block` of frame `frame` of the blob that is cited.
std::string block_of(std::uint32_t frame, std::uint32_t block) { return block_bytes(frame * kBlocks + block); }

/// A draft that cites all frames of a blob, and the device that shows some of their blocks.
struct Drafting {
  TempDir directory;
  Store store{directory.path()};
  testing::BlobBuilder builder;
  Digest blob;
  BlobWriter draft{store.tmp()};
  std::vector<Extent> extents;

  explicit Drafting(std::uint32_t frames) {
    builder.index.device_bytes = 128ULL << 20;
    for (std::uint32_t frame = 0; frame < frames; ++frame) {
      std::string bytes;
      for (std::uint32_t block = 0; block < kBlocks; ++block) bytes += block_of(frame, block);
      (void)builder.add_frame(bytes);
    }
    blob = store.add_blob(builder.blob());
    for (const Frame& frame : builder.index.frames) (void)draft.cite(blob, frame);
  }

  void use(std::uint32_t frame, std::uint32_t first, std::uint32_t blocks) {
    extents.push_back({extents.size() * kBlocks, blocks, frame, first});
  }
  [[nodiscard]] LiveBlocks live() const { return {draft.frames().size(), extents}; }
  Repacked repack(const Needed& needed = {}) { return layers::repack(draft, store, live(), needed); }

  /// The bytes of what was frame `number`, wherever they are now.
  std::string read(const Repacked& repacked, std::uint32_t number) {
    const Frame& frame = draft.frames().at(repacked.numbers.empty() ? number : repacked.numbers.at(number));
    std::string compressed(frame.compressed_size, '\0');
    draft.flush();
    const UniqueFd cited(frame.blob == 0 ? UniqueFd() : open_file(store.blob_path(blob), O_RDONLY));
    pread_all(frame.blob == 0 ? draft.fd() : cited.get(), std::as_writable_bytes(std::span(compressed)), frame.offset,
              "a frame");
    std::string bytes(frame.size, '\0');
    REQUIRE(
        FrameDecompressor().decompress(std::as_bytes(std::span(compressed)), std::as_writable_bytes(std::span(bytes))));
    CHECK(sha256(bytes) == frame.digest);
    return bytes;
  }
};

/// What a layer stores that cites nothing: of each frame what is in use.
std::uint64_t bytes_without_citing(const Drafting& drafting, const LiveBlocks& live) {
  auto compressor = FrameCompressor::for_data();
  std::uint64_t bytes = 0;
  for (std::uint32_t frame = 0; frame < drafting.builder.index.frames.size(); ++frame) {
    std::string kept;
    for (std::uint32_t block = 0; block < kBlocks; ++block) {
      if (live.contains(frame, block)) kept += block_of(frame, block);
    }
    if (!kept.empty()) bytes += compressor.compress(std::as_bytes(std::span(kept))).size();
  }
  return bytes;
}

}  // namespace

TEST_CASE("the live blocks of a frame are those that extents name, each once") {
  const LiveBlocks live(3, {{0, 2, 0, 1}, {9, 2, 0, 2}, {20, 5, Extent::kZero, 0}, {40, 1, 2, 0}});
  CHECK(live.count(0) == 3);
  CHECK(live.count(1) == 0);
  CHECK(live.count(2) == 1);
  CHECK_FALSE(live.contains(0, 0));
  CHECK(live.contains(0, 1));
  CHECK(live.contains(0, 3));
  CHECK_FALSE(live.contains(0, 4));
  CHECK_FALSE(live.contains(1, 0));
  CHECK(live.rank(0, 1) == 0);
  CHECK(live.rank(0, 3) == 2);
}

TEST_CASE("a blob of which more than half is live is cited as it is") {
  Drafting here(10);
  for (std::uint32_t frame = 0; frame < 10; ++frame) here.use(frame, 0, frame < 8 ? 3 : 1);  // 26 of 40
  const auto repacked = here.repack();
  CHECK(repacked.numbers.empty());
  CHECK(repacked.copied_bytes == 0);
  CHECK(here.draft.blobs() == std::vector<Digest>{here.blob});
  CHECK(here.draft.size_bytes() == 0);
  CHECK(here.draft.frames() == [&] {
    auto frames = here.builder.index.frames;
    for (Frame& frame : frames) frame.blob = 1;
    return frames;
  }());
}

TEST_CASE("dead blocks count, not frames: a little of every frame is little of the blob") {
  Drafting here(10);
  for (std::uint32_t frame = 0; frame < 10; ++frame) here.use(frame, 2, 1);
  const auto repacked = here.repack();
  CHECK(here.draft.blobs().empty());
  CHECK(here.draft.size_bytes() == repacked.copied_bytes);
  CHECK(repacked.copied_bytes < 10 * (kBlockSize + 64));
  for (std::uint32_t frame = 0; frame < 10; ++frame) {
    CHECK(repacked.trimmed.at(frame));
    CHECK(here.read(repacked, frame) == block_of(frame, 2));
  }
}

TEST_CASE("of a blob that is not cited, whole frames come over as they are and of others what is live") {
  Drafting here(10);
  here.use(1, 0, kBlocks);
  here.use(4, 3, 1);
  here.use(4, 1, 1);
  here.use(0, 0, kBlocks);
  // Those that nothing uses are not in the draft of a real layer.
  for (const std::uint32_t frame : {2U, 3U, 5U, 6U, 7U, 8U, 9U}) here.draft.drop(frame);
  const auto numbers = here.draft.renumber();
  for (Extent& extent : here.extents) extent.frame = numbers[extent.frame];
  const auto repacked = here.repack();
  CHECK(here.draft.blobs().empty());
  CHECK_FALSE(repacked.trimmed.at(numbers[0]));
  CHECK(here.read(repacked, numbers[1]) == block_of(1, 0) + block_of(1, 1) + block_of(1, 2) + block_of(1, 3));
  CHECK(repacked.trimmed.at(numbers[4]));
  CHECK(here.read(repacked, numbers[4]) == block_of(4, 1) + block_of(4, 3));
  std::uint64_t end = 0;  // own frames are in the order in which they lie in the blob
  for (const Frame& frame : here.draft.frames()) {
    CHECK(frame.blob == 0);
    CHECK(frame.offset == end);
    end += frame.compressed_size;
  }
  CHECK(end == here.draft.size_bytes());
}

TEST_CASE("a blob that the image needs anyway has no dead weight") {
  Drafting here(10);
  for (std::uint32_t frame = 0; frame < 10; ++frame) here.use(frame, 0, 1);
  CHECK(here.repack({here.blob}).numbers.empty());
  CHECK(here.draft.blobs() == std::vector<Digest>{here.blob});
}

TEST_CASE("what is left of one frame and is all of another is stored once") {
  Drafting here(10);
  const std::string left = block_of(3, 0) + block_of(3, 1);
  auto compressor = FrameCompressor::for_data();
  const auto own = here.draft.store(sha256(left), 2 * kBlockSize, compressor.compress(std::as_bytes(std::span(left))));
  const std::uint64_t before = here.draft.size_bytes();
  here.use(own, 0, 2);
  here.use(3, 0, 2);
  for (const std::uint32_t frame : {0U, 1U, 2U, 4U, 5U, 6U, 7U, 8U, 9U}) here.use(frame, 0, 1);
  const auto repacked = here.repack();
  CHECK(repacked.numbers.at(3) == repacked.numbers.at(own));
  CHECK(here.read(repacked, 3) == left);
  CHECK(here.draft.size_bytes() - before < 9 * (kBlockSize + 64));
}

TEST_CASE("a frame that is damaged is not copied") {
  Drafting here(10);
  std::string bytes = here.store.read_blob(here.blob);
  bytes[here.builder.index.frames[0].offset + 100] ^= 1;
  std::filesystem::remove(here.store.blob_path(here.blob));
  write_file_atomic(here.store.blob_path(here.blob), bytes);
  for (std::uint32_t frame = 0; frame < 10; ++frame) here.use(frame, 0, 1);
  CHECK_THROWS_AS(here.repack(), Error);
}

TEST_CASE("whatever is live, a layer stores no more than without citing, and cites no blob that is mostly dead") {
  const auto seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 20; ++round) {
    Drafting here(8);
    const unsigned percent = random() % 101;
    for (std::uint32_t frame = 0; frame < 8; ++frame) {
      const std::size_t before = here.extents.size();
      for (std::uint32_t block = 0; block < kBlocks; ++block) {
        if (random() % 100 < percent) here.use(frame, block, 1);
      }
      if (here.extents.size() == before) here.use(frame, random() % kBlocks, 1);
    }
    const auto live = here.live();
    const auto repacked = here.repack();
    CAPTURE(round, percent, here.extents.size());
    CHECK(repacked.copied_bytes == here.draft.size_bytes());
    CHECK(here.draft.size_bytes() <= bytes_without_citing(here, live));
    const std::uint64_t used = here.extents.size() * std::uint64_t{kBlockSize};
    const std::uint64_t size = here.store.read_blob(here.blob).size();
    const bool cites = !here.draft.blobs().empty();
    CHECK(cites == (here.draft.size_bytes() == 0));
    if (cites) CHECK((size - used) * 100 <= size * (kMaxDeadPercent + 1));
    for (const Extent& extent : here.extents) {
      const std::uint32_t block = cites                            ? extent.frame_block
                                  : repacked.trimmed[extent.frame] ? live.rank(extent.frame, extent.frame_block)
                                                                   : extent.frame_block;
      CHECK(here.read(repacked, extent.frame).substr(std::size_t{block} * kBlockSize, kBlockSize) ==
            block_of(extent.frame, extent.frame_block));
    }
  }
}

}  // namespace blueprint::layers
