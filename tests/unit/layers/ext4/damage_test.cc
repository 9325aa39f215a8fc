// A parent comes from a registry or from a guest: whatever is on it, continuing it ends in a file system or in an
// Error.

#include <catch2/catch.hpp>

#include <cstring>
#include <map>
#include <random>

#include "base/error.h"
#include "layers/ext4/author.h"
#include "layers/ext4/disk_format.h"

using namespace blueprint;
using namespace blueprint::layers;

namespace {

constexpr std::uint64_t kDeviceBytes = 128ULL << 20;

/// A device in memory; blocks that are not in the map are holes.
class MemoryDevice final : public BlockSource {
 public:
  std::map<std::uint64_t, ext4::Block> blocks;

  [[nodiscard]] std::uint64_t device_bytes() const override { return kDeviceBytes; }
  void read(std::uint64_t offset, std::span<std::byte> out) const override {
    for (std::size_t done = 0; done < out.size();) {
      const std::uint64_t at = offset + done;
      const std::size_t part = std::min<std::size_t>(out.size() - done, kBlockSize - at % kBlockSize);
      const auto block = blocks.find(at / kBlockSize);
      if (block == blocks.end()) {
        std::memset(out.data() + done, 0, part);
      } else {
        std::memcpy(out.data() + done, block->second.data() + at % kBlockSize, part);
      }
      done += part;
    }
  }
  [[nodiscard]] std::vector<Run> runs(std::uint64_t offset, std::uint64_t length) const override {
    return {{offset, length, false}};
  }
};

PlannedChange change(ChangeKind kind, const std::string& path, FileType type) {
  PlannedChange planned;
  planned.change.kind = kind;
  planned.change.path = path;
  planned.change.type = type;
  planned.change.metadata.mode = 0644;
  return planned;
}

MemoryDevice make_parent() {
  std::vector<PlannedChange> changes;
  changes.push_back(change(ChangeKind::Put, "d", FileType::Directory));
  for (int i = 0; i < 300; ++i)
    changes.push_back(change(ChangeKind::Put, "d/f" + std::to_string(1000 + i), FileType::Regular));
  changes.push_back(change(ChangeKind::Put, "x", FileType::Regular));
  changes.back().change.metadata.xattrs = {{"user.large", std::string(1000, 'x')}};
  changes.back().change.size = 5000;
  ext4::Author author(nullptr, kDeviceBytes, 1);
  author.apply(changes);
  const ext4::BlockRange whole{0, 2};
  author.place_file(std::span(&whole, 1));
  author.finish_file(0, {});
  author.commit(std::array<std::uint8_t, 16>{1});
  MemoryDevice device;
  for (const std::uint64_t block : author.changed_blocks()) {
    std::memcpy(device.blocks[block].data(), author.block(block).data(), kBlockSize);
  }
  return device;
}

/// "continued", or the code of the error.
std::string continue_on(const MemoryDevice& device) {
  try {
    std::vector<PlannedChange> changes;
    changes.push_back(change(ChangeKind::Put, "a", FileType::Directory));
    changes.push_back(change(ChangeKind::Remove, "d", FileType::Directory));
    changes.push_back(change(ChangeKind::Metadata, "x", FileType::Regular));
    ext4::Author author(&device, kDeviceBytes, 1);
    author.apply(changes);
    author.commit(std::array<std::uint8_t, 16>{1});
    return "continued";
  } catch (const Error& error) {
    return error.first().code;
  }
}

}  // namespace

TEST_CASE("an undamaged parent is continued") { CHECK(continue_on(make_parent()) == "continued"); }

TEST_CASE("damage in a parent's metadata ends in an error or is not noticed, and never in a crash") {
  const MemoryDevice parent = make_parent();
  std::mt19937_64 random(1);
  std::map<std::string, int> outcomes;
  for (int round = 0; round < 300; ++round) {
    MemoryDevice damaged = parent;
    auto block = damaged.blocks.begin();
    std::advance(block, static_cast<std::ptrdiff_t>(random() % damaged.blocks.size()));
    for (int flips = 0; flips < 3; ++flips) block->second[random() % 300] = static_cast<std::byte>(random());
    ++outcomes[continue_on(damaged)];
  }
  for (const auto& [outcome, count] : outcomes) {
    CAPTURE(outcome, count);
    CHECK((outcome == "continued" || outcome == "L020" || outcome == "L021" || outcome == "L022"));
  }
  CHECK(outcomes["L020"] > 20);
}
