#include "layers/layer_writer_source.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "layers/layer_writer_errors.h"

namespace blueprint::layers {
namespace {

bool is_zeros(std::span<const std::byte> bytes) {
  // Equal to itself one byte further on, and begins with 0.
  return bytes.empty() ||
         (bytes[0] == std::byte{0} && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0);
}

}  // namespace

SourceReader::SourceReader(const PlannedChange& planned) : change_(planned.change) {
  if (const auto* memory = std::get_if<MemoryFile>(&planned.source)) {
    memory_ = &memory->bytes;
    if (memory_->size() != change_.size) throw malformed_change(change_.path, "its size is not that of its bytes");
  } else if (const auto* host = std::get_if<HostFile>(&planned.source)) {
    path_ = &host->path;
    file_ = open_file(host->path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    check_unchanged();
  } else {
    throw malformed_change(change_.path, "it has a size and no data");
  }
}

void SourceReader::read(std::uint64_t offset, std::span<std::byte> out) const {
  if (memory_ != nullptr) {
    std::memcpy(out.data(), memory_->data() + offset, out.size());
    return;
  }
  while (!out.empty()) {
    const ssize_t got = ::pread(file_.get(), out.data(), out.size(), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw os_error("read " + *path_);
    if (got == 0) throw source_changed(change_.path, *path_);
    out = out.subspan(static_cast<std::size_t>(got));
    offset += static_cast<std::uint64_t>(got);
  }
}

bool SourceReader::is_hole(std::uint64_t offset, std::uint64_t size) const {
  if (memory_ != nullptr || !sparse_ || blocks_of(size) < kMinHoleBlocks) return false;
  const off_t data = ::lseek(file_.get(), static_cast<off_t>(offset), SEEK_DATA);
  return data < 0 ? errno == ENXIO : static_cast<std::uint64_t>(data) >= offset + size;
}

void SourceReader::check_unchanged() {
  struct stat status {};
  if (::fstat(file_.get(), &status) != 0) throw os_error("stat " + *path_);
  if (!S_ISREG(status.st_mode) || static_cast<std::uint64_t>(status.st_size) != change_.size) {
    throw source_changed(change_.path, *path_);
  }
  sparse_ = static_cast<std::uint64_t>(status.st_blocks) * 512 < change_.size;
}

std::vector<DataRun> find_holes(std::span<const std::byte> bytes) {
  std::vector<DataRun> runs;
  const auto push = [&](DataRun run) {
    if (run.blocks == 0) return;
    if (run.hole && run.blocks < kMinHoleBlocks) run.hole = false;
    if (!runs.empty() && runs.back().hole == run.hole) {
      runs.back().blocks += run.blocks;
    } else {
      runs.push_back(run);
    }
  };
  DataRun run;
  for (std::uint32_t block = 0; block * std::size_t{kBlockSize} < bytes.size(); ++block) {
    const bool zeros = is_zeros(bytes.subspan(block * std::size_t{kBlockSize}, kBlockSize));
    if (zeros != run.hole) {
      push(run);
      run = {block, 0, zeros};
    }
    ++run.blocks;
  }
  push(run);
  return runs;
}

std::vector<ext4::BlockRange> find_data(const PlannedChange& planned) {
  const SourceReader source(planned);
  ext4::BlockRanges ranges;
  std::vector<std::byte> bytes;
  constexpr std::uint64_t kSkip = 64 * kMaxFrameSize;
  for (std::uint64_t offset = 0; offset < planned.change.size; offset += kMaxFrameSize) {
    while (offset + kSkip <= planned.change.size && source.is_hole(offset, kSkip)) offset += kSkip;
    const std::uint64_t size = std::min<std::uint64_t>(kMaxFrameSize, planned.change.size - offset);
    if (size == 0 || source.is_hole(offset, size)) continue;
    bytes.assign(blocks_of(size) * kBlockSize, std::byte{0});
    source.read(offset, std::span(bytes).first(size));
    for (const DataRun& run : find_holes(bytes)) {
      if (!run.hole) ranges.add(offset / kBlockSize + run.first, run.blocks);
    }
  }
  return ranges.ranges();
}

}  // namespace blueprint::layers
