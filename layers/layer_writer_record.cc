#include "layers/layer_writer_record.h"

#include <algorithm>
#include <variant>

#include "layers/layer_writer_errors.h"

namespace blueprint::layers {

DataRecorder::DataRecorder(BlobWriter& blob, std::vector<PlannedChange>& changes, const std::vector<std::size_t>& files,
                           const ext4::Author& author, ThreadPool& pool)
    : blob_(blob), changes_(changes), files_(files), author_(author), spans_(pool), holes_(files.size()) {}

void DataRecorder::record(const MadeData& data) {
  const std::vector<std::uint32_t> numbers = enter_frames(data);
  for (const MadePiece& piece : data.pieces) {
    if (piece.frame == DataPiece::kHole) {
      add_hole(piece);
    } else {
      add_data(piece, numbers[piece.frame], {data.frames[piece.frame].bytes, piece.frame_block});
    }
  }
  for (const MadeTwin& twin : data.twins) add_twin(twin);
  for (const MadeDigest& digest : data.digests) add_digest(digest);
}

void DataRecorder::record(const MadeData& data, const std::vector<std::uint64_t>& device_blocks) {
  const std::uint32_t frame = enter_frames(data).front();
  std::uint32_t frame_block = 0;
  for (const std::uint64_t block : device_blocks) extents_.push_back({block, 1, frame, frame_block++});
}

// The numbers in the index of the frames of `data`. Two equal frames may have been compressed at the same time: the
// second is dropped here.
std::vector<std::uint32_t> DataRecorder::enter_frames(const MadeData& data) {
  std::vector<std::uint32_t> numbers;
  for (const MadeFrame& frame : data.frames) {
    if (const std::uint32_t* known = blob_.find(frame.digest)) {
      numbers.push_back(*known);
    } else if (frame.cited) {
      numbers.push_back(blob_.cite(frame.cited->blob, frame.cited->frame));
      cited_bytes_ += frame.size;
    } else {
      numbers.push_back(blob_.store(frame.digest, frame.size, frame.compressed));
      stored_bytes_ += frame.compressed.size();
    }
  }
  return numbers;
}

void DataRecorder::add_hole(const MadePiece& piece) {
  auto& pieces = changes_[files_[piece.file]].change.pieces;
  auto& holes = holes_[piece.file];
  if (!pieces.empty() && pieces.back().frame == DataPiece::kHole) {
    pieces.back().blocks += piece.blocks;
    holes.back().blocks += piece.blocks;
  } else {
    pieces.push_back({DataPiece::kHole, 0, piece.blocks});
    holes.push_back({piece.file_block, piece.blocks});
  }
}

// Equal data has equal holes, whoever cut it.
void DataRecorder::add_twin(const MadeTwin& twin) {
  std::uint32_t block = 0;
  for (const DataPiece& piece : changes_[files_[twin.of]].change.pieces) {
    const MadePiece made{twin.file, block, piece.blocks, piece.frame, piece.first_block};
    if (piece.frame == DataPiece::kHole) {
      add_hole(made);
    } else {
      add_data(made, piece.frame, {twin.bytes, block});
    }
    block += piece.blocks;
  }
}

void DataRecorder::add_data(const MadePiece& piece, std::uint32_t frame, const FileBytes& bytes) {
  changes_[files_[piece.file]].change.pieces.push_back({frame, piece.frame_block, piece.blocks});
  // A piece may lie in several runs of the device.
  const auto& runs = author_.placed()[piece.file].runs;
  auto run = std::upper_bound(runs.begin(), runs.end(), piece.file_block,
                              [](std::uint64_t block, const ext4::PlacedRun& r) { return block < r.file_block; }) -
             1;
  for (std::uint32_t done = 0; done < piece.blocks; ++run) {
    const std::uint64_t skip = piece.file_block + done - run->file_block;
    const auto part = static_cast<std::uint32_t>(std::min<std::uint64_t>(piece.blocks - done, run->blocks - skip));
    extents_.push_back({run->device_block + skip, part, frame, piece.frame_block + done});
    if (bytes.bytes) spans_.add(run->device_block + skip, part, bytes.bytes, bytes.first_block + done);
    done += part;
  }
}

void DataRecorder::add_digest(const MadeDigest& made) {
  PlannedChange& planned = changes_[files_[made.file]];
  Digest digest = made.digest;
  if (planned.change.size > kMaxFrameSize && !std::holds_alternative<StoredFile>(planned.source)) {
    pieces_hash_.update(std::as_bytes(std::span(digest.bytes)));
    digested_bytes_ += kMaxFrameSize;
    if (digested_bytes_ < planned.change.size) return;
    digested_bytes_ = 0;
    digest = pieces_hash_.finish();
  }
  Digest& expected = planned.change.data_digest;
  if (expected != Digest() && expected != digest) throw source_changed(planned.change.path, planned.change.path);
  expected = digest;
}

}  // namespace blueprint::layers
