#include "layers/file_reader.h"

#include <algorithm>
#include <array>

#include "layers/errors.h"

namespace blueprint::layers {

FileReader::FileReader(const Store& store, std::vector<LayerRef> layers)
    : store_(store), layers_(std::move(layers)), blobs_(store.blob_path(Digest{}).parent_path()) {}

FileReader::Placed FileReader::find_put(const FileTree::Entry& entry) const {
  if (entry.type != FileType::Regular) throw not_a_regular_file(entry.path);
  if (entry.data_layer >= layers_.size()) throw layers_do_not_fit(entry.path, "its layer is not one of the image");
  auto index = store_.layer_index(layers_[entry.data_layer].digest);
  const auto place = std::partition_point(index->changes.begin(), index->changes.end(), [&](const Change& change) {
    return compare_paths(change.path, entry.data_path) < 0;
  });
  if (place == index->changes.end() || place->path != entry.data_path || place->kind != ChangeKind::Put ||
      place->size != entry.size) {
    throw layers_do_not_fit(entry.path, "its layer does not have its data");
  }
  const Change* change = &*place;
  return {std::move(index), change};
}

std::span<const std::byte> FileReader::frame(const FileTree::Entry& entry, const LayerIndex& index,
                                             std::uint32_t number) {
  const std::pair wanted(entry.data_layer, number);
  if (loaded_ == wanted) return data_;
  loaded_.reset();
  const Frame& frame = index.frames[number];
  data_.resize(frame.size);
  loader_.load(frame.blob == 0 ? layers_[entry.data_layer].digest : index.blobs[frame.blob - 1], frame, data_);
  loaded_ = wanted;
  return data_;
}

void FileReader::read(const FileTree::Entry& entry, const Sink& sink) {
  static constexpr std::array<std::byte, 64 * 1024> kZeros{};
  const Placed placed = find_put(entry);
  std::uint64_t left = entry.size;
  for (const DataPiece& piece : placed.change->pieces) {
    std::uint64_t bytes = std::min(left, std::uint64_t{piece.blocks} * kBlockSize);
    left -= bytes;
    if (piece.frame != DataPiece::kHole) {
      sink(frame(entry, *placed.index, piece.frame).subspan(std::size_t{piece.first_block} * kBlockSize, bytes));
      continue;
    }
    for (; bytes > 0; bytes -= std::min<std::uint64_t>(bytes, kZeros.size())) {
      sink(std::span(kZeros).first(std::min<std::uint64_t>(bytes, kZeros.size())));
    }
  }
}

std::vector<FileReader::Run> FileReader::runs(const FileTree::Entry& entry) const {
  std::vector<Run> runs;
  std::uint64_t left = entry.size;
  for (const DataPiece& piece : find_put(entry).change->pieces) {
    const bool hole = piece.frame == DataPiece::kHole;
    const std::uint64_t bytes = std::min(left, std::uint64_t{piece.blocks} * kBlockSize);
    left -= bytes;
    if (!runs.empty() && runs.back().hole == hole) {
      runs.back().length += bytes;
    } else {
      runs.push_back({bytes, hole});
    }
  }
  return runs;
}

FileTree load_tree(const Store& store, const std::vector<LayerRef>& layers) {
  std::vector<std::shared_ptr<const LayerIndex>> indices;
  indices.reserve(layers.size());
  for (const LayerRef& layer : layers) indices.push_back(store.layer_index(layer.digest));
  return FileTree(indices);
}

std::string read_file(const Store& store, const std::vector<LayerRef>& layers, const FileTree::Entry& entry) {
  std::string bytes;
  FileReader(store, layers).read(entry, [&](std::span<const std::byte> part) {
    bytes.append(reinterpret_cast<const char*>(part.data()), part.size());
  });
  return bytes;
}

}  // namespace blueprint::layers
