// Reading the columns of the changes of a layer; see layers/layer_index_format.h for the grammar and
// layer_index_decode.cc for the approach. Paths and xattrs are stored once and expanded here, so their sums are bounded
// while they grow.

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "layers/layer_index_columns.h"

namespace blueprint::layers::format {
namespace {

using XattrSets = std::vector<std::vector<Xattr>>;
using ChangeList = std::vector<Change*>;

template <class Predicate>
ChangeList those(std::vector<Change>& changes, Predicate predicate) {
  ChangeList found;
  for (Change& change : changes) {
    if (predicate(std::as_const(change))) found.push_back(&change);
  }
  return found;
}

bool has_nul(std::string_view text) { return text.find('\0') != std::string_view::npos; }

XattrSets read_xattr_sets(Columns& columns) {
  XattrSets sets(columns.count(kMaxChanges, 1, "too many sets of xattrs"));
  for (auto& set : sets) {
    const std::uint64_t count = columns.count(kMaxChanges, 2, "too many xattrs");
    columns.require(count > 0, "a set of xattrs is empty");
    for (std::uint64_t i = 0; i < count; ++i) {
      const auto name = columns.text(kMaxXattrName, "the name of an xattr is longer than 255 bytes");
      const auto value = columns.text(kMaxXattrValue, "the value of an xattr is larger than 64 KiB");
      columns.require(!name.empty() && !has_nul(name), "the name of an xattr is empty or has a NUL");
      columns.require(set.empty() || set.back().name < name, "the xattrs of a file are not sorted by name");
      set.push_back({std::string(name), std::string(value)});
    }
  }
  return sets;
}

void read_shape(Columns& columns, Change& change, std::vector<bool>& links) {
  const std::uint8_t shape = columns.byte();
  const unsigned kind = shape & 3U;
  const unsigned type = (shape >> 2U) & 7U;
  const bool link = (shape & 0x20U) != 0;
  columns.require(shape < 0x40 && kind <= static_cast<unsigned>(ChangeKind::Remove), "a change is of no known kind");
  columns.require(type <= static_cast<unsigned>(FileType::Socket), "a file is of no known type");
  change.kind = static_cast<ChangeKind>(kind);
  change.type = static_cast<FileType>(type);
  columns.require(change.kind != ChangeKind::Remove || type == 0, "a removed path has a type");
  columns.require(!link || (change.kind == ChangeKind::Put && change.type != FileType::Directory),
                  "a hard link is no put of a file");
  links.push_back(link);
}

void read_paths(Columns& columns, std::vector<Change>& changes) {
  std::string path;
  std::uint64_t total = 0;
  const std::string* before = nullptr;
  for (Change& change : changes) {
    const auto shared = columns.number(0, path.size(), "a path shares more than the path before has");
    const auto suffix = columns.text(4096, "a path is longer than 4095 bytes");
    path.resize(shared);
    path += suffix;
    total += path.size();
    columns.require(total <= kMaxPathBytes, "the paths are longer than 256 MiB together");
    columns.require(is_clean_path(path), "a path is not clean");
    columns.require(before == nullptr || compare_paths(*before, path) < 0,
                    "the paths are not in order, or one is there twice");
    columns.require(!path.empty() || (change.kind != ChangeKind::Remove && change.type == FileType::Directory),
                    "the root directory becomes something else");
    change.path = path;
    before = &change.path;
  }
}

void read_metadata(Columns& columns, const ChangeList& changes, const XattrSets& sets) {
  for (Change* change : changes)
    change->metadata.mode = columns.number32(0, 07777, "a mode has more than permission bits");
  for (Change* change : changes) change->metadata.uid = columns.number32(0, ~0U, "a uid is over 32 bits");
  for (Change* change : changes) change->metadata.gid = columns.number32(0, ~0U, "a gid is over 32 bits");
  std::uint64_t seconds = 0;
  for (Change* change : changes) {
    seconds += static_cast<std::uint64_t>(columns.difference());
    change->metadata.mtime.seconds = static_cast<std::int64_t>(seconds);
  }
  for (Change* change : changes) {
    change->metadata.mtime.nanoseconds = columns.number32(0, 999'999'999, "nanoseconds are a second or more");
  }
  std::uint64_t total = 0;
  for (Change* change : changes) {
    const std::uint64_t set = columns.number(0, sets.size(), "a file has a set of xattrs that is not there");
    if (set == 0) continue;
    for (const Xattr& xattr : sets[set - 1]) total += sizeof(Xattr) + xattr.name.size() + xattr.value.size();
    columns.require(total <= kMaxXattrBytes, "the xattrs are larger than 256 MiB together");
    change->metadata.xattrs = sets[set - 1];
  }
}

void read_targets(Columns& columns, std::vector<Change>& changes, const std::vector<bool>& links) {
  const auto not_link = [&](const Change& change) {
    return !links[static_cast<std::size_t>(&change - changes.data())];
  };
  for (Change& change : changes) {
    if (!not_link(change) || !is_put_of(change, FileType::Symlink)) continue;
    change.target = columns.text(kMaxTarget, "the target of a symbolic link is longer than 4095 bytes");
    columns.require(!change.target.empty() && !has_nul(change.target),
                    "the target of a symbolic link is empty or has a NUL");
  }
  for (Change& change : changes) {
    if (!not_link(change) || !is_device(change)) continue;
    change.device_major = columns.number32(0, kMaxMajor, "a device number is too large");
    change.device_minor = columns.number32(0, kMaxMinor, "a device number is too large");
  }
  std::uint64_t total = 0;
  for (Change& change : changes) {
    if (not_link(change)) continue;
    change.link_to = columns.text(kMaxTarget, "a path is longer than 4095 bytes");
    total += change.link_to.size();
    columns.require(total <= kMaxPathBytes, "the paths are longer than 256 MiB together");
    columns.require(!change.link_to.empty() && is_clean_path(change.link_to) && change.link_to != change.path,
                    "a hard link leads to a path that is not clean, or to itself");
  }
}

void read_pieces(Columns& columns, const ChangeList& files, const std::vector<Frame>& frames) {
  std::uint64_t total = 0;
  for (Change* file : files) {
    const std::uint64_t count = columns.count(kMaxPieces, 2, "too many pieces");
    total += count;
    columns.require(total <= kMaxPieces, "too many pieces");
    file->pieces.resize(count);
  }
  SourceReader source(columns, frames.size());
  for (Change* file : files) {
    for (DataPiece& piece : file->pieces) piece.frame = source.next(DataPiece::kHole);
  }
  for (Change* file : files) {
    for (DataPiece& piece : file->pieces) {
      if (piece.frame == DataPiece::kHole) continue;
      piece.first_block = columns.number32(0, kBlocksPerFrame, "a piece begins behind the end of its frame");
    }
  }
  for (Change* file : files) {
    std::uint64_t blocks = 0;
    for (DataPiece& piece : file->pieces) {
      piece.blocks = columns.number32(1, ~0U, "a piece has no block, or more than 2^32");
      if (piece.frame != DataPiece::kHole) {
        const std::uint64_t end = std::uint64_t{piece.first_block} + piece.blocks;
        columns.require(end <= frames[piece.frame].size / kBlockSize, "a piece ends behind the end of its frame");
      }
      blocks += piece.blocks;
    }
    columns.require(blocks == (file->size + kBlockSize - 1) / kBlockSize,
                    "the pieces of a file are not as long as the file");
  }
}

}  // namespace

void decode_changes(Columns& columns, LayerIndex& index) {
  const XattrSets sets = read_xattr_sets(columns);
  const std::uint64_t count = columns.count(kMaxChanges, 3, "too many changes");
  std::vector<bool> links;
  links.reserve(count);
  auto& changes = index.changes;
  changes.resize(count);
  for (Change& change : changes) read_shape(columns, change, links);
  read_paths(columns, changes);

  const auto number_of = [&](const Change& change) { return static_cast<std::size_t>(&change - changes.data()); };
  read_metadata(
      columns,
      those(changes,
            [&](const Change& change) { return change.kind != ChangeKind::Remove && !links[number_of(change)]; }),
      sets);
  read_targets(columns, changes, links);
  const auto files = those(changes, [&](const Change& change) { return is_put_of(change, FileType::Regular); });
  for (Change* file : files) file->size = columns.number(0, kMaxFileBytes, "a file is larger than 16 TiB");
  read_pieces(columns, files, index.frames);
  for (Change* file : files) file->data_digest = columns.digest();
}

}  // namespace blueprint::layers::format
