#include "layers/content_digest.h"

#include <algorithm>
#include <array>
#include <mutex>

#include "base/error.h"
#include "layers/block_source.h"

namespace blueprint::layers {
namespace {

constexpr std::size_t kChildren = 256;
constexpr std::array<std::byte, 1> kLeafTag{std::byte{0}};
constexpr std::array<std::byte, 1> kNodeTag{std::byte{1}};
constexpr std::array<std::byte, 1> kRootTag{std::byte{2}};

std::uint64_t div_up(std::uint64_t value, std::uint64_t unit) { return value / unit + (value % unit != 0 ? 1 : 0); }

std::span<const std::byte> zeros() {
  static constexpr std::array<std::byte, 64 * 1024> kZeros{};
  return kZeros;
}

std::span<const std::byte> bytes_of(const Digest& digest) { return std::as_bytes(std::span(digest.bytes)); }

/// The digest of a node of a device of zeros, `level` levels above the leaves. 8 levels cover 2^64 spans.
const Digest& zero_node(std::size_t level) {
  static const auto kLevels = [] {
    std::array<Digest, 9> levels{};
    Sha256 hash;
    hash.update(kLeafTag);
    for (std::uint64_t done = 0; done < kSpanBytes; done += zeros().size()) hash.update(zeros());
    levels[0] = hash.finish();
    for (std::size_t i = 1; i < levels.size(); ++i) {
      hash.update(kNodeTag);
      for (std::size_t child = 0; child < kChildren; ++child) hash.update(bytes_of(levels[i - 1]));
      levels[i] = hash.finish();
    }
    return levels;
  }();
  return kLevels.at(level);
}

/// One node from its children, which lie one behind the other in memory.
Digest node_of(std::span<const Digest> children) {
  static_assert(sizeof(Digest) == 32);
  Sha256 hash;
  hash.update(kNodeTag);
  hash.update(std::as_bytes(children));
  return hash.finish();
}

}  // namespace

void SpanHasher::update(std::span<const std::byte> bytes) {
  seen_ += bytes.size();
  if (seen_ > kSpanBytes) throw bug("more bytes than a span has");
  if (!begun_) {
    begun_ = true;
    hash_.update(kLeafTag);
  }
  flush_zeros();
  hash_.update(bytes);
}

void SpanHasher::update_zeros(std::uint64_t count) {
  seen_ += count;
  if (seen_ > kSpanBytes) throw bug("more bytes than a span has");
  pending_zeros_ += count;
}

Digest SpanHasher::finish() {
  const bool all_zeros = !begun_;
  pending_zeros_ += kSpanBytes - seen_;
  seen_ = 0;
  begun_ = false;
  if (all_zeros) {
    pending_zeros_ = 0;
    return zero_span_digest();
  }
  flush_zeros();
  return hash_.finish();
}

void SpanHasher::flush_zeros() {
  while (pending_zeros_ > 0) {
    const auto part = std::min<std::uint64_t>(pending_zeros_, zeros().size());
    hash_.update(zeros().first(part));
    pending_zeros_ -= part;
  }
}

Digest span_digest(std::span<const std::byte> bytes) {
  SpanHasher hasher;
  hasher.update(bytes);
  return hasher.finish();
}

const Digest& zero_span_digest() { return zero_node(0); }

void SpanTree::set(std::uint64_t span, const Digest& leaf) {
  Group& group = groups_[span / kChildren];
  if (group.leaves.empty()) group.leaves.assign(kChildren, zero_span_digest());
  group.leaves[span % kChildren] = leaf;
  group.node.reset();
}

void SpanTree::add(std::span<const SpanDigest> spans) {
  for (const SpanDigest& span : spans) set(span.span, span.digest);
}

const Digest& SpanTree::get(std::uint64_t span) const {
  const auto group = groups_.find(span / kChildren);
  return group == groups_.end() ? zero_span_digest() : group->second.leaves[span % kChildren];
}

Digest SpanTree::root(std::uint64_t device_bytes) {
  std::uint64_t width = std::max<std::uint64_t>(1, div_up(device_bytes, kSpanBytes));
  const std::uint64_t last_group = (width - 1) / kChildren;

  // Level 1, from the cache; the group that the device ends in counts only its leaves before the end.
  std::map<std::uint64_t, Digest> level;
  for (auto& [number, group] : groups_) {
    if (number > last_group) break;
    if (number == last_group && width % kChildren != 0) {
      auto leaves = group.leaves;
      std::fill(leaves.begin() + static_cast<std::ptrdiff_t>(width % kChildren), leaves.end(), zero_span_digest());
      level[number] = node_of(leaves);
      continue;
    }
    if (!group.node) group.node = node_of(group.leaves);
    level[number] = *group.node;
  }

  Digest top = get(0);
  std::size_t height = 0;
  for (; width > 1; ++height) {
    if (height > 0) {  // from level `height` to the next; level 1 is there already
      std::map<std::uint64_t, std::vector<Digest>> parents;
      for (const auto& [number, digest] : level) {
        auto& children = parents[number / kChildren];
        if (children.empty()) children.assign(kChildren, zero_node(height));
        children[number % kChildren] = digest;
      }
      level.clear();
      for (const auto& [number, children] : parents) level[number] = node_of(children);
    }
    width = div_up(width, kChildren);
  }
  if (height > 0) top = level.contains(0) ? level[0] : zero_node(height);

  std::array<std::byte, 8> size{};
  for (std::size_t i = 0; i < size.size(); ++i) size[i] = static_cast<std::byte>(device_bytes >> (8 * i));
  return Sha256().update(kRootTag).update(size).update(bytes_of(top)).finish();
}

Digest compute_content_digest(const BlockSource& device, ThreadPool& pool) {
  SpanTree tree;
  std::mutex mutex;
  TaskGroup group(pool);
  const std::uint64_t device_bytes = device.device_bytes();
  const auto hash_span = [&](std::uint64_t span) {
    const std::uint64_t begin = span * kSpanBytes;
    std::vector<std::byte> bytes(std::min(kSpanBytes, device_bytes - begin));
    device.read(begin, bytes);
    const Digest leaf = span_digest(bytes);
    const std::lock_guard lock(mutex);
    tree.set(span, leaf);
  };
  std::uint64_t next = 0;  // the first span that is not queued
  for (const auto& run : device.runs(0, device_bytes)) {
    if (run.hole) continue;
    const std::uint64_t end = div_up(run.offset + run.length, kSpanBytes);
    for (next = std::max(next, run.offset / kSpanBytes); next < end; ++next) {
      group.wait_below(2 * pool.size());
      group.run([&hash_span, span = next] { hash_span(span); });
    }
  }
  group.wait();
  return tree.root(device_bytes);
}

}  // namespace blueprint::layers
