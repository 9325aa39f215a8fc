#include "layers/device.h"

#include <atomic>
#include <barrier>
#include <catch2/catch.hpp>
#include <random>
#include <thread>

#include "base/file.h"
#include "tests/unit/layers/memory_blobs.h"
#include "tests/unit/layers/message.h"

using namespace blueprint;
using namespace blueprint::layers;
using blueprint::layers::testing::BlobBuilder;
using blueprint::layers::testing::MemoryBlobs;
using blueprint::layers::testing::message_of;

namespace {

std::string noise(std::size_t size, std::mt19937& random) {
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random() % 7);
  return bytes;
}

/// Layers over one another with random extents, and the device that they make, painted block by block.
struct Stack {
  std::unique_ptr<MemoryBlobs> blobs = std::make_unique<MemoryBlobs>();
  std::vector<LayerRef> layers;
  std::string device;

  Stack(std::mt19937& random, std::size_t count, std::size_t blocks) : device(blocks * kBlockSize, '\0') {
    for (std::size_t i = 0; i < count; ++i) add(random, blocks);
  }

  void add(std::mt19937& random, std::size_t blocks) {
    BlobBuilder builder;
    builder.index.device_bytes = blocks * kBlockSize;
    for (std::size_t block = random() % 20; block < blocks;) {
      const auto most = std::min<std::size_t>(32, blocks - block);
      const auto run = static_cast<std::uint32_t>(1 + random() % most);
      std::string data(run * kBlockSize, '\0');
      Extent extent{block, run, Extent::kZero, 0};
      if (random() % 3 != 0) {
        data = noise(data.size(), random);
        extent.frame = builder.add_frame(data);
      }
      builder.index.extents.push_back(extent);
      device.replace(block * kBlockSize, data.size(), data);
      block += run + random() % 20;
    }
    const std::string blob = builder.blob();
    LayerRef layer;
    layer.digest = sha256(blob);
    layers.push_back(layer);
    blobs->blobs[layer.digest] = blob;
  }

  std::unique_ptr<ImageDevice> open(std::uint64_t cache_bytes = 1 << 20) {
    return open_device(std::move(blobs), layers, cache_bytes);
  }
};

std::string read(const BlockSource& device, std::uint64_t offset, std::size_t size) {
  std::string out(size, 'x');
  device.read(offset, std::as_writable_bytes(std::span(out)));
  return out;
}

}  // namespace

TEST_CASE("a device reads as its layers painted over one another, at any alignment") {
  const auto seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 20; ++round) {
    Stack stack(random, 1 + random() % 5, 300);
    const auto device = stack.open();
    REQUIRE(device->device_bytes() == stack.device.size());
    REQUIRE(read(*device, 0, stack.device.size()) == stack.device);
    for (int i = 0; i < 50; ++i) {
      const std::size_t offset = random() % stack.device.size();
      const std::size_t size = random() % std::min<std::size_t>(stack.device.size() - offset + 1, 300000);
      REQUIRE(read(*device, offset, size) == stack.device.substr(offset, size));
    }
  }
}

TEST_CASE("runs cover the range, alternate, and are holes only where the device is zeros") {
  std::mt19937 random(4);
  Stack stack(random, 3, 300);
  const auto device = stack.open();
  for (int i = 0; i < 100; ++i) {
    const std::uint64_t offset = random() % stack.device.size();
    const std::uint64_t length = random() % (stack.device.size() - offset + 1);
    std::uint64_t at = offset;
    const auto runs = device->runs(offset, length);
    for (std::size_t n = 0; n < runs.size(); ++n) {
      REQUIRE(runs[n].offset == at);
      REQUIRE(runs[n].length > 0);
      if (n > 0) REQUIRE(runs[n].hole != runs[n - 1].hole);
      if (runs[n].hole) REQUIRE(stack.device.find_first_not_of('\0', at) >= at + runs[n].length);
      at += runs[n].length;
    }
    REQUIRE(at == offset + length);
  }
}

