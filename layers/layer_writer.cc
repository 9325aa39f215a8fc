// Plan, then stream.
//
//   1. The changes are applied to the names and inodes of the parent's ext4, and every file gets its blocks
//   (layers/ext4/author.h).
//      Nothing of a file is read for that: its size is known. Files of equal sizes are compared by digest: what is
//      there twice is stored once.
//   2. The data of the files goes once from its source through SHA-256 and zstd into the blob, on all threads, in the
//   order of
//      paths. What comes out is where each block of each file is, which blocks are zeros, and the digest of each file.
//   3. Holes are given back, extents and the rest of the metadata are written, and its changed blocks become frames
//   too.
//   4. The index says which block of the device is where; the content digest is brought up to date for the spans that
//   changed.
//
// Everything that depends on the order of events happens on the calling thread, in the order of the changes: so the
// blob does not depend on the number of threads.

#include "layers/layer_writer.h"

#include <algorithm>
#include <cstring>
#include <mutex>
#include <unordered_set>
#include <utility>

#include <fmt/format.h>

#include "base/encoding.h"
#include "base/text.h"
#include "layers/blob_writer.h"
#include "layers/cite.h"
#include "layers/cite_repack.h"
#include "layers/ext4/author.h"
#include "layers/ext4/inode.h"
#include "layers/layer_writer_digest.h"
#include "layers/layer_writer_errors.h"
#include "layers/layer_writer_jobs.h"
#include "layers/layer_writer_pipeline.h"
#include "layers/layer_writer_record.h"
#include "layers/layer_writer_source.h"
#include "layers/layer_writer_twins.h"

namespace blueprint::layers {
namespace {

using ext4::BlockRange;
using ext4::BlockRanges;

/// Results that may wait for their turn: with jobs of up to 1 MiB, and as much compressed, 64 MiB.
constexpr std::size_t kWindow = 32;
constexpr std::uint64_t kScanBytes = 256ULL << 20;
constexpr std::uint64_t kDeviceGrain = 128ULL << 20;
/// Frames of metadata are smaller than those of files: 128 KiB. A changed inode takes its neighbours along.
constexpr std::uint32_t kFrameBlocks = 32;

bool is_zeros(std::span<const std::byte> bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::byte b) { return b == std::byte{0}; });
}

/// A UUID (RFC 9562, version 8) that is a function of what the layer holds.
std::array<std::uint8_t, 16> uuid_of(const std::vector<PlannedChange>& changes) {
  Sha256 hash;
  for (const auto& [change, source] : changes) {
    ByteWriter writer;
    writer.string(change.path);
    writer.u8(static_cast<std::uint8_t>(change.type));
    writer.u32(change.metadata.mode);
    writer.u32(change.metadata.uid);
    writer.u32(change.metadata.gid);
    writer.u64(static_cast<std::uint64_t>(change.metadata.mtime.seconds));
    writer.string(change.target);
    writer.string(change.link_to);
    writer.raw(std::as_bytes(std::span(change.data_digest.bytes)));
    hash.update(writer.bytes());
  }
  const Digest digest = hash.finish();
  std::array<std::uint8_t, 16> uuid{};
  std::copy_n(digest.bytes.begin(), uuid.size(), uuid.begin());
  uuid[6] = static_cast<std::uint8_t>(0x80 | (uuid[6] & 0x0f));
  uuid[8] = static_cast<std::uint8_t>(0x80 | (uuid[8] & 0x3f));
  return uuid;
}

class Writing {
 public:
  Writing(Store& store, const std::vector<LayerRef>& parent, std::vector<PlannedChange> changes,
          const WriteOptions& options, ThreadPool& pool, Events& events, std::stop_token stop)
      : store_(store),
        parent_(parent),
        changes_(std::move(changes)),
        options_(options),
        pool_(pool),
        events_(events),
        stop_(std::move(stop)),
        stage_(options.name + "/store"),
        blob_(store.tmp()) {}

  WriteResult run() {
    events_.started(stage_, "writing layer " + options_.name);
    prepare_changes();
    open_parent();
    collect_citable();
    cite_known_files();
    author_->apply(changes_);
    files_ = author_->files();
    place_files();
    twins_ = find_twins(changes_, files_, pool_, stop_);
    // From here on the addresses of all data are fixed.
    stream_data();
    finish_metadata();
    store_metadata();
    repack_cited();
    make_index();
    update_content_digest(index_, parent_, recorder_->finish_spans(), store_, blob_, pool_, stop_);
    return publish();
  }

