// Merging the extents of many layers.
//
// Two sorted lists of disjoint extents, an older and a newer one, are merged by one sweep in which the newer wins. A
// stack of layers is merged as a balanced tree of such sweeps, neighbours first: each extent takes part in log2(layers)
// of them, so that 1,000 small layers on a large base cost 10 copies of the base and not 1,000. Zeros stay in the lists
// until the end, because they hide what is older; then they are dropped: a hole is where no piece is.

#include "layers/block_map.h"

#include <algorithm>
#include <limits>
#include <unordered_map>

#include "layers/errors.h"

namespace blueprint::layers {
namespace {

constexpr std::uint32_t kZero = Extent::kZero;
constexpr std::size_t kSampled = 256;

/// An extent while layers are merged. `layer` and `frame` name the frame; zeros have frame kZero.
struct Run {
  std::uint64_t first = 0;
  std::uint64_t end = 0;
  std::uint32_t layer = 0;
  std::uint32_t frame = kZero;
  std::uint32_t frame_block = 0;
};

/// `run` without its blocks before `first` and from `end` on.
Run cut(const Run& run, std::uint64_t first, std::uint64_t end) {
  Run part = run;
  part.first = std::max(run.first, first);
  part.end = std::min(run.end, end);
  if (run.frame != kZero && part.first < part.end)
    part.frame_block += static_cast<std::uint32_t>(part.first - run.first);
  return part;
}

/// Both lists sorted and disjoint, and so is the result.
std::vector<Run> overlay(const std::vector<Run>& older, const std::vector<Run>& newer) {
  if (older.empty()) return newer;
  std::vector<Run> merged;
  merged.reserve(older.size() + newer.size());
  auto old = older.begin();
  std::uint64_t done = 0;  // blocks before it are merged
  const auto copy_old_until = [&](std::uint64_t end) {
    for (; old != older.end() && old->first < end; ++old) {
      if (const Run part = cut(*old, done, end); part.first < part.end) merged.push_back(part);
      if (old->end > end) break;  // its rest may show behind the newer run
    }
  };
  for (const Run& run : newer) {
    copy_old_until(run.first);
    merged.push_back(run);
    done = run.end;
  }
  copy_old_until(std::numeric_limits<std::uint64_t>::max());
  return merged;
}

std::vector<Run> runs_of(const LayerIndex& index, std::uint32_t layer) {
  std::vector<Run> runs;
  runs.reserve(index.extents.size());
  for (const Extent& extent : index.extents) {
    runs.push_back({extent.first_block, extent.first_block + extent.blocks, layer, extent.frame, extent.frame_block});
  }
  return runs;
}

std::vector<Run> merge(std::span<const BlockMap::Layer> layers, std::uint32_t first_layer) {
  if (layers.empty()) return {};
  if (layers.size() == 1) return runs_of(*layers.front().index, first_layer);
  const std::size_t half = layers.size() / 2;
  return overlay(merge(layers.first(half), first_layer),
                 merge(layers.subspan(half), first_layer + static_cast<std::uint32_t>(half)));
}

}  // namespace

BlockMap::BlockMap(std::span<const Layer> layers) {
  for (const Layer& layer : layers) {
    if (layer.index->device_bytes < device_bytes_) throw layers_do_not_fit("", "a layer makes the device smaller");
    device_bytes_ = layer.index->device_bytes;
  }
  const std::vector<Run> runs = merge(layers, 0);

  // From here on frames have numbers of the image: in the order in which the device needs them.
  constexpr std::uint32_t kUnused = std::numeric_limits<std::uint32_t>::max();
  std::vector<std::vector<std::uint32_t>> numbers(layers.size());
  for (std::size_t i = 0; i < layers.size(); ++i) numbers[i].assign(layers[i].index->frames.size(), kUnused);
  std::unordered_map<Digest, std::uint32_t, DigestHash> blob_numbers;
  const auto blob_number = [&](const Digest& blob) {
    const auto [at, absent] = blob_numbers.try_emplace(blob, static_cast<std::uint32_t>(blobs_.size()));
    if (absent) blobs_.push_back(blob);
    return at->second;
  };
  const auto place_frame = [&](const Run& run) {
    std::uint32_t& number = numbers[run.layer][run.frame];
    if (number != kUnused) return number;
    const Layer& layer = layers[run.layer];
    Frame frame = layer.index->frames[run.frame];
    frame.blob = blob_number(frame.blob == 0 ? layer.blob : layer.index->blobs[frame.blob - 1]);
    number = static_cast<std::uint32_t>(frames_.size());
    frames_.push_back(frame);
    return number;
  };
  pieces_.reserve(runs.size());
  for (const Run& run : runs) {
    if (run.frame == kZero) continue;
    const Piece piece{static_cast<std::uint32_t>(run.first), static_cast<std::uint32_t>(run.end - run.first),
                      place_frame(run), run.frame_block};
    if (!pieces_.empty()) {
      Piece& last = pieces_.back();
      if (last.frame == piece.frame && last.first + last.count == piece.first &&
          last.frame_block + last.count == piece.frame_block) {
        last.count += piece.count;
        continue;
      }
    }
    pieces_.push_back(piece);
  }
  index_pieces();
}

void BlockMap::index_pieces() {
  starts_.reserve(pieces_.size());
  for (const Piece& piece : pieces_) starts_.push_back(piece.first);
  for (std::size_t i = 0; i < starts_.size(); i += kSampled) samples_.push_back(starts_[i]);
}

std::size_t BlockMap::find(std::uint32_t block) const {
  const auto sample = std::upper_bound(samples_.begin(), samples_.end(), block);
  if (sample == samples_.begin()) return 0;
  const auto window = static_cast<std::size_t>(sample - samples_.begin() - 1) * kSampled;
  const auto begin = starts_.begin() + static_cast<std::ptrdiff_t>(window);
  const auto end = starts_.begin() + static_cast<std::ptrdiff_t>(std::min(window + kSampled, starts_.size()));
  const auto number = static_cast<std::size_t>(std::upper_bound(begin, end, block) - starts_.begin()) - 1;
  const Piece& piece = pieces_[number];
  return block - piece.first < piece.count ? number : number + 1;
}

}  // namespace blueprint::layers
