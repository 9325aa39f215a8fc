#include "layers/layer_writer_jobs.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <utility>

#include "layers/layer_writer_source.h"

namespace blueprint::layers {
namespace {

constexpr std::uint64_t kPiecesPerJob = 2;
constexpr std::uint64_t kCutEvery = 64;

using Bytes = std::vector<std::byte>;

/// FNV-1a: any fixed function would do.
std::uint64_t hash_path(std::string_view path) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : path) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash ^ hash >> 32;
}

bool is_stored(const PlannedChange& planned) { return std::holds_alternative<StoredFile>(planned.source); }

void cut_large(std::vector<DataJob>& jobs, std::size_t file, std::uint64_t size) {
  constexpr std::uint64_t kJobBytes = kPiecesPerJob * kMaxFrameSize;
  for (std::uint64_t offset = 0; offset < size; offset += kJobBytes) {
    jobs.push_back({DataJob::Kind::Pieces, file, 1, offset, std::min(kJobBytes, size - offset)});
  }
}

/// The digest of a piece of zeros, which holes make common.
const Digest& zero_piece_digest() {
  static const Digest kDigest = [] {
    const Bytes zeros(kMaxFrameSize);
    return sha256(std::span<const std::byte>(zeros));
  }();
  return kDigest;
}

class Maker {
 public:
  Maker(const Citable& citable, DataTools& tools) : citable_(citable), tools_(tools) {}

  /// Makes a frame of whole blocks, unless it is cited. Returns its number.
  std::uint32_t add_frame(Bytes bytes, const Digest& digest) {
    MadeFrame frame;
    frame.size = static_cast<std::uint32_t>(bytes.size());
    frame.digest = digest;
    if (const CitableFrame* cited = citable_.find_frame(frame.digest)) {
      frame.cited = *cited;
    } else {
      const auto compressed = tools_.compressor.compress(bytes);
      frame.compressed.assign(compressed.begin(), compressed.end());
    }
    frame.bytes = std::make_shared<const Bytes>(std::move(bytes));
    data_.frames.push_back(std::move(frame));
    return static_cast<std::uint32_t>(data_.frames.size() - 1);
  }

  Digest digest_of(std::span<const std::byte> bytes) { return tools_.hash.update(bytes).finish(); }

  /// A piece of a large file that is zeros.
  void add_hole(std::size_t file, std::uint64_t offset, std::size_t size) {
    data_.pieces.push_back(
        {file, offset / kBlockSize, static_cast<std::uint32_t>(blocks_of(size)), DataPiece::kHole, 0});
    data_.digests.push_back({file, size == kMaxFrameSize ? zero_piece_digest() : digest_of(Bytes(size))});
  }

  /// One piece of kMaxFrameSize, or the last one, of a large file. `bytes` are padded to blocks.
  void add_large_piece(std::size_t file, std::uint64_t offset, Bytes bytes, std::size_t unpadded) {
    const std::vector<DataRun> runs = find_holes(bytes);
    const bool solid = runs.size() == 1 && !runs.front().hole;
    if (solid) {
      // One pass for both digests: that of the frame goes on where that of the file ends.
      const Digest unpadded_digest = tools_.hash.update(std::span(bytes).first(unpadded)).so_far();
      const Digest digest = tools_.hash.update(std::span(bytes).subspan(unpadded)).finish();
      const auto blocks = static_cast<std::uint32_t>(bytes.size() / kBlockSize);
      const std::uint32_t frame = add_frame(std::move(bytes), digest);
      data_.pieces.push_back({file, offset / kBlockSize, blocks, frame, 0});
      data_.digests.push_back({file, unpadded_digest});
      return;
    }
    data_.digests.push_back({file, digest_of(std::span(bytes).first(unpadded))});
    Bytes kept;
    std::vector<std::size_t> waiting;  // pieces of the frame that is not made yet
    for (const DataRun& run : runs) {
      const auto part =
          std::span(bytes).subspan(run.first * std::size_t{kBlockSize}, run.blocks * std::size_t{kBlockSize});
      MadePiece piece{file, offset / kBlockSize + run.first, run.blocks, DataPiece::kHole, 0};
      if (!run.hole) {
        piece.frame_block = static_cast<std::uint32_t>(kept.size() / kBlockSize);
        kept.insert(kept.end(), part.begin(), part.end());
        waiting.push_back(data_.pieces.size());
      }
      data_.pieces.push_back(piece);
    }
    if (kept.empty()) return;
    const Digest digest = digest_of(kept);
    const std::uint32_t frame = add_frame(std::move(kept), digest);
    for (const std::size_t number : waiting) data_.pieces[number].frame = frame;
  }

