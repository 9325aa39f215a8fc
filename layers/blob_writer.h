#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/digest.h"
#include "base/fd.h"
#include "layers/layer_index.h"

namespace blueprint::layers {

/// A layer blob in the making: a temporary file that frames are appended to, hashed as it grows, and the table of
/// frames that its index will have. A frame that is there already, stored or cited, is not stored again.
///
/// The destructor removes the file: what was not adopted by the store leaves nothing. Not thread-safe.
class BlobWriter {
 public:
  /// Makes the file in `directory`.
  explicit BlobWriter(const std::filesystem::path& directory);
  ~BlobWriter();
  BlobWriter(const BlobWriter&) = delete;
  BlobWriter& operator=(const BlobWriter&) = delete;

  /// The number of the frame of these bytes, if the table has it.
  [[nodiscard]] const std::uint32_t* find(const Digest& digest) const;
  /// Appends a frame that the table does not have; returns its number. Throws os_error, such as for a full disk.
  std::uint32_t store(const Digest& digest, std::uint32_t size, std::span<const std::byte> compressed);
  /// Enters a frame of another blob (frame.blob is not looked at) that the table does not have; returns its number.
  std::uint32_t cite(const Digest& blob, const Frame& frame);

  /// Appends a frame that was cited: from now on it is this blob's own.
  void absorb(std::uint32_t number, std::span<const std::byte> compressed);
  /// Takes a cited frame that nothing uses any more out of the table, with the next renumber().
  void drop(std::uint32_t number) { dropped_.insert(number); }
  /// Puts the table in the order that an index has (own frames as they lie in the blob) after absorb() and drop(), and
  /// forgets blobs that no frame is in any more. No frame may be stored between absorb() and this. Returns the new
  /// number of each frame by its old one; of a dropped one it means nothing.
  [[nodiscard]] std::vector<std::uint32_t> renumber();

  [[nodiscard]] const std::vector<Frame>& frames() const { return frames_; }
  [[nodiscard]] const std::vector<Digest>& blobs() const { return blobs_; }
  [[nodiscard]] std::uint64_t size_bytes() const { return size_bytes_; }

  /// Writes out what is buffered, so that fd() has all frames.
  void flush();
  [[nodiscard]] int fd() const { return file_.get(); }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

  /// Appends index and footer; the digest of the whole blob. Nothing may be appended afterwards.
  [[nodiscard]] Digest finish(std::string_view index_and_footer);

 private:
  void append(std::span<const std::byte> bytes);

  std::filesystem::path path_;
  UniqueFd file_;
  std::vector<std::byte> buffer_;
  Sha256 hash_;
  std::uint64_t size_bytes_ = 0;
  std::vector<Frame> frames_;
  std::vector<Digest> blobs_;
  std::unordered_map<Digest, std::uint32_t, DigestHash> by_digest_;
  std::unordered_map<Digest, std::uint32_t, DigestHash> blob_numbers_;
  std::unordered_set<std::uint32_t> absorbed_;  ///< numbers of frames, until renumber()
  std::unordered_set<std::uint32_t> dropped_;   ///< the same
};

}  // namespace blueprint::layers
