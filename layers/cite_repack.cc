// Dead weight is counted in blocks: a frame of which one file is left weighs as much as that file. Frames that come
// over in part are stored first, those that come over whole are appended behind them, because the table of an index has
// own frames in the order of the blob.

#include "layers/cite_repack.h"

#include <algorithm>
#include <vector>

#include "layers/blob_reader.h"
#include "layers/frame_codec.h"
#include "layers/frame_loader.h"

namespace blueprint::layers {
namespace {

class Repacking {
 public:
  Repacking(BlobWriter& draft, const Store& store, const LiveBlocks& live)
      : draft_(draft), live_(live), files_(store.root() / "blobs" / "sha256"), loader_(files_), blobs_(draft.blobs()) {}

  Repacked run(const std::unordered_set<Digest, DigestHash>& needed) {
    choose_frames(needed);
    Repacked result;
    if (partly_.empty() && wholly_.empty()) return result;
    const std::size_t before = draft_.frames().size();
    result.trimmed.resize(before);
    std::vector<std::uint32_t> replaced(before);  // by a frame of what is in use
    for (const std::uint32_t number : partly_) {
      replaced[number] = store_part(number, result);
      result.trimmed[number] = true;
    }
    for (const std::uint32_t number : wholly_) absorb_whole(number, result);
    for (const std::uint32_t number : partly_) draft_.drop(number);
    result.numbers = draft_.renumber();
    for (const std::uint32_t number : partly_) result.numbers[number] = result.numbers[replaced[number]];
    return result;
  }

 private:
  void choose_frames(const std::unordered_set<Digest, DigestHash>& needed);
  std::uint32_t store_part(std::uint32_t number, Repacked& result);
  void absorb_whole(std::uint32_t number, Repacked& result);
  [[nodiscard]] static std::uint32_t blocks_of(const Frame& frame) { return frame.size / kBlockSize; }

  BlobWriter& draft_;
  const LiveBlocks& live_;
  const BlobFiles files_;
  const FrameLoader loader_;
  const std::vector<Digest> blobs_;
  FrameCompressor compressor_ = FrameCompressor::for_data();
  std::vector<std::byte> bytes_;
  std::vector<std::byte> compressed_;
  std::vector<std::uint32_t> partly_;
  std::vector<std::uint32_t> wholly_;
};

void Repacking::choose_frames(const std::unordered_set<Digest, DigestHash>& needed) {
  const auto& frames = draft_.frames();
  std::vector<std::uint64_t> used(blobs_.size() + 1);
  for (std::uint32_t number = 0; number < frames.size(); ++number) {
    const Frame& frame = frames[number];
    used[frame.blob] += std::uint64_t{frame.compressed_size} * live_.count(number) / blocks_of(frame);
  }
  std::vector<bool> copy(blobs_.size() + 1);
  for (std::size_t i = 0; i < blobs_.size(); ++i) {
    if (needed.contains(blobs_[i])) continue;
    const std::uint64_t size = files_.size_bytes(blobs_[i]);
    copy[i + 1] = (size - std::min(size, used[i + 1])) * 100 > size * kMaxDeadPercent;
  }
  for (std::uint32_t number = 0; number < frames.size(); ++number) {
    if (!copy[frames[number].blob]) continue;
    (live_.count(number) == blocks_of(frames[number]) ? wholly_ : partly_).push_back(number);
  }
}

std::uint32_t Repacking::store_part(std::uint32_t number, Repacked& result) {
  const Frame frame = draft_.frames()[number];
  bytes_.resize(frame.size);
  loader_.load(blobs_[frame.blob - 1], frame, bytes_);
  std::size_t kept = 0;
  for (std::uint32_t block = 0; block < blocks_of(frame); ++block) {
    if (!live_.contains(number, block)) continue;
    std::copy_n(bytes_.begin() + std::size_t{block} * kBlockSize, kBlockSize, bytes_.begin() + kept);
    kept += kBlockSize;
  }
  bytes_.resize(kept);
  const Digest digest = sha256(bytes_);
  // What is in use of one frame may be all of another, which may itself be on its way out.
  const auto* known = draft_.find(digest);
  if (known != nullptr && !std::binary_search(partly_.begin(), partly_.end(), *known)) return *known;
  const auto compressed = compressor_.compress(bytes_);
  result.copied_bytes += compressed.size();
  return draft_.store(digest, static_cast<std::uint32_t>(kept), compressed);
}

void Repacking::absorb_whole(std::uint32_t number, Repacked& result) {
  const Frame frame = draft_.frames()[number];
  const Digest& blob = blobs_[frame.blob - 1];
  bytes_.resize(frame.size);
  loader_.load(blob, frame, bytes_);
  compressed_.resize(frame.compressed_size);
  files_.read(blob, frame.offset, compressed_);
  draft_.absorb(number, compressed_);
  result.copied_bytes += compressed_.size();
}

}  // namespace

LiveBlocks::LiveBlocks(std::size_t frames, const std::vector<Extent>& extents) : frames_(frames) {
  for (const Extent& extent : extents) {
    if (extent.frame == Extent::kZero) continue;
    auto& blocks = frames_.at(extent.frame);
    const std::size_t end = std::size_t{extent.frame_block} + extent.blocks;
    if (blocks.size() < end) blocks.resize(end);
    std::fill_n(blocks.begin() + extent.frame_block, extent.blocks, true);
  }
}

std::uint32_t LiveBlocks::count(std::uint32_t frame) const {
  const auto& blocks = frames_.at(frame);
  return static_cast<std::uint32_t>(std::count(blocks.begin(), blocks.end(), true));
}

bool LiveBlocks::contains(std::uint32_t frame, std::uint32_t block) const {
  const auto& blocks = frames_.at(frame);
  return block < blocks.size() && blocks[block];
}

std::uint32_t LiveBlocks::rank(std::uint32_t frame, std::uint32_t block) const {
  const auto& blocks = frames_.at(frame);
  return static_cast<std::uint32_t>(std::count(blocks.begin(), blocks.begin() + block, true));
}

Repacked repack(BlobWriter& draft, const Store& store, const LiveBlocks& live,
                const std::unordered_set<Digest, DigestHash>& needed) {
  return Repacking(draft, store, live).run(needed);
}

}  // namespace blueprint::layers