  MadeData& data() { return data_; }
  DataTools& tools() { return tools_; }

 private:
  const Citable& citable_;
  DataTools& tools_;
  MadeData data_;
};

/// Appends the pieces of a stored file; frames that are there already are not added again.
void add_cited(MadeData& data, const Citable::File& stored, std::size_t file) {
  std::uint64_t file_block = 0;
  std::map<std::uint32_t, std::uint32_t> numbers;  // of a frame in its layer → in `data`
  for (const DataPiece& piece : stored.change->pieces) {
    MadePiece made{file, file_block, piece.blocks, DataPiece::kHole, piece.first_block};
    file_block += piece.blocks;
    if (piece.frame != DataPiece::kHole) {
      const auto [known, is_new] = numbers.emplace(piece.frame, static_cast<std::uint32_t>(data.frames.size()));
      if (is_new) {
        MadeFrame frame;
        const CitableFrame cited = citable_frame(*stored.index, stored.layer, piece.frame);
        frame.digest = cited.frame.digest;
        frame.size = cited.frame.size;
        frame.cited = cited;
        data.frames.push_back(std::move(frame));
      }
      made.frame = known->second;
    }
    data.pieces.push_back(made);
  }
  data.digests.push_back({file, stored.change->data_digest});
}

MadeData make_pieces(const DataJob& job, const PlannedChange& planned, Maker& maker) {
  const SourceReader source(planned);
  for (std::uint64_t done = 0; done < job.size; done += kMaxFrameSize) {
    const std::size_t size = std::min<std::uint64_t>(kMaxFrameSize, job.size - done);
    if (source.is_hole(job.offset + done, size)) {
      maker.add_hole(job.first_file, job.offset + done, size);
      continue;
    }
    Bytes bytes(blocks_of(size) * kBlockSize);
    source.read(job.offset + done, std::span(bytes).first(size));
    maker.add_large_piece(job.first_file, job.offset + done, std::move(bytes), size);
  }
  return std::move(maker.data());
}

/// Packs small files one behind the other into a frame. The digest of the frame goes on where that of its first file
/// ends, so that the file is hashed once.
class Packing {
 public:
  Packing(const Citable& citable, Maker& maker) : citable_(citable), maker_(maker) {}

  void reserve(std::uint64_t bytes) { packed_.reserve(bytes); }

  /// `twin` is the first file with the same data: `file` itself when there is none.
  void add(std::size_t file, std::size_t twin, const PlannedChange& planned) {
    const std::size_t size = planned.change.size;
    const std::size_t at = packed_.size();
    packed_.resize(at + blocks_of(size) * kBlockSize);
    const auto bytes = std::span(packed_).subspan(at);
    SourceReader(planned).read(0, bytes.first(size));
    const Digest digest = digest_of_next(at, bytes.first(size));
    if (const auto stored = citable_.find_file(digest, size)) {
      truncate(at, at);
      add_cited(maker_.data(), *stored, file);
      return;
    }
    maker_.data().digests.push_back({file, digest});
    if (twin != file) {
      maker_.data().twins.push_back({file, twin, std::make_shared<const Bytes>(bytes.begin(), bytes.end())});
      truncate(at, at);
      return;
    }
    const std::vector<DataRun> runs = find_holes(bytes);
    std::size_t end = at;
    for (const DataRun& run : runs) end = keep(file, run, bytes, end);
    if (end < packed_.size()) truncate(at, end);
  }

  /// Makes the frame, if there is anything in it.
  void finish() {
    if (packed_.empty()) return;
    const Digest digest = hash().update(std::span(packed_).subspan(hashed_)).finish();
    const std::uint32_t frame = maker_.add_frame(std::move(packed_), digest);
    for (const std::size_t piece : waiting_) maker_.data().pieces[piece].frame = frame;
  }

 private:
  Sha256& hash() { return maker_.tools().frame_hash; }

