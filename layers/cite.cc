#include "layers/cite.h"

#include <algorithm>
#include <utility>

namespace blueprint::layers {

CitableFrame citable_frame(const LayerIndex& index, const Digest& layer, std::uint32_t number) {
  const Frame& frame = index.frames.at(number);
  return {frame.blob == 0 ? layer : index.blobs.at(frame.blob - 1), frame};
}

const Change* find_put(const LayerIndex& index, std::string_view path) {
  for (int links = 0; links < 2; ++links) {  // sort_changes() leaves no link to a link
    const auto found = std::lower_bound(
        index.changes.begin(), index.changes.end(), path,
        [](const Change& change, std::string_view value) { return compare_paths(change.path, value) < 0; });
    if (found == index.changes.end() || found->path != path || found->kind != ChangeKind::Put ||
        found->type != FileType::Regular) {
      return nullptr;
    }
    if (found->link_to.empty()) return &*found;
    path = found->link_to;
  }
  return nullptr;
}

void Citable::add(const Digest& layer, std::shared_ptr<const LayerIndex> index) {
  const auto number = static_cast<std::uint32_t>(layers_.size());
  frames_.reserve(frames_.size() + index->frames.size());
  for (std::uint32_t i = 0; i < index->frames.size(); ++i) {
    frames_.try_emplace(index->frames[i].digest, citable_frame(*index, layer, i));
  }
  for (std::uint32_t i = 0; i < index->changes.size(); ++i) {
    const Change& change = index->changes[i];
    if (change.kind == ChangeKind::Put && change.type == FileType::Regular && change.link_to.empty() &&
        change.size > 0) {
      files_.try_emplace(change.data_digest, FileKey{number, i});
    }
  }
  layers_.emplace_back(layer, std::move(index));
}

const CitableFrame* Citable::find_frame(const Digest& digest) const {
  const auto found = frames_.find(digest);
  return found == frames_.end() ? nullptr : &found->second;
}

std::optional<Citable::File> Citable::find_file(const Digest& data_digest, std::uint64_t size) const {
  const auto found = files_.find(data_digest);
  if (found == files_.end()) return std::nullopt;
  const auto& [layer, index] = layers_[found->second.layer];
  const Change& change = index->changes[found->second.change];
  if (change.size != size) return std::nullopt;
  return File{index.get(), &change, layer};
}

}  // namespace blueprint::layers
