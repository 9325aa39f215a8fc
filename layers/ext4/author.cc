#include "layers/ext4/author.h"

#include <algorithm>

#include "base/error.h"
#include "layers/ext4/block_overlay.h"
#include "layers/ext4/extent_tree.h"
#include "layers/ext4/filesystem.h"
#include "layers/ext4/inode.h"
#include "layers/ext4/tree_editor.h"

namespace blueprint::layers::ext4 {
namespace {

/// `runs` without `holes`; what is taken out goes to `released`.
std::vector<FileRun> without(std::span<const PlacedRun> runs, std::span<const BlockRange> holes,
                             std::vector<BlockRange>& released) {
  std::vector<FileRun> result;
  auto hole = holes.begin();
  for (PlacedRun run : runs) {
    const std::uint64_t end = run.file_block + run.blocks;
    while (run.file_block < end) {
      while (hole != holes.end() && hole->first + hole->blocks <= run.file_block) ++hole;
      const std::uint64_t hole_first = hole == holes.end() ? end : std::min(end, std::max(hole->first, run.file_block));
      const std::uint64_t kept = hole_first - run.file_block;
      if (kept > 0) result.push_back({run.file_block, run.device_block, kept});
      const std::uint64_t hole_end = hole == holes.end() ? end : std::min(end, hole->first + hole->blocks);
      if (hole_end > hole_first) released.push_back({run.device_block + kept, hole_end - hole_first});
      const std::uint64_t passed = std::max(hole_first, hole_end) - run.file_block;
      run.file_block += passed;
      run.device_block += passed;
    }
  }
  return result;
}

}  // namespace

struct Author::State {
  State(const BlockSource* parent, std::uint64_t device_bytes, std::int64_t epoch_seconds)
      : overlay(parent, device_bytes),
        is_new(parent == nullptr),
        epoch(epoch_seconds),
        fs(is_new ? Filesystem::make(overlay, epoch) : Filesystem::open(overlay)) {}

  BlockOverlay overlay;
  bool is_new;
  std::int64_t epoch;
  Filesystem fs;
  const std::vector<PlannedChange>* changes = nullptr;
  std::vector<PendingFile> pending;
  std::vector<PlacedFile> placed;
};

Author::Author(const BlockSource* parent, std::uint64_t device_bytes, std::int64_t epoch)
    : state_(std::make_unique<State>(parent, device_bytes, epoch)) {}
Author::~Author() = default;

void Author::apply(const std::vector<PlannedChange>& changes) {
  state_->changes = &changes;
  state_->pending = TreeEditor(state_->fs).apply(changes);
}

std::vector<std::size_t> Author::files() const {
  std::vector<std::size_t> result;
  result.reserve(state_->pending.size());
  for (const PendingFile& file : state_->pending) result.push_back(file.change);
  return result;
}

void Author::place_file(std::span<const BlockRange> parts) {
  const std::size_t number = state_->pending.at(state_->placed.size()).change;
  const Change& change = (*state_->changes)[number].change;
  std::uint64_t blocks = 0;
  for (const BlockRange& part : parts) blocks += part.blocks;

  PlacedFile file{number, {}};
  std::vector<BlockRange> places = state_->fs.allocate_data(blocks, change.path);
  auto place = places.begin();
  for (BlockRange part : parts) {
    while (part.blocks > 0) {
      const std::uint64_t take = std::min(part.blocks, place->blocks);
      file.runs.push_back({part.first, place->first, take});
      part = {part.first + take, part.blocks - take};
      *place = {place->first + take, place->blocks - take};
      if (place->blocks == 0) ++place;
    }
  }
  state_->placed.push_back(std::move(file));
}

const std::vector<PlacedFile>& Author::placed() const { return state_->placed; }

void Author::finish_file(std::size_t file, std::span<const BlockRange> holes) {
  Filesystem& fs = state_->fs;
  PlacedFile& placed = state_->placed.at(file);
  const InodeNumber number = state_->pending.at(file).inode;
  const std::string& path = (*state_->changes)[placed.change].change.path;
  std::vector<BlockRange> released;
  const std::vector<FileRun> runs = without(placed.runs, holes, released);
  for (const BlockRange& range : released) fs.free_blocks(range);

  DiskInode inode = fs.read_inode(number);
  std::uint64_t blocks = write_extents(fs, number, inode, runs, path);
  for (const FileRun& run : runs) blocks += run.blocks;
  set_block_count(inode, blocks + (xattr_block_of(inode) != 0 ? 1 : 0));
  fs.write_inode(number, inode);
}

void Author::commit(std::span<const std::uint8_t, 16> uuid) {
  if (state_->placed.size() != state_->pending.size()) throw bug("a file without a place");
  if (state_->is_new) state_->fs.set_uuid(uuid);
  state_->fs.commit(state_->epoch);
}

std::vector<std::uint64_t> Author::changed_blocks() const { return state_->overlay.changed_blocks(); }

std::span<const std::byte, kBlockSize> Author::block(std::uint64_t number) const {
  return state_->overlay.read(number);
}

std::vector<BlockRange> Author::freed() const { return state_->overlay.discarded().ranges(); }

}  // namespace blueprint::layers::ext4
