#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "layers/blob_writer.h"
#include "layers/changeset.h"
#include "layers/ext4/author.h"
#include "layers/layer_writer_jobs.h"
#include "layers/layer_writer_spans.h"

namespace blueprint::layers {

/// Takes what the jobs made, in order, and writes it down: frames into the blob, pieces and digests into the changes,
/// extents for the index, holes for ext4.
class DataRecorder {
 public:
  /// All must outlive this. `files` are the author's: what MadePiece::file counts.
  DataRecorder(BlobWriter& blob, std::vector<PlannedChange>& changes, const std::vector<std::size_t>& files,
               const ext4::Author& author, ThreadPool& pool);

  /// Data of files.
  void record(const MadeData& data);
  /// Metadata: one frame, whose blocks are these of the device.
  void record(const MadeData& data, const std::vector<std::uint64_t>& device_blocks);

  /// In the order in which they came, not of the device.
  [[nodiscard]] std::vector<Extent>& extents() { return extents_; }
  [[nodiscard]] const std::vector<ext4::BlockRange>& holes(std::size_t file) const { return holes_[file]; }
  [[nodiscard]] std::uint64_t stored_bytes() const { return stored_bytes_; }
  [[nodiscard]] std::uint64_t cited_bytes() const { return cited_bytes_; }
  /// Of the spans that were filled with file data. Call once.
  [[nodiscard]] std::map<std::uint64_t, Digest> finish_spans() { return spans_.finish(); }

 private:
  /// What a piece holds, from `first_block` of `bytes` on; null when nobody read it.
  struct FileBytes {
    const std::shared_ptr<const std::vector<std::byte>>& bytes;
    std::uint32_t first_block = 0;
  };
  [[nodiscard]] std::vector<std::uint32_t> enter_frames(const MadeData& data);
  void add_hole(const MadePiece& piece);
  void add_data(const MadePiece& piece, std::uint32_t frame, const FileBytes& bytes);
  void add_twin(const MadeTwin& twin);
  void add_digest(const MadeDigest& digest);

  BlobWriter& blob_;
  std::vector<PlannedChange>& changes_;
  const std::vector<std::size_t>& files_;
  const ext4::Author& author_;
  SpanStream spans_;
  std::vector<Extent> extents_;
  std::vector<std::vector<ext4::BlockRange>> holes_;  ///< by file
  Sha256 pieces_hash_;                                ///< of the large file at hand
  std::uint64_t digested_bytes_ = 0;                  ///< of that file
  std::uint64_t stored_bytes_ = 0;
  std::uint64_t cited_bytes_ = 0;
};

}  // namespace blueprint::layers
