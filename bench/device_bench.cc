// Times what reading an image costs in this process: opening it, merging its tree, random and sequential reads; and
// leaves a store behind for bench/export.sh to serve.
//
// usage: device_bench DIRECTORY        (makes DIRECTORY/store with a 1 GiB image of 100,000 extents, one layer on top)

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/text.h"
#include "layers/content_digest.h"
#include "layers/frame_codec.h"
#include "layers/store.h"

namespace {

using namespace blueprint;
using namespace blueprint::layers;

constexpr std::uint32_t kExtents = 100'000;
constexpr std::uint32_t kFiles = 20'000;

double wall_milliseconds() {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now().time_since_epoch()).count();
}
double cpu_milliseconds() { return 1000.0 * static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

/// The medians of nine runs. The processor's time says what the code costs where other work shares the machine.
template <class Action>
void report(const char* what, Action action) {
  std::vector<double> wall;
  std::vector<double> cpu;
  for (int i = 0; i < 9; ++i) {
    const double wall_start = wall_milliseconds();
    const double cpu_start = cpu_milliseconds();
    action();
    wall.push_back(wall_milliseconds() - wall_start);
    cpu.push_back(cpu_milliseconds() - cpu_start);
  }
  std::printf("%-52s %9.3f ms  %9.3f ms cpu\n", what, median(wall), median(cpu));
}

/// About as compressible as programs are: words from a small vocabulary with noise between.
std::string data(std::size_t size, std::mt19937_64& random) {
  std::string bytes;
  bytes.reserve(size + 16);
  while (bytes.size() < size) {
    const std::uint64_t word = random() % 3 == 0 ? random() : (random() % 512) * 0x9e3779b97f4a7c15ULL;
    bytes.append(reinterpret_cast<const char*>(&word), sizeof(word));
  }
  bytes.resize(size);
  return bytes;
}

/// One frame for every five extents, frames of 4 to 128 KiB; and 20,000 files.
Digest write_layer(Store& store, std::uint32_t extents, std::mt19937_64& random) {
  LayerIndex index;
  index.device_bytes = 2ULL << 30;
  FrameCompressor zstd = FrameCompressor::for_data();
  const auto path = store.tmp() / "layer";
  AtomicFile file(path);
  Sha256 hash;
  std::uint64_t frames_size = 0;
  std::uint64_t block = 100;
  while (index.extents.size() < extents) {
    const auto blocks = static_cast<std::uint32_t>(random() % 3 == 0 ? 32 : 1 + random() % 8);
    const std::string bytes = data(std::size_t{blocks} * kBlockSize, random);
    const auto input = std::as_bytes(std::span(bytes));
    const auto frame = zstd.compress(input);
    hash.update(frame);
    write_all(file.fd(), frame, "the layer");
    for (std::uint32_t at = 0; at < blocks;) {
      const std::uint32_t part = std::min(blocks - at, 1 + static_cast<std::uint32_t>(random() % 4));
      index.extents.push_back({block, part, static_cast<std::uint32_t>(index.frames.size()), at});
      at += part;
      block += part + (random() % 8 == 0 ? 1 : 0);
    }
    index.frames.push_back(
        {0, frames_size, static_cast<std::uint32_t>(frame.size()), blocks * kBlockSize, sha256(input)});
    frames_size += frame.size();
  }
  for (std::uint32_t i = 0; i < std::min(kFiles, extents); ++i) {
    Change change;
    char name[64];
    std::snprintf(name, sizeof(name), "usr/share/d%03u/f%05u", i / 100, i);
    if (i == 0) {
      for (const char* directory : {"usr", "usr/share"}) {
        index.changes.push_back({.path = directory, .type = FileType::Directory});
      }
    }
    change.path = name;
    if (i % 100 == 0) {
      index.changes.push_back({.path = std::string(parent_path(change.path)), .type = FileType::Directory});
    }
    const auto number = static_cast<std::uint32_t>(i % index.frames.size());
    change.size = index.frames[number].size;
    change.pieces = {{number, 0, index.frames[number].size / kBlockSize}};
    change.data_digest = index.frames[number].digest;
    index.changes.push_back(change);
  }
  const std::string tail = encode_index(index, frames_size);
  hash.update(tail);
  file.write(tail);
  file.commit(Durable::No);
  const Digest digest = hash.finish();
  store.adopt_blob(path, digest);
  return digest;
}

void random_reads(const BlockSource& device, std::uint64_t bytes_in_use, int count) {
  std::mt19937_64 random(5);
  std::vector<std::byte> buffer(4096);
  for (int i = 0; i < count; ++i) device.read(random() % (bytes_in_use / 4096) * 4096, buffer);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: device_bench DIRECTORY\n", stderr);
    return 2;
  }
  Store store(std::filesystem::path(argv[1]) / "store");
  std::mt19937_64 random(1);
  const std::vector<LayerRef> layers{{.digest = write_layer(store, kExtents, random)},
                                     {.digest = write_layer(store, 100, random)}};
  std::vector<LayerRef> deep{layers[0]};
  for (int i = 1; i < 1000; ++i) deep.push_back({.digest = write_layer(store, 5, random)});

  report("open a device of 100,000 extents", [&] { (void)open_device(store, layers); });
  report("open a device of 1,000 layers", [&] { (void)open_device(store, deep); });
  for (const auto& layer : layers) (void)store.layer_index(layer.digest);
  report("merge a tree of 20,000 files", [&] { (void)load_tree(store, layers); });
  for (const auto& layer : deep) (void)store.layer_index(layer.digest);
  report("merge a tree of 1,000 layers over 20,000 files", [&] { (void)load_tree(store, deep); });

  const auto runs = open_device(store, layers)->runs(0, 2ULL << 30);
  const std::uint64_t used = runs.back().hole ? runs.back().offset : 2ULL << 30;
  std::printf("data ends at %s, %zu runs\n", format_size(used).c_str(), runs.size());
  const auto warm = open_device(store, layers, 2ULL << 30);
  std::vector<std::byte> buffer(1 << 20);
  const auto read_all = [&](const BlockSource& device) {
    for (std::uint64_t at = 0; at + buffer.size() <= used; at += buffer.size()) device.read(at, buffer);
  };
  read_all(*warm);
  report("read all of it, one thread, cached", [&] { read_all(*warm); });
  report("100,000 random reads of 4 KiB, one thread, cached", [&] { random_reads(*warm, used, 100'000); });
  const auto cold = open_device(store, layers, 64ULL << 20);
  report("read all of it, one thread, decoding and verifying", [&] { read_all(*cold); });
  report("1,000 random reads of 4 KiB, one thread, decoding", [&] { random_reads(*cold, used, 1'000); });

  SpanTree tree;
  for (std::uint64_t span = 0; span < 16384; ++span) tree.set(span, sha256(std::to_string(span)));
  (void)tree.root(16ULL << 30);
  report("content digest after a change in 16 GiB", [&] {
    tree.set(777, sha256("other"));
    (void)tree.root(16ULL << 30);
  });
  std::string list;
  for (const auto& layer : layers) list += (list.empty() ? "" : ",") + layer.digest.to_string();
  write_file_atomic(std::filesystem::path(argv[1]) / "layers", list);
  return 0;
}
