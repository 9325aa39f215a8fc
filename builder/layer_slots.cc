#include "builder/layer_slots.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"

namespace blueprint::builder {
namespace {

/// Chosen: four times what bench/README.md measured for the largest process of a layer of 240 packages, for the
/// maintainer scripts beside it, and for page cache that keeps what was just unpacked until it is compressed and
/// hashed.
constexpr std::uint64_t kBytesOfPackagesLayer = 512ULL << 20;

std::optional<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failure != std::errc() || end == text.data()) return std::nullopt;
  return number;
}

std::uint64_t available_bytes() {
  std::uint64_t bytes = std::numeric_limits<std::uint64_t>::max();
  constexpr std::string_view kAvailable = "MemAvailable:";
  const std::string memory = read_file_if_exists("/proc/meminfo").value_or("");
  if (const std::size_t at = memory.find(kAvailable); at != std::string::npos) {
    const std::string_view line = std::string_view(memory).substr(at + kAvailable.size());
    if (const auto kib = parse_number(trim(line.substr(0, line.find('\n'))))) bytes = *kib * 1024;
  }
  // In a container it is the group's limit that ends a build. "max" is no number, and no limit.
  const auto limit = parse_number(read_file_if_exists("/sys/fs/cgroup/memory.max").value_or(""));
  const auto used = parse_number(read_file_if_exists("/sys/fs/cgroup/memory.current").value_or(""));
  if (limit && used) bytes = std::min(bytes, *limit > *used ? *limit - *used : 0);
  return bytes;
}

}  // namespace

LayerSlots::Slot LayerSlots::take(std::stop_token stop) {
  std::unique_lock lock(mutex_);
  if (!changed_.wait(lock, stop, [this] { return free_ > 0; })) throw Interrupted{};
  --free_;
  return Slot(*this);
}

void LayerSlots::give_back() {
  const std::lock_guard lock(mutex_);
  ++free_;
  changed_.notify_one();
}

unsigned package_layers_that_fit() {
  constexpr std::uint64_t kMost = 64;
  return static_cast<unsigned>(std::clamp<std::uint64_t>(available_bytes() / kBytesOfPackagesLayer, 1, kMost));
}

}  // namespace blueprint::builder
