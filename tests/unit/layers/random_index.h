#pragma once

// Random layer indexes that keep all rules of the format, for encode∘decode.

#include <algorithm>
#include <array>
#include <random>
#include <set>
#include <string>
#include <utility>

#include "layers/layer_index.h"

namespace blueprint::layers::testing {

class RandomIndex {
 public:
  explicit RandomIndex(std::uint64_t seed) : random_(seed) {}

  /// `size` is about the number of changes, frames and extents. Frames of blob 0 fill it: frames_size() bytes.
  LayerIndex make(std::size_t size) {
    LayerIndex index;
    index.device_bytes = (1 + below(1 << 20)) * kBlockSize;
    index.content_digest = digest();
    for (std::size_t i = below(4); i > 0; --i) index.blobs.push_back(digest());
    make_frames(index, below(size + 1));
    make_extents(index, below(size + 1));
    for (std::uint64_t span = below(3), end = (index.device_bytes + (1 << 20) - 1) >> 20;
         span < end && index.spans.size() < size; span += 1 + below(9)) {
      index.spans.push_back({span, digest()});
    }
    make_changes(index, below(size + 1));
    return index;
  }

  static std::uint64_t frames_size(const LayerIndex& index) {
    std::uint64_t end = 0;
    for (const Frame& frame : index.frames) {
      if (frame.blob == 0) end = frame.offset + frame.compressed_size;
    }
    return end;
  }

  std::uint64_t below(std::uint64_t bound) {
    return std::uniform_int_distribution<std::uint64_t>(0, bound - 1)(random_);
  }
  Digest digest() {
    Digest digest;
    for (auto& byte : digest.bytes) byte = static_cast<std::uint8_t>(random_());
    return digest;
  }

 private:
  void make_frames(LayerIndex& index, std::size_t count) {
    std::uint64_t end = 0;
    for (std::size_t i = 0; i < count; ++i) {
      Frame frame;
      frame.blob = static_cast<std::uint32_t>(below(index.blobs.size() + 1));
      frame.size = static_cast<std::uint32_t>(1 + below(32)) * kBlockSize;
      frame.compressed_size = static_cast<std::uint32_t>(1 + below(frame.size));
      frame.offset = frame.blob == 0 ? end : below(1ULL << 40);
      if (frame.blob == 0) end += frame.compressed_size;
      frame.digest = digest();
      index.frames.push_back(frame);
    }
  }

  /// A frame, and blocks inside it; `most` bounds the blocks.
  std::array<std::uint32_t, 3> piece_of_frame(const LayerIndex& index, std::uint64_t most) {
    const auto frame = static_cast<std::uint32_t>(below(index.frames.size()));
    const std::uint32_t total = index.frames[frame].size / kBlockSize;
    const auto blocks = static_cast<std::uint32_t>(1 + below(std::min<std::uint64_t>(total, most)));
    return {frame, static_cast<std::uint32_t>(below(total - blocks + 1)), blocks};
  }

  void make_extents(LayerIndex& index, std::size_t count) {
    const std::uint64_t device_blocks = index.device_bytes / kBlockSize;
    std::uint64_t block = 0;
    for (std::size_t i = 0; i < count; ++i) {
      block += below(4) == 0 ? below(1000) : 0;
      if (block >= device_blocks) return;
      Extent extent;
      extent.first_block = block;
      if (index.frames.empty() || below(4) == 0) {
        extent.blocks = static_cast<std::uint32_t>(1 + below(device_blocks - block));
        extent.blocks = std::min(extent.blocks, 5000U);
      } else {
        const auto [frame, first, blocks] = piece_of_frame(index, device_blocks - block);
        extent.frame = frame;
        extent.frame_block = first;
        extent.blocks = blocks;
      }
      block += extent.blocks;
      index.extents.push_back(extent);
    }
  }

