#pragma once

#include <cstdint>
#include <filesystem>
#include <list>
#include <memory>
#include <mutex>
#include <span>
#include <unordered_map>

#include "base/digest.h"
#include "base/fd.h"

namespace blueprint::layers {

/// Ranges of blobs, wherever they are: files of a store, or range requests to a registry. Implementations are
/// thread-safe.
class BlobReader {
 public:
  virtual ~BlobReader() = default;
  /// Throws Error S010 when the blob is absent.
  [[nodiscard]] virtual std::uint64_t size_bytes(const Digest& blob) const = 0;
  /// Fills `out` from `offset`. Throws Error L003 when the blob is shorter, S010 when it is absent, or what the source
  /// throws. Verifies nothing: the caller knows digests of parts, this knows only bytes.
  virtual void read(const Digest& blob, std::uint64_t offset, std::span<std::byte> out) const = 0;
};

/// The blobs of a store's directory blobs/sha256. Files are opened when first read and stay open, at most `kMaxOpen` of
/// them (an image may have 1,000 layers, a process often has 1,024 descriptors); an open file survives its removal by a
/// gc.
class BlobFiles final : public BlobReader {
 public:
  static constexpr std::size_t kMaxOpen = 256;

  explicit BlobFiles(std::filesystem::path directory) : directory_(std::move(directory)) {}

  [[nodiscard]] std::uint64_t size_bytes(const Digest& blob) const override;
  void read(const Digest& blob, std::uint64_t offset, std::span<std::byte> out) const override;

 private:
  using File = std::shared_ptr<const UniqueFd>;
  using Recent = std::list<std::pair<Digest, File>>;
  [[nodiscard]] File file(const Digest& blob) const;

  std::filesystem::path directory_;
  mutable std::mutex mutex_;
  mutable Recent recent_;  ///< the file used last is first
  mutable std::unordered_map<Digest, Recent::iterator, DigestHash> open_;
};

}  // namespace blueprint::layers
