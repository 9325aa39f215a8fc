#pragma once

// How the data of a layer's files is cut into frames, and the work of reading, hashing and compressing them.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <variant>
#include <vector>

#include "base/digest.h"
#include "layers/changeset.h"
#include "layers/cite.h"
#include "layers/frame_codec.h"

namespace blueprint::layers {

/// Pieces of a file or whole small files that one thread handles at once. Covers files in the order of the changes.
struct DataJob {
  enum class Kind { SmallFiles, Pieces, Stored } kind = Kind::SmallFiles;
  std::size_t first_file = 0;  ///< indices into the list of files that the jobs were cut from
  std::size_t file_count = 1;
  std::uint64_t offset = 0;  ///< Pieces: of the first byte in the file
  std::uint64_t size = 0;    ///< Pieces: bytes, to a multiple of kMaxFrameSize or the end of the file
};

/// Cuts the files into jobs. `files` are indices into `changes` of regular files that are not empty.
///
/// A file larger than a frame is cut into pieces of kMaxFrameSize from its start. Smaller ones are packed into frames
/// with their neighbours in path order, a frame's worth at most; before a file whose path hashes to a multiple of 16 a
/// new frame begins, so that a file that comes or goes changes the frames near it and no others.
[[nodiscard]] std::vector<DataJob> cut_into_jobs(const std::vector<PlannedChange>& changes,
                                                 std::span<const std::size_t> files);

/// A frame as it came out of a job.
struct MadeFrame {
  Digest digest;
  std::uint32_t size = 0;
  std::vector<std::byte> compressed;                    ///< empty when it is cited
  std::optional<CitableFrame> cited;                    ///< it need not be stored
  std::shared_ptr<const std::vector<std::byte>> bytes;  ///< uncompressed; null when nobody read it
};

/// Where a run of blocks of a file is.
struct MadePiece {
  std::size_t file = 0;
  std::uint64_t file_block = 0;
  std::uint32_t blocks = 0;
  std::uint32_t frame = DataPiece::kHole;  ///< index into MadeData::frames
  std::uint32_t frame_block = 0;
};

struct MadeDigest {
  std::size_t file = 0;
  Digest digest;  ///< SmallFiles, Stored: the file's data_digest; Pieces: that of the next piece of the file
};

/// A file whose data is that of a file before it, and lies where that does.
struct MadeTwin {
  std::size_t file = 0;
  std::size_t of = 0;
  std::shared_ptr<const std::vector<std::byte>> bytes;  ///< in whole blocks
};

struct MadeData {
  std::vector<MadeFrame> frames;
  std::vector<MadePiece> pieces;
  std::vector<MadeTwin> twins;
  std::vector<MadeDigest> digests;
};

/// What a thread needs to do jobs.
struct DataTools {
  FrameCompressor compressor = FrameCompressor::for_data();
  Sha256 hash;
  Sha256 frame_hash;  ///< of the frame at hand, as far as it is known
};

/// Does a job of Kind SmallFiles or Pieces. `twins` is what find_twins() says of `files`. Throws os_error, Error L030.
[[nodiscard]] MadeData make_data(const DataJob& job, const std::vector<PlannedChange>& changes,
                                 std::span<const std::size_t> files, std::span<const std::size_t> twins,
                                 const Citable& citable, DataTools& tools);

/// The frame of whole blocks that belong to no file, without pieces.
[[nodiscard]] MadeData make_frame(std::vector<std::byte> bytes, const Citable& citable, DataTools& tools);

/// Of a file that a layer in the store holds: nothing is read. `file` is its index in the list of files.
[[nodiscard]] MadeData cite_file(const Citable::File& stored, std::size_t file);

}  // namespace blueprint::layers