 private:
  void prepare_changes();
  void open_parent();
  void collect_citable();
  void cite_known_files();
  void place_files();
  [[nodiscard]] std::vector<BlockRange> stored_data(const PlannedChange& planned) const;
  void stream_data();
  [[nodiscard]] MadeData make(const DataJob& job);
  [[nodiscard]] MadeData make_metadata(std::span<const std::uint64_t> blocks);
  template <typename Work>
  MadeData with_tools(Work&& work);
  void finish_metadata();
  void store_metadata();
  [[nodiscard]] std::unordered_set<Digest, DigestHash> blobs_of_parent() const;
  void repack_cited();
  void make_index();
  void add_zero_extents();
  WriteResult publish();
  void check_stop() const {
    if (stop_.stop_requested()) throw Interrupted();
  }

  Store& store_;
  const std::vector<LayerRef>& parent_;
  std::vector<PlannedChange> changes_;
  const WriteOptions& options_;
  ThreadPool& pool_;
  Events& events_;
  std::stop_token stop_;
  std::string stage_;

  std::unique_ptr<BlockSource> device_;  ///< of the parent; null for a new file system
  std::vector<std::shared_ptr<const LayerIndex>> parent_indices_;
  Citable citable_;
  std::unique_ptr<ext4::Author> author_;
  std::vector<std::size_t> files_;  ///< author_->files()
  std::vector<std::size_t> twins_;  ///< find_twins()
  BlobWriter blob_;
  std::unique_ptr<DataRecorder> recorder_;
  LayerIndex index_;
  BlockRanges zeros_;  ///< what must read as zeros now
  WriteResult result_;
  std::mutex tools_mutex_;
  std::vector<std::unique_ptr<DataTools>> idle_tools_;
};

void Writing::prepare_changes() {
  for (PlannedChange& planned : changes_) {
    Change& change = planned.change;
    if (!is_clean_path(change.path)) throw malformed_change(change.path, "its path is not clean");
    change.metadata.mtime = ext4::clamped(change.metadata.mtime, options_.epoch);
    const bool has_data = change.kind == ChangeKind::Put && change.type == FileType::Regular && change.link_to.empty();
    change.pieces.clear();
    if (!has_data) continue;
    if (const auto* stored = std::get_if<StoredFile>(&planned.source)) {
      const Change* put = find_put(*store_.layer_index(stored->layer), stored->path);
      if (put == nullptr) throw no_such_stored_file(change.path, stored->layer, stored->path);
      change.size = put->size;
      change.data_digest = put->data_digest;
    }
    if (change.size == 0) change.data_digest = sha256(std::string_view());
    result_.data_bytes += change.size;
  }
  sort_changes(changes_);
}

void Writing::open_parent() {
  for (const LayerRef& layer : parent_) parent_indices_.push_back(store_.layer_index(layer.digest));
  index_.device_bytes = options_.device_bytes;
  if (!parent_.empty()) {
    device_ = open_device(store_, parent_);
    index_.device_bytes = device_->device_bytes();
  } else if (options_.device_bytes == 0 || options_.device_bytes % kDeviceGrain != 0) {
    throw bug("the size of a device is a multiple of 128 MiB");
  }
  author_ = std::make_unique<ext4::Author>(device_.get(), index_.device_bytes, options_.epoch);
}

void Writing::collect_citable() {
  std::unordered_set<Digest, DigestHash> seen;
  for (std::size_t i = 0; i < parent_.size(); ++i) {
    if (seen.insert(parent_[i].digest).second) citable_.add(parent_[i].digest, parent_indices_[i]);
  }
  for (const Digest& layer : options_.cite) {
    if (store_.has_blob(layer) && seen.insert(layer).second) citable_.add(layer, store_.layer_index(layer));
  }
}

// Whoever knows the digest of a file's data has read it once. Where a layer has that data too, nobody reads it again: a
// layer of files that is re-applied to a changed parent costs its metadata.
void Writing::cite_known_files() {
  for (PlannedChange& planned : changes_) {
    const Change& change = planned.change;
    if (!std::holds_alternative<HostFile>(planned.source) || change.size == 0 || change.data_digest == Digest()) {
      continue;
    }
    if (const auto known = citable_.find_file(change.data_digest, change.size)) {
      planned.source = StoredFile{known->layer, known->change->path};
    }
  }
}

