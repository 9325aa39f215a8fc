#include "layers/layer_writer_jobs.h"

#include <algorithm>
#include <map>
#include <utility>

#include "layers/layer_writer_source.h"

namespace blueprint::layers {
namespace {

constexpr std::uint64_t kPiecesPerJob = 8;
constexpr std::uint64_t kCutEvery = 16;

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
  std::uint32_t add_frame(Bytes bytes) {
    MadeFrame frame;
    frame.size = static_cast<std::uint32_t>(bytes.size());
    frame.digest = digest_of(bytes);
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

  void add_holes(std::size_t file, std::uint64_t file_block, std::uint64_t blocks) {
    if (blocks > 0) data_.pieces.push_back({file, file_block, static_cast<std::uint32_t>(blocks), DataPiece::kHole, 0});
  }

  /// One piece of kMaxFrameSize, or the last one, of a large file. `bytes` are padded to blocks.
  void add_large_piece(std::size_t file, std::uint64_t offset, Bytes bytes, std::size_t unpadded) {
    const std::vector<DataRun> runs = find_holes(bytes);
    const bool solid = runs.size() == 1 && !runs.front().hole;
    if (solid) {
      const bool whole = bytes.size() == unpadded;
      const Digest unpadded_digest = whole ? Digest() : digest_of(std::span(bytes).first(unpadded));
      const auto blocks = static_cast<std::uint32_t>(bytes.size() / kBlockSize);
      const std::uint32_t frame = add_frame(std::move(bytes));
      data_.pieces.push_back({file, offset / kBlockSize, blocks, frame, 0});
      data_.digests.push_back({file, whole ? data_.frames[frame].digest : unpadded_digest});
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
    const std::uint32_t frame = add_frame(std::move(kept));
    for (const std::size_t number : waiting) data_.pieces[number].frame = frame;
  }

  MadeData& data() { return data_; }

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
  if (source.is_hole(job.offset, job.size)) {
    maker.add_holes(job.first_file, job.offset / kBlockSize, blocks_of(job.size));
    for (std::uint64_t done = 0; done < job.size; done += kMaxFrameSize) {
      const std::uint64_t left = std::min<std::uint64_t>(kMaxFrameSize, job.size - done);
      maker.data().digests.push_back({job.first_file, left == kMaxFrameSize
                                                          ? zero_piece_digest()
                                                          : maker.digest_of(std::span<const std::byte>(Bytes(left)))});
    }
    return std::move(maker.data());
  }
  for (std::uint64_t done = 0; done < job.size; done += kMaxFrameSize) {
    const std::size_t size = std::min<std::uint64_t>(kMaxFrameSize, job.size - done);
    Bytes bytes(blocks_of(size) * kBlockSize);
    source.read(job.offset + done, std::span(bytes).first(size));
    maker.add_large_piece(job.first_file, job.offset + done, std::move(bytes), size);
  }
  return std::move(maker.data());
}

/// Reads the files one behind the other; those that are stored somewhere are left out of the frame.
MadeData make_small_files(const DataJob& job, const std::vector<PlannedChange>& changes,
                          std::span<const std::size_t> files, const Citable& citable, Maker& maker) {
  MadeData& data = maker.data();
  Bytes packed;
  std::vector<std::size_t> waiting;
  for (std::size_t file = job.first_file; file < job.first_file + job.file_count; ++file) {
    const PlannedChange& planned = changes[files[file]];
    const std::size_t size = planned.change.size;
    const std::size_t at = packed.size();
    packed.resize(at + blocks_of(size) * kBlockSize);
    const auto bytes = std::span(packed).subspan(at);
    SourceReader(planned).read(0, bytes.first(size));
    const Digest digest = maker.digest_of(bytes.first(size));
    if (const auto stored = citable.find_file(digest, size)) {
      packed.resize(at);
      add_cited(data, *stored, file);
      continue;
    }
    data.digests.push_back({file, digest});
    Bytes kept;
    for (const DataRun& run : find_holes(bytes)) {
      const auto part = bytes.subspan(run.first * std::size_t{kBlockSize}, run.blocks * std::size_t{kBlockSize});
      MadePiece piece{file, run.first, run.blocks, DataPiece::kHole, 0};
      if (!run.hole) {
        piece.frame_block = static_cast<std::uint32_t>((at + kept.size()) / kBlockSize);
        waiting.push_back(data.pieces.size());
        kept.insert(kept.end(), part.begin(), part.end());
      }
      data.pieces.push_back(piece);
    }
    std::copy(kept.begin(), kept.end(), bytes.begin());
    packed.resize(at + kept.size());
  }
  if (packed.empty()) return std::move(data);
  const std::uint32_t frame = maker.add_frame(std::move(packed));
  for (const std::size_t piece : waiting) data.pieces[piece].frame = frame;
  return std::move(data);
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
                   const Citable& citable, DataTools& tools) {
  Maker maker(citable, tools);
  if (job.kind == DataJob::Kind::Pieces) return make_pieces(job, changes[files[job.first_file]], maker);
  return make_small_files(job, changes, files, citable, maker);
}

MadeData make_frame(std::vector<std::byte> bytes, const Citable& citable, DataTools& tools) {
  Maker maker(citable, tools);
  maker.add_frame(std::move(bytes));
  return std::move(maker.data());
}

MadeData cite_file(const Citable::File& stored, std::size_t file) {
  MadeData data;
  add_cited(data, stored, file);
  return data;
}

}  // namespace blueprint::layers