TEST_CASE("a read past the end of the device is refused") {
  std::mt19937 random(4);
  Stack stack(random, 1, 10);
  const auto device = stack.open();
  CHECK_THROWS_AS(read(*device, 10 * kBlockSize - 1, 2), Error);
  CHECK_THROWS_AS(device->runs(10 * kBlockSize + 1, 0), Error);
}

TEST_CASE("threads that read at once all see the device, within the cache's limit") {
  std::mt19937 random(6);
  Stack stack(random, 4, 2000);
  const auto device = stack.open(512 << 10);
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (unsigned thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&, thread] {
      std::mt19937 own(thread);
      for (int i = 0; i < 300; ++i) {
        const std::size_t offset = own() % stack.device.size();
        const std::size_t size = std::min<std::size_t>(stack.device.size() - offset, own() % 100000);
        if (read(*device, offset, size) != stack.device.substr(offset, size)) ++wrong;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(wrong == 0);
  CHECK(device->cached_bytes() <= 512 << 10);
  CHECK(device->cached_bytes() > 0);
}

TEST_CASE("a frame that is in the cache is not read again") {
  std::mt19937 random(6);
  Stack stack(random, 1, 100);
  const auto& blobs = *stack.blobs;
  const auto device = stack.open(8 << 20);
  (void)read(*device, 0, stack.device.size());
  const int before = blobs.reads;
  (void)read(*device, 0, stack.device.size());
  CHECK(blobs.reads == before);
}

TEST_CASE("a cache smaller than a frame still serves reads") {
  std::mt19937 random(6);
  Stack stack(random, 2, 100);
  const auto device = stack.open(1);
  CHECK(read(*device, 0, stack.device.size()) == stack.device);
  CHECK(device->cached_bytes() == 0);
}

TEST_CASE("threads that want one frame decode it once") {
  FrameCache cache(1 << 20);
  std::atomic<int> loads{0};
  std::barrier start(4);
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&] {
      start.arrive_and_wait();
      for (std::uint32_t frame = 0; frame < 100; ++frame) {
        (void)cache.get(frame, 100, [&](std::span<std::byte>) { ++loads; });
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(loads == 100);
}

TEST_CASE("a frame that failed to load is tried again by the next reader") {
  FrameCache cache(1 << 20);
  CHECK_THROWS_AS(cache.get(1, 10, [](std::span<std::byte>) { throw bug("damaged"); }), Error);
  CHECK(cache.get(1, 10, [](std::span<std::byte> out) { out[3] = std::byte{9}; })->span()[3] == std::byte{9});
}

TEST_CASE("the cache forgets what was used longest ago") {
  FrameCache cache(10 * 1000);
  int loads = 0;
  const auto get = [&](std::uint32_t frame) { (void)cache.get(frame, 1000, [&](std::span<std::byte>) { ++loads; }); };
  for (std::uint32_t frame = 0; frame < 10; ++frame) get(frame);
  get(0);
  get(10);
  CHECK(loads == 11);
  get(0);
  CHECK(loads == 11);
  get(1);
  CHECK(loads == 12);
  CHECK(cache.held_bytes() == 10 * 1000);
}

TEST_CASE("no flipped bit of a blob reaches a reader") {
  std::mt19937 random(11);
  BlobBuilder builder;
  builder.index.device_bytes = 40 * kBlockSize;
  std::string device(builder.index.device_bytes, '\0');
  for (const std::uint32_t blocks : {1U, 2U, 3U}) {
    const std::string data = noise(std::size_t{blocks} * kBlockSize, random);
    const std::uint32_t frame = builder.add_frame(data);
    builder.index.extents.push_back({blocks * 10, blocks, frame, 0});
    device.replace(std::size_t{blocks} * 10 * kBlockSize, data.size(), data);
  }
  const std::string good = builder.blob();
  const Digest digest = sha256(good);
  const std::vector<LayerRef> layers{LayerRef{.digest = digest}};
  const std::string start = "blob " + digest.to_string() + " is damaged at offset ";

  // Every byte of headers, index and footer; of the middle of frames, each 7th.
  for (std::size_t byte = 0; byte < good.size(); byte += byte + 600 < builder.frames.size() ? 7 : 1) {
    auto blobs = std::make_unique<MemoryBlobs>();
    std::string& bad = blobs->blobs[digest] = good;
    bad[byte] = static_cast<char>(bad[byte] ^ (1 << (byte % 8)));
    INFO("byte " << byte);
    if (byte >= builder.frames.size()) {
      const std::string message = message_of([&] { return open_device(std::move(blobs), layers, 1 << 20); });
      REQUIRE(message.find("layer blob " + digest.to_string()) != std::string::npos);
      REQUIRE(message.find(" offset ") != std::string::npos);
      continue;
    }
    const auto opened = open_device(std::move(blobs), layers, 1 << 20);
    std::string seen;
    const std::string message = message_of([&] { return seen = read(*opened, 0, device.size()); });
    // zstd ignores one bit of a frame's header: then the data is right, and nothing else may be.
    if (message == "no error") {
      REQUIRE(seen == device);
    } else {
      REQUIRE(message.substr(0, start.size()) == start);
      const auto offset = std::stoull(message.substr(start.size()));
      const auto& frames = builder.index.frames;
      REQUIRE(std::any_of(frames.begin(), frames.end(), [&](const Frame& frame) {
        return frame.offset == offset && byte >= offset && byte < offset + frame.compressed_size;
      }));
    }
  }
}

TEST_CASE("a blob cut short is reported with its name and where it ends") {
  TempDir directory;
  BlobBuilder builder;
  builder.index.device_bytes = kBlockSize;
  builder.index.extents.push_back({0, 1, builder.add_frame(std::string(kBlockSize, 'a')), 0});
  const std::string blob = builder.blob();
  const Digest digest = sha256(blob);
  const auto path = directory.path() / digest.hex();
  write_file_atomic(path, blob);
  const auto opened =
      open_device(std::make_unique<BlobFiles>(directory.path()), std::vector{LayerRef{.digest = digest}}, 1 << 20);
  CHECK(read(*opened, 0, kBlockSize) == std::string(kBlockSize, 'a'));

  const auto again =
      open_device(std::make_unique<BlobFiles>(directory.path()), std::vector{LayerRef{.digest = digest}}, 1 << 20);
  std::filesystem::resize_file(path, 5);
  CHECK(message_of([&] { return read(*again, 0, 1); }) ==
        "blob " + digest.to_string() + " is damaged at offset 5: the file ends there [L003]");
  std::filesystem::resize_file(path, kFooterSize - 1);
  CHECK(message_of([&] {
          return open_device(std::make_unique<BlobFiles>(directory.path()), std::vector{LayerRef{.digest = digest}}, 0);
        }) == "layer blob " + digest.to_string() +
                  " is not a layer blob that this version can read: it is shorter than a footer [L001]");
}

TEST_CASE("more blobs than may be open at once can be read") {
  TempDir directory;
  const BlobFiles files(directory.path());
  for (int round = 0; round < 2; ++round) {
    for (std::size_t i = 0; i < BlobFiles::kMaxOpen + 20; ++i) {
      const std::string text = std::to_string(i);
      if (round == 0) write_file_atomic(directory.path() / sha256(text).hex(), text);
      std::string out(text.size(), ' ');
      files.read(sha256(text), 0, std::as_writable_bytes(std::span(out)));
      REQUIRE(out == text);
      REQUIRE(files.size_bytes(sha256(text)) == text.size());
    }
  }
  CHECK(message_of([&] { return files.size_bytes(sha256("absent")); }).find("[S010]") != std::string::npos);
}
