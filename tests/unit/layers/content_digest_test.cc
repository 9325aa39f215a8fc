#include "layers/content_digest.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <random>

#include "base/thread_pool.h"
#include "layers/block_source.h"

using namespace blueprint;
using namespace blueprint::layers;

namespace {

using Bytes = std::vector<std::byte>;

Digest tagged(std::uint8_t tag, std::span<const std::byte> bytes) {
  const std::byte first{tag};
  return Sha256().update(std::span(&first, 1)).update(bytes).finish();
}

/// The documented rule, written plainly: a full tree, padded with zero spans to a power of 256.
Digest by_the_rule(Bytes device) {
  const std::uint64_t size = device.size();
  device.resize(std::max<std::size_t>(1, (size + kSpanBytes - 1) / kSpanBytes) * kSpanBytes);
  std::vector<Digest> level;
  for (std::size_t at = 0; at < device.size(); at += kSpanBytes) {
    level.push_back(tagged(0, std::span(device).subspan(at, kSpanBytes)));
  }
  Digest zero = tagged(0, Bytes(kSpanBytes));
  while (level.size() > 1) {
    while (level.size() % 256 != 0) level.push_back(zero);
    std::vector<Digest> next;
    for (std::size_t i = 0; i < level.size(); i += 256)
      next.push_back(tagged(1, std::as_bytes(std::span(&level[i], 256))));
    const std::vector<Digest> zeros(256, zero);
    zero = tagged(1, std::as_bytes(std::span(zeros)));
    level = next;
  }
  Bytes last(8);
  for (std::size_t i = 0; i < 8; ++i) last[i] = static_cast<std::byte>(size >> (8 * i));
  const auto top = std::as_bytes(std::span(level[0].bytes));
  last.insert(last.end(), top.begin(), top.end());
  return tagged(2, last);
}

Digest by_tree(const Bytes& device) {
  SpanTree tree;
  for (std::size_t at = 0; at < device.size(); at += kSpanBytes) {
    tree.set(at / kSpanBytes,
             span_digest(std::span(device).subspan(at, std::min<std::size_t>(kSpanBytes, device.size() - at))));
  }
  return tree.root(device.size());
}

Bytes random_bytes(std::size_t size, unsigned seed) {
  std::mt19937 random(seed);
  Bytes bytes(size);
  for (auto& byte : bytes) byte = static_cast<std::byte>(random());
  return bytes;
}

class MemoryDevice final : public BlockSource {
 public:
  MemoryDevice(Bytes bytes, std::vector<Run> runs) : bytes_(std::move(bytes)), runs_(std::move(runs)) {}
  [[nodiscard]] std::uint64_t device_bytes() const override { return bytes_.size(); }
  void read(std::uint64_t offset, std::span<std::byte> out) const override {
    std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(offset), out.size(), out.begin());
  }
  [[nodiscard]] std::vector<Run> runs(std::uint64_t, std::uint64_t) const override { return runs_; }

 private:
  Bytes bytes_;
  std::vector<Run> runs_;
};

}  // namespace

TEST_CASE("the content digest follows its rule for any size of device") {
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{4096}, std::size_t{kSpanBytes},
                                 std::size_t{kSpanBytes + 4096}, std::size_t{3 * kSpanBytes}}) {
    INFO("size " << size);
    const Bytes device = random_bytes(size, 7);
    CHECK(by_tree(device) == by_the_rule(device));
  }
}

TEST_CASE("the content digest of a large sparse device follows its rule") {
  Bytes device(257 * kSpanBytes + 12288);
  const Bytes data = random_bytes(100000, 9);
  std::copy(data.begin(), data.end(), device.begin() + 5000);
  std::copy(data.begin(), data.end(), device.end() - 100000);
  CHECK(by_tree(device) == by_the_rule(device));
}

TEST_CASE("the content digest of known devices never changes") {
  SpanTree empty;
  CHECK(empty.root(0).hex() == "c5df0daf8ce1050ead164a150cad7ba04fd028cd97f41fbc93112589fb271cb4");
  CHECK(empty.root(16ULL << 30).hex() == "339fccc44d76a9dedfbbaef49153823a002aefac161636dd1fe5bf51d92387f7");
}

TEST_CASE("the content digest tells devices of zeros of different sizes apart") {
  SpanTree tree;
  CHECK(tree.root(kSpanBytes) != tree.root(kSpanBytes + 4096));
  CHECK(tree.root(kSpanBytes) != tree.root(kSpanBytes / 2));
}

TEST_CASE("changing spans and changing them back gives the same digest as before") {
  SpanTree tree;
  const std::uint64_t size = 2000 * kSpanBytes;
  for (std::uint64_t i = 0; i < 2000; i += 3) tree.set(i, sha256("span " + std::to_string(i)));
  const Digest before = tree.root(size);
  tree.set(300, sha256("other"));
  tree.set(301, sha256("other"));
  const Digest changed = tree.root(size);
  CHECK(changed != before);

  SpanTree fresh;
  for (std::uint64_t i = 0; i < 2000; i += 3) fresh.set(i, sha256("span " + std::to_string(i)));
  const std::vector<SpanDigest> layer{{300, sha256("other")}, {301, sha256("other")}};
  fresh.add(layer);
  CHECK(fresh.root(size) == changed);
  CHECK(fresh.get(300) == sha256("other"));
  CHECK(fresh.get(302) == zero_span_digest());

  tree.set(300, sha256("span 300"));
  tree.set(301, zero_span_digest());
  CHECK(tree.root(size) == before);
}

TEST_CASE("spans past the end of the device do not count") {
  SpanTree tree;
  tree.set(1, sha256("x"));
  const Digest two = tree.root(2 * kSpanBytes);
  tree.set(2, sha256("y"));
  tree.set(900, sha256("z"));
  CHECK(tree.root(2 * kSpanBytes) == two);
  CHECK(tree.root(3 * kSpanBytes) != two);
}

TEST_CASE("a span hashed in parts has the digest of the whole") {
  Bytes bytes(kSpanBytes);
  const Bytes data = random_bytes(3000, 3);
  std::copy(data.begin(), data.end(), bytes.begin() + 100000);
  SpanHasher hasher;
  for (int round = 0; round < 2; ++round) {
    hasher.update_zeros(100000);
    hasher.update(std::span(data).first(1000));
    hasher.update(std::span(data).subspan(1000));
    hasher.update_zeros(5);
    CHECK(hasher.finish() == span_digest(bytes));
    hasher.update_zeros(kSpanBytes);
    CHECK(hasher.finish() == zero_span_digest());
    CHECK(hasher.finish() == zero_span_digest());
  }
  CHECK(span_digest(Bytes(kSpanBytes)) == zero_span_digest());
  CHECK(span_digest(Bytes(17)) == zero_span_digest());
}

TEST_CASE("the digest of a device is computed from its data runs only") {
  Bytes device(4 * kSpanBytes + 4096);
  const Bytes data = random_bytes(8192, 5);
  std::copy(data.begin(), data.end(), device.begin() + kSpanBytes - 4096);
  std::copy(data.begin(), data.begin() + 4096, device.end() - 4096);
  const std::uint64_t size = device.size();
  const MemoryDevice source(device, {{0, kSpanBytes - 4096, true},
                                     {kSpanBytes - 4096, 8192, false},
                                     {kSpanBytes + 4096, 3 * kSpanBytes - 4096, true},
                                     {size - 4096, 4096, false}});
  ThreadPool pool(2);
  CHECK(compute_content_digest(source, pool) == by_the_rule(device));
}