// A file gets blocks for all of its size, and gives its holes back later: nobody has read it yet. One that is larger
// than kScanBytes is read twice instead, because it could be larger than the device and mostly holes.
void Writing::place_files() {
  for (const std::size_t number : files_) {
    const PlannedChange& planned = changes_[number];
    if (planned.change.size <= kScanBytes) {
      const BlockRange whole{0, blocks_of(planned.change.size)};
      author_->place_file(std::span(&whole, 1));
    } else if (std::holds_alternative<StoredFile>(planned.source)) {
      author_->place_file(stored_data(planned));
    } else {
      check_stop();
      author_->place_file(find_data(planned));
    }
  }
}

std::vector<BlockRange> Writing::stored_data(const PlannedChange& planned) const {
  const auto& stored = std::get<StoredFile>(planned.source);
  const auto index = store_.layer_index(stored.layer);
  BlockRanges ranges;
  std::uint64_t block = 0;
  for (const DataPiece& piece : find_put(*index, stored.path)->pieces) {
    if (piece.frame != DataPiece::kHole) ranges.add(block, piece.blocks);
    block += piece.blocks;
  }
  return ranges.ranges();
}

void Writing::stream_data() {
  recorder_ = std::make_unique<DataRecorder>(blob_, changes_, files_, *author_, pool_);
  const std::vector<DataJob> jobs = cut_into_jobs(changes_, files_);
  std::uint64_t bytes_done = 0;
  std::size_t next = 0;
  run_in_order<MadeData>(
      pool_, stop_, jobs.size(), kWindow, [&](std::size_t number) { return make(jobs[number]); },
      [&](MadeData data) {
        recorder_->record(data);
        bytes_done += jobs[next].size;
        events_.progress(stage_, {.items = jobs[next].first_file + jobs[next].file_count,
                                  .items_total = files_.size(),
                                  .bytes = bytes_done,
                                  .bytes_total = result_.data_bytes});
        ++next;
      });
}

MadeData Writing::make(const DataJob& job) {
  if (job.kind == DataJob::Kind::Stored) {
    const auto& stored = std::get<StoredFile>(changes_[files_[job.first_file]].source);
    const auto index = store_.layer_index(stored.layer);  // kept in memory by the store
    return cite_file({index.get(), find_put(*index, stored.path), stored.layer}, job.first_file);
  }
  return with_tools([&](DataTools& tools) { return make_data(job, changes_, files_, twins_, citable_, tools); });
}

MadeData Writing::make_metadata(std::span<const std::uint64_t> blocks) {
  std::vector<std::byte> bytes;
  bytes.reserve(blocks.size() * kBlockSize);
  for (const std::uint64_t block : blocks) {
    const auto span = author_->block(block);
    bytes.insert(bytes.end(), span.begin(), span.end());
  }
  return with_tools([&](DataTools& tools) { return make_frame(std::move(bytes), citable_, tools); });
}

template <typename Work>
MadeData Writing::with_tools(Work&& work) {
  std::unique_ptr<DataTools> tools;
  {
    const std::lock_guard lock(tools_mutex_);
    if (!idle_tools_.empty()) {
      tools = std::move(idle_tools_.back());
      idle_tools_.pop_back();
    }
  }
  if (!tools) tools = std::make_unique<DataTools>();
  MadeData data = work(*tools);
  const std::lock_guard lock(tools_mutex_);
  idle_tools_.push_back(std::move(tools));
  return data;
}

void Writing::finish_metadata() {
  check_stop();
  for (std::size_t i = 0; i < files_.size(); ++i) author_->finish_file(i, recorder_->holes(i));
  author_->commit(uuid_of(changes_));
}

// The changed blocks in their order. A frame ends after kFrameBlocks of them, or at a multiple of kFrameBlocks on the
// device when it is half full: so regions that are written whole, such as inode tables, are cut at the same places in
// every build.
void Writing::store_metadata() {
  std::vector<std::vector<std::uint64_t>> groups;
  for (const std::uint64_t block : author_->changed_blocks()) {
    if (is_zeros(author_->block(block))) {
      zeros_.add(block, 1);
      continue;
    }
    const bool starts_new =
        groups.empty() || groups.back().size() == kFrameBlocks ||
        (groups.back().size() >= kFrameBlocks / 2 && groups.back().back() / kFrameBlocks != block / kFrameBlocks);
    if (starts_new) groups.emplace_back();
    groups.back().push_back(block);
  }
  std::size_t next = 0;
  run_in_order<MadeData>(
      pool_, stop_, groups.size(), kWindow, [&](std::size_t number) { return make_metadata(groups[number]); },
      [&](MadeData data) { recorder_->record(data, groups[next++]); });
}