  std::string name() {
    static constexpr std::string_view kBytes = "ab-.Z\xff\x01 ";
    std::string name;
    for (std::uint64_t i = 1 + below(below(20) == 0 ? 255 : 6); i > 0; --i) name += kBytes[below(kBytes.size())];
    return name == "." || name == ".." ? "x" : name;
  }

  Metadata metadata() {
    Metadata metadata;
    metadata.mode = static_cast<std::uint32_t>(below(010000));
    metadata.uid = below(3) == 0 ? static_cast<std::uint32_t>(random_()) : 0;
    metadata.gid = below(3) == 0 ? static_cast<std::uint32_t>(random_()) : 0;
    metadata.mtime.seconds = below(9) == 0 ? static_cast<std::int64_t>(random_()) : 1'700'000'000;
    metadata.mtime.nanoseconds = static_cast<std::uint32_t>(below(1'000'000'000));
    std::set<std::string> names;
    for (std::uint64_t i = below(6) == 0 ? below(4) : 0; i > 0; --i) names.insert("user." + std::to_string(below(5)));
    for (const auto& xattr : names)
      metadata.xattrs.push_back({xattr, std::string(below(40), static_cast<char>(below(256)))});
    return metadata;
  }

  void fill_data(const LayerIndex& index, Change& change) {
    std::uint64_t blocks = 0;
    for (std::uint64_t i = below(4); i > 0; --i) {
      DataPiece piece;
      if (index.frames.empty() || below(4) == 0) {
        piece.blocks = static_cast<std::uint32_t>(1 + below(1U << 20));
      } else {
        const auto [frame, first, count] = piece_of_frame(index, 32);
        piece = {frame, first, count};
      }
      blocks += piece.blocks;
      change.pieces.push_back(piece);
    }
    change.size = blocks == 0 ? 0 : blocks * kBlockSize - below(kBlockSize);
    change.data_digest = digest();
  }

  void make_changes(LayerIndex& index, std::size_t count) {
    const auto before = [](const std::string& a, const std::string& b) { return compare_paths(a, b) < 0; };
    std::set<std::string, decltype(before)> paths(before);
    std::string path;
    for (std::size_t i = 0; i < count; ++i) {
      const std::uint64_t how = below(4);
      if (how == 0) path = "";
      if (how == 1) path = std::string(parent_path(path));
      const std::string last = name();
      path = path.empty() || path.size() > 3000 ? last : path + "/" + last;
      paths.insert(path);
    }
    if (count > 0 && below(2) == 0) paths.insert("");
    for (const auto& each : paths) index.changes.push_back(change(index, each));
  }

  Change change(const LayerIndex& index, const std::string& path) {
    Change change;
    change.path = path;
    const std::uint64_t kind = path.empty() ? below(2) : below(4);
    change.kind = kind >= 2 ? ChangeKind::Put : (kind == 1 ? ChangeKind::Metadata : ChangeKind::Remove);
    if (path.empty() && change.kind == ChangeKind::Remove) change.kind = ChangeKind::Put;
    if (change.kind == ChangeKind::Remove) return change;
    change.type = path.empty() ? FileType::Directory : static_cast<FileType>(below(7));
    if (change.kind == ChangeKind::Put && change.type != FileType::Directory && below(8) == 0) {
      change.link_to = path + ".other";
      if (!is_clean_path(change.link_to)) change.link_to = "other";
      if (change.link_to == change.path) change.link_to = "another";
      return change;
    }
    change.metadata = metadata();
    if (change.kind != ChangeKind::Put) return change;
    if (change.type == FileType::Symlink) change.target = name();
    if (change.type == FileType::Regular) fill_data(index, change);
    if (change.type == FileType::CharDevice || change.type == FileType::BlockDevice) {
      change.device_major = static_cast<std::uint32_t>(below(4096));
      change.device_minor = static_cast<std::uint32_t>(below(1 << 20));
    }
    return change;
  }

  std::mt19937_64 random_;
};

}  // namespace blueprint::layers::testing