  Digest digest_of_next(std::size_t at, std::span<const std::byte> bytes) {
    if (at > 0) return maker_.digest_of(bytes);
    hashed_ = bytes.size();
    return hash().update(bytes).so_far();
  }

  /// Moves the data of `run` to `end`; where it ends then.
  std::size_t keep(std::size_t file, const DataRun& run, std::span<const std::byte> bytes, std::size_t end) {
    MadePiece piece{file, run.first, run.blocks, DataPiece::kHole, 0};
    if (!run.hole) {
      piece.frame_block = static_cast<std::uint32_t>(end / kBlockSize);
      waiting_.push_back(maker_.data().pieces.size());
      const auto part = bytes.subspan(run.first * std::size_t{kBlockSize}, run.blocks * std::size_t{kBlockSize});
      if (part.data() != packed_.data() + end) std::memmove(packed_.data() + end, part.data(), part.size());
      end += part.size();
    }
    maker_.data().pieces.push_back(piece);
    return end;
  }

  /// The file that begins at `at` is not, or not as it is, in the frame.
  void truncate(std::size_t at, std::size_t end) {
    packed_.resize(end);
    if (at > 0) return;
    static_cast<void>(hash().finish());
    hashed_ = 0;
  }

  const Citable& citable_;
  Maker& maker_;
  Bytes packed_;
  std::size_t hashed_ = 0;            ///< so many bytes of packed_ are in hash()
  std::vector<std::size_t> waiting_;  ///< pieces that get the number of the frame
};

/// Files that are stored somewhere, or will be by then, are left out of the frame.
MadeData make_small_files(const DataJob& job, const std::vector<PlannedChange>& changes,
                          std::span<const std::size_t> files, std::span<const std::size_t> twins,
                          const Citable& citable, Maker& maker) {
  Packing packing(citable, maker);
  const auto numbers = files.subspan(job.first_file, job.file_count);
  std::uint64_t blocks = 0;
  for (const std::size_t number : numbers) blocks += blocks_of(changes[number].change.size);
  packing.reserve(blocks * kBlockSize);
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    packing.add(job.first_file + i, twins[job.first_file + i], changes[numbers[i]]);
  }
  packing.finish();
  return std::move(maker.data());
}

}  // namespace

std::vector<DataJob> cut_into_jobs(const std::vector<PlannedChange>& changes, std::span<const std::size_t> files) {
  std::vector<DataJob> jobs;
  std::uint64_t blocks = 0;  // in the last job, while it is one of small files that may grow
  for (std::size_t file = 0; file < files.size(); ++file) {
    const PlannedChange& planned = changes[files[file]];
    const std::uint64_t size = planned.change.size;
    if (is_stored(planned)) {
      jobs.push_back({DataJob::Kind::Stored, file, 1, 0, size});
      blocks = 0;
    } else if (size > kMaxFrameSize) {
      cut_large(jobs, file, size);
      blocks = 0;
    } else if (blocks == 0 || blocks + blocks_of(size) > kMaxFrameSize / kBlockSize ||
               hash_path(planned.change.path) % kCutEvery == 0) {
      jobs.push_back({DataJob::Kind::SmallFiles, file, 1, 0, size});
      blocks = blocks_of(size);
    } else {
      ++jobs.back().file_count;
      jobs.back().size += size;
      blocks += blocks_of(size);
    }
  }
  return jobs;
}

MadeData make_data(const DataJob& job, const std::vector<PlannedChange>& changes, std::span<const std::size_t> files,
                   std::span<const std::size_t> twins, const Citable& citable, DataTools& tools) {
  Maker maker(citable, tools);
  if (job.kind == DataJob::Kind::Pieces) return make_pieces(job, changes[files[job.first_file]], maker);
  return make_small_files(job, changes, files, twins, citable, maker);
}

MadeData make_frame(std::vector<std::byte> bytes, const Citable& citable, DataTools& tools) {
  Maker maker(citable, tools);
  const Digest digest = maker.digest_of(bytes);
  maker.add_frame(std::move(bytes), digest);
  return std::move(maker.data());
}

MadeData cite_file(const Citable::File& stored, std::size_t file) {
  MadeData data;
  add_cited(data, stored, file);
  return data;
}

}  // namespace blueprint::layers
