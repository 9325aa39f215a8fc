#include "layers/blob_writer.h"

#include <cstdlib>
#include <string>
#include <system_error>
#include <utility>

#include <fcntl.h>

#include "base/error.h"
#include "base/file.h"

namespace blueprint::layers {
namespace {
constexpr std::size_t kBufferBytes = 1 << 20;
}

BlobWriter::BlobWriter(const std::filesystem::path& directory) {
  std::string name = (directory / "layer-XXXXXX").string();
  file_.reset(::mkostemp(name.data(), O_CLOEXEC));
  if (!file_) throw os_error("create " + name);
  path_ = name;
}

BlobWriter::~BlobWriter() {
  std::error_code ignored;  // adopted: it is not there any more
  std::filesystem::remove(path_, ignored);
}

const std::uint32_t* BlobWriter::find(const Digest& digest) const {
  const auto found = by_digest_.find(digest);
  return found == by_digest_.end() ? nullptr : &found->second;
}

std::uint32_t BlobWriter::store(const Digest& digest, std::uint32_t size, std::span<const std::byte> compressed) {
  const auto number = static_cast<std::uint32_t>(frames_.size());
  frames_.push_back({0, size_bytes_, static_cast<std::uint32_t>(compressed.size()), size, digest});
  by_digest_.emplace(digest, number);
  append(compressed);
  return number;
}

std::uint32_t BlobWriter::cite(const Digest& blob, const Frame& frame) {
  const auto [known, is_new] = blob_numbers_.emplace(blob, static_cast<std::uint32_t>(blobs_.size() + 1));
  if (is_new) blobs_.push_back(blob);
  const auto number = static_cast<std::uint32_t>(frames_.size());
  frames_.push_back(frame);
  frames_.back().blob = known->second;
  by_digest_.emplace(frame.digest, number);
  return number;
}

void BlobWriter::absorb(std::uint32_t number, std::span<const std::byte> compressed) {
  Frame& frame = frames_.at(number);
  frame.blob = 0;
  frame.offset = size_bytes_;
  append(compressed);
}

void BlobWriter::drop_unused_blobs() {
  std::vector<std::uint32_t> number_now(blobs_.size() + 1);
  for (const Frame& frame : frames_) number_now[frame.blob] = 1;
  number_now[0] = 0;
  std::vector<Digest> kept;
  blob_numbers_.clear();
  for (std::size_t i = 0; i < blobs_.size(); ++i) {
    if (number_now[i + 1] == 0) continue;
    kept.push_back(blobs_[i]);
    number_now[i + 1] = static_cast<std::uint32_t>(kept.size());
    blob_numbers_.emplace(blobs_[i], number_now[i + 1]);
  }
  for (Frame& frame : frames_) frame.blob = number_now[frame.blob];
  blobs_ = std::move(kept);
}

void BlobWriter::append(std::span<const std::byte> bytes) {
  hash_.update(bytes);
  size_bytes_ += bytes.size();
  buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
  if (buffer_.size() >= kBufferBytes) flush();
}

void BlobWriter::flush() {
  write_all(file_.get(), buffer_, "the layer blob " + path_.string());
  buffer_.clear();
}

Digest BlobWriter::finish(std::string_view index_and_footer) {
  append(std::as_bytes(std::span(index_and_footer.data(), index_and_footer.size())));
  flush();
  return hash_.finish();
}

}  // namespace blueprint::layers