std::unordered_set<Digest, DigestHash> Writing::blobs_of_parent() const {
  std::unordered_set<Digest, DigestHash> blobs;
  for (std::size_t i = 0; i < parent_.size(); ++i) {
    blobs.insert(parent_[i].digest);
    blobs.insert(parent_indices_[i]->blobs.begin(), parent_indices_[i]->blobs.end());
  }
  return blobs;
}

void Writing::repack_cited() {
  const LiveBlocks live(blob_.frames().size(), recorder_->extents());
  const Repacked repacked = repack(blob_, store_, live, blobs_of_parent());
  result_.stored_bytes = recorder_->stored_bytes() + repacked.copied_bytes;
  result_.cited_bytes = recorder_->cited_bytes();
  if (repacked.numbers.empty()) return;
  const auto follow = [&](std::uint32_t& frame, std::uint32_t& block) {
    if (repacked.trimmed[frame]) block = live.rank(frame, block);
    frame = repacked.numbers[frame];
  };
  for (Extent& extent : recorder_->extents()) follow(extent.frame, extent.frame_block);
  for (PlannedChange& planned : changes_) {
    for (DataPiece& piece : planned.change.pieces) {
      if (piece.frame != DataPiece::kHole) follow(piece.frame, piece.first_block);
    }
  }
}

void Writing::make_index() {
  index_.extents = std::move(recorder_->extents());
  for (const BlockRange& range : author_->freed()) zeros_.add(range.first, range.blocks);
  for (const Extent& extent : index_.extents) zeros_.remove(extent.first_block, extent.blocks);
  if (device_) add_zero_extents();
  std::sort(index_.extents.begin(), index_.extents.end(),
            [](const Extent& a, const Extent& b) { return a.first_block < b.first_block; });
  std::vector<Extent> merged;
  for (const Extent& extent : index_.extents) {
    if (!merged.empty()) {
      Extent& last = merged.back();
      const bool continues = last.first_block + last.blocks == extent.first_block && last.frame == extent.frame &&
                             (extent.frame == Extent::kZero || last.frame_block + last.blocks == extent.frame_block);
      if (continues) {
        last.blocks += extent.blocks;
        continue;
      }
    }
    merged.push_back(extent);
  }
  index_.extents = std::move(merged);
  index_.frames = blob_.frames();
  index_.blobs = blob_.blobs();
}

// Only where the parent has something that must not be seen any more.
void Writing::add_zero_extents() {
  for (const BlockRange& range : zeros_.ranges()) {
    for (const auto& run : device_->runs(range.first * kBlockSize, range.blocks * kBlockSize)) {
      if (run.hole) continue;
      const std::uint64_t first = run.offset / kBlockSize;
      const std::uint64_t end = (run.offset + run.length + kBlockSize - 1) / kBlockSize;
      index_.extents.push_back({first, static_cast<std::uint32_t>(end - first), Extent::kZero, 0});
    }
  }
}

WriteResult Writing::publish() {
  check_stop();
  index_.changes.reserve(changes_.size());
  for (PlannedChange& planned : changes_) index_.changes.push_back(std::move(planned.change));
  const Digest digest = blob_.finish(encode_index(index_, blob_.size_bytes()));
  store_.adopt_blob(blob_.path(), digest);

  result_.layer.digest = digest;
  result_.layer.size_bytes = blob_.size_bytes();
  result_.layer.name = options_.name;
  result_.layer.content_digest = index_.content_digest;
  result_.device_bytes = index_.device_bytes;
  events_.finished(stage_, fmt::format("{} files, {}, {} stored", files_.size(), format_size(result_.data_bytes),
                                       format_size(blob_.size_bytes())));
  return result_;
}

}  // namespace

WriteResult write_layer(Store& store, const std::vector<LayerRef>& parent, std::vector<PlannedChange> changes,
                        const WriteOptions& options, ThreadPool& pool, Events& events, std::stop_token stop) {
  return Writing(store, parent, std::move(changes), options, pool, events, std::move(stop)).run();
}

}  // namespace blueprint::layers
