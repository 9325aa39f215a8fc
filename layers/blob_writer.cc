#include "layers/blob_writer.h"

#include <algorithm>
#include <cstdlib>
#include <numeric>
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
  absorbed_.insert(number);
  append(compressed);
}

std::vector<std::uint32_t> BlobWriter::renumber() {
  std::vector<std::uint32_t> order(frames_.size());
  std::iota(order.begin(), order.end(), 0);
  // Absorbed frames lie behind all others: they move to the end, and nothing else moves.
  std::stable_sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
    const auto place = [&](std::uint32_t number) {
      return absorbed_.contains(number) ? frames_[number].offset + 1 : 0;
    };
    return place(a) < place(b);
  });
  absorbed_.clear();

  std::vector<std::uint32_t> numbers(frames_.size());
  std::vector<Frame> frames;
  blob_numbers_.clear();
  std::vector<Digest> blobs;
  for (const std::uint32_t old : order) {
    Frame frame = frames_[old];
    if (dropped_.contains(old)) {
      if (const auto found = by_digest_.find(frame.digest); found != by_digest_.end() && found->second == old)
        by_digest_.erase(found);
      continue;
    }
    if (frame.blob != 0) {
      const Digest& blob = blobs_[frame.blob - 1];
      const auto [known, is_new] = blob_numbers_.emplace(blob, static_cast<std::uint32_t>(blobs.size() + 1));
      if (is_new) blobs.push_back(blob);
      frame.blob = known->second;
    }
    numbers[old] = static_cast<std::uint32_t>(frames.size());
    by_digest_[frame.digest] = numbers[old];
    frames.push_back(frame);
  }
  dropped_.clear();
  frames_ = std::move(frames);
  blobs_ = std::move(blobs);
  return numbers;
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
