#include "layers/block_map.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <random>

#include "tests/unit/layers/message.h"

using namespace blueprint;
using namespace blueprint::layers;
using blueprint::layers::testing::message_of;

namespace {

constexpr std::uint64_t kBlocks = 600;

/// The block of a frame that a block of the device is; layer -1 = hole.
struct Place {
  int layer = -1;
  std::uint32_t frame = 0;
  std::uint32_t frame_block = 0;
  bool operator==(const Place&) const = default;
};

/// `extents` as first block, count, frame (or kZero), block in frame; every frame has 32 blocks.
LayerIndex layer_of(std::vector<Extent> extents, std::uint64_t device_blocks = kBlocks) {
  LayerIndex index;
  index.device_bytes = device_blocks * kBlockSize;
  for (std::uint32_t i = 0; i < 8; ++i)
    index.frames.push_back({0, i * 100, 100, kMaxFrameSize, sha256(std::to_string(i))});
  index.extents = std::move(extents);
  return index;
}

Digest blob_name(std::size_t layer) { return sha256("layer " + std::to_string(layer)); }

BlockMap map_of(const std::vector<LayerIndex>& layers) {
  std::vector<BlockMap::Layer> stack;
  for (std::size_t i = 0; i < layers.size(); ++i) stack.push_back({blob_name(i), &layers[i]});
  return BlockMap(stack);
}

/// Where each block is, by applying the layers one by one to an array.
std::vector<Place> painted(const std::vector<LayerIndex>& layers) {
  std::vector<Place> places(kBlocks);
  for (std::size_t layer = 0; layer < layers.size(); ++layer) {
    for (const Extent& extent : layers[layer].extents) {
      for (std::uint32_t i = 0; i < extent.blocks; ++i) {
        Place& place = places[extent.first_block + i];
        place = extent.frame == Extent::kZero ? Place{}
                                              : Place{static_cast<int>(layer), extent.frame, extent.frame_block + i};
      }
    }
  }
  return places;
}

/// Where each block is, as find() tells.
std::vector<Place> looked_up(const BlockMap& map, std::size_t layers) {
  std::vector<Place> places(kBlocks);
  for (std::uint32_t block = 0; block < kBlocks; ++block) {
    const std::size_t number = map.find(block);
    if (number == map.pieces().size() || map.pieces()[number].first > block) continue;
    const auto& piece = map.pieces()[number];
    REQUIRE(block < piece.first + piece.count);
    const Frame& frame = map.frames()[piece.frame];
    for (std::size_t layer = 0; layer < layers; ++layer) {
      if (blob_name(layer) == map.blobs()[frame.blob]) places[block].layer = static_cast<int>(layer);
    }
    places[block].frame = static_cast<std::uint32_t>(frame.offset / 100);
    places[block].frame_block = piece.frame_block + block - piece.first;
  }
  return places;
}

LayerIndex random_layer(std::mt19937& random) {
  const auto below = [&](std::uint32_t bound) { return static_cast<std::uint32_t>(random() % bound); };
  std::vector<Extent> extents;
  for (std::uint64_t block = below(100); block < kBlocks; block += below(3) == 0 ? 0 : below(90)) {
    Extent extent{block, 1 + below(32), Extent::kZero, 0};
    extent.blocks = std::min<std::uint32_t>(extent.blocks, static_cast<std::uint32_t>(kBlocks - block));
    if (below(3) != 0) {
      extent.frame = below(8);
      extent.frame_block = below(33 - extent.blocks);
    }
    extents.push_back(extent);
    block += extent.blocks;
  }
  return layer_of(extents);
}

}  // namespace

TEST_CASE("a device of no layers has no block") {
  const BlockMap map({});
  CHECK(map.device_bytes() == 0);
  CHECK(map.find(0) == 0);
}

TEST_CASE("the newest layer that wrote a block wins") {
  const std::vector<LayerIndex> layers{layer_of({{0, 30, 0, 1}, {50, 10, 1, 0}}),
                                       layer_of({{5, 5, 2, 7}, {55, 20, Extent::kZero, 0}}), layer_of({{9, 1, 3, 0}})};
  const BlockMap map = map_of(layers);
  CHECK(looked_up(map, 3) == painted(layers));
  REQUIRE(map.pieces().size() == 5);
  CHECK(map.pieces()[3].first == 10);
  CHECK(map.pieces()[3].frame_block == 11);
  CHECK(map.pieces()[4].count == 5);
}

TEST_CASE("pieces that continue each other in one frame become one") {
  const BlockMap map = map_of({layer_of({{0, 4, 0, 0}, {4, 4, 0, 4}, {8, 2, 0, 9}})});
  CHECK(map.pieces().size() == 2);
}

TEST_CASE("frames and blobs that no block needs are not kept") {
  LayerIndex newer = layer_of({{0, 32, 5, 0}});
  const BlockMap map = map_of({layer_of({{0, 32, 1, 0}, {40, 1, Extent::kZero, 0}}), newer});
  CHECK(map.frames().size() == 1);
  CHECK(map.blobs() == std::vector{blob_name(1)});
}

TEST_CASE("frames of cited blobs are found in these") {
  LayerIndex index = layer_of({{0, 1, 0, 0}, {1, 1, 1, 0}});
  index.blobs = {sha256("other"), sha256("cited")};
  index.frames[1].blob = 2;
  const BlockMap map = map_of({index});
  REQUIRE(map.frames().size() == 2);
  CHECK(map.blobs()[map.frames()[map.pieces()[1].frame].blob] == sha256("cited"));
}

TEST_CASE("a layer that makes the device smaller is refused") {
  CHECK(message_of([] {
          return map_of({layer_of({}, 10), layer_of({}, 9)});
        }) == "the layers of the image do not fit each other: /: a layer makes the device smaller [L004]");
}

TEST_CASE("any stack of layers maps each block to where its newest writer put it") {
  const auto seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 200; ++round) {
    std::vector<LayerIndex> layers;
    for (std::uint32_t count = 1 + random() % 9; count > 0; --count) layers.push_back(random_layer(random));
    const BlockMap map = map_of(layers);
    REQUIRE(looked_up(map, layers.size()) == painted(layers));
    for (std::size_t i = 1; i < map.pieces().size(); ++i) {
      REQUIRE(map.pieces()[i - 1].first + map.pieces()[i - 1].count <= map.pieces()[i].first);
    }
  }
}

TEST_CASE("a thousand layers are merged") {
  std::mt19937 random(1);
  std::vector<LayerIndex> layers;
  for (int i = 0; i < 1000; ++i) layers.push_back(random_layer(random));
  CHECK(looked_up(map_of(layers), layers.size()) == painted(layers));
}

TEST_CASE("a map of many pieces finds each of them") {
  LayerIndex index;
  index.device_bytes = 16ULL << 30;
  index.frames.push_back({0, 0, 100, kBlockSize, Digest{}});
  for (std::uint64_t i = 0; i < 10000; ++i) index.extents.push_back({3 * i + 1, 1, 0, 0});
  const BlockMap map = map_of({index});
  for (std::uint32_t i = 0; i < 10000; ++i) {
    REQUIRE(map.find(3 * i + 1) == i);
    REQUIRE(map.find(3 * i) == i);
    REQUIRE(map.find(3 * i + 2) == i + 1);
  }
}
