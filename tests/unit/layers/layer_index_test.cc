#include "layers/layer_index.h"

#include <catch2/catch.hpp>
#include <random>
#include <string>

#include "base/error.h"
#include "base/process.h"
#include "tests/unit/layers/message.h"
#include "tests/unit/layers/random_index.h"

using namespace blueprint;
using namespace blueprint::layers;
using blueprint::layers::testing::message_of;
using blueprint::layers::testing::RandomIndex;

namespace {

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

/// Decodes what encode_index wrote, as a reader of a blob of `frames_size` bytes of frames would.
LayerIndex decode(std::string_view encoded, std::uint64_t frames_size) {
  const auto bytes = bytes_of(encoded);
  const Footer footer = decode_footer(bytes.last(kFooterSize), frames_size + bytes.size(), "a test");
  return decode_index(bytes.first(bytes.size() - kFooterSize), footer, "a test");
}

/// The index of a small tree with one frame of its own, a cited one, and one of each kind of change.
LayerIndex small_index() {
  RandomIndex random(1);
  LayerIndex index;
  index.device_bytes = 8 << 20;
  index.content_digest = random.digest();
  index.blobs = {random.digest()};
  index.frames = {{0, 0, 1000, 8192, random.digest()}, {1, 5000, 700, 4096, random.digest()}};
  index.extents = {{3, 2, 0, 0}, {10, 100, Extent::kZero, 0}, {200, 1, 1, 0}};
  index.spans = {{0, random.digest()}, {7, random.digest()}};
  Change file;
  file.path = "etc/file";
  file.metadata = {
      04755, 0, 70000, {1'700'000'000, 5}, {{"security.capability", std::string("\1\0\2", 3)}, {"user.x", ""}}};
  file.size = 8193;
  file.data_digest = random.digest();
  file.pieces = {{0, 0, 2}, {DataPiece::kHole, 0, 1}};
  Change link;
  link.path = "etc/link";
  link.link_to = "etc/file";
  Change removed;
  removed.kind = ChangeKind::Remove;
  removed.path = "etc/removed";
  Change symlink;
  symlink.path = "etc/symlink";
  symlink.type = FileType::Symlink;
  symlink.target = "../usr";
  symlink.metadata.mode = 0777;
  Change touched;
  touched.kind = ChangeKind::Metadata;
  touched.type = FileType::Directory;
  touched.path = "var";
  touched.metadata.mode = 01777;
  index.changes = {file, link, removed, symlink, touched};
  return index;
}

}  // namespace

TEST_CASE("an index decodes to what was encoded") {
  const LayerIndex index = small_index();
  CHECK(decode(encode_index(index, 1000), 1000) == index);
  CHECK(decode(encode_index(LayerIndex{}, 0), 0) == LayerIndex{});
}

TEST_CASE("any index that keeps the rules decodes to what was encoded") {
  const auto seed = std::random_device{}();
  for (unsigned round = 0; round < 300; ++round) {
    RandomIndex random(seed + round);
    const LayerIndex index = random.make(round < 250 ? 20 : 2000);
    const std::uint64_t size = RandomIndex::frames_size(index);
    INFO("seed " << seed + round);
    const std::string encoded = encode_index(index, size);
    REQUIRE(decode(encoded, size) == index);
    REQUIRE(encode_index(index, size) == encoded);
  }
}

TEST_CASE("the index of a fresh tree is little more than its digests and names") {
  LayerIndex index;
  index.device_bytes = 1ULL << 30;
  RandomIndex random(2);
  for (std::uint32_t i = 0; i < 20000; ++i) {
    index.frames.push_back({0, i * 3000ULL, 3000, 8192, random.digest()});
    index.extents.push_back({1000 + i * 2ULL, 2, i, 0});
    Change file;
    file.path = "usr/share/file" + std::to_string(100000 + i);
    file.metadata.mode = 0644;
    file.metadata.mtime.seconds = 1'700'000'000;
    file.size = 8000;
    file.data_digest = random.digest();
    file.pieces = {{i, 0, 2}};
    index.changes.push_back(file);
  }
  const std::string encoded = encode_index(index, 20000 * 3000);
  CHECK(encoded.size() < 20000 * (64 + 3));
  CHECK(decode(encoded, 20000 * 3000) == index);
}

TEST_CASE("zstd -d of an index alone succeeds and yields nothing") {
  const auto zstd = find_program("zstd");
  if (!zstd) {
    WARN("skipped: zstd is not installed");
    return;
  }
  const auto finished = run({.argv = {zstd->string(), "-d", "-c"}}, encode_index(small_index(), 1000));
  CHECK(finished.err == "");
  CHECK(finished.status.success());
  CHECK(finished.out.empty());
}

TEST_CASE("no flipped bit of index or footer is taken for an index") {
  const LayerIndex index = small_index();
  const std::string good = encode_index(index, 1000);
  for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
    std::string bad = good;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << (bit % 8)));
    INFO("bit " << bit);
    REQUIRE_THROWS_AS(decode(bad, 1000), Error);
  }
}

TEST_CASE("no truncated index is taken for an index") {
  const std::string good = encode_index(small_index(), 1000);
  for (std::size_t size = 0; size < good.size(); ++size) {
    const std::string bad = good.substr(0, size);
    if (bad.size() < kFooterSize) {
      REQUIRE_THROWS_AS(decode_footer(bytes_of(bad), 1000 + size, "a test"), Error);
    } else {
      REQUIRE_THROWS_AS(decode(bad, 1000), Error);
    }
  }
}

TEST_CASE("a damaged index is reported with the blob's name and where in it") {
  std::string bad = encode_index(small_index(), 1000);
  bad[20] = static_cast<char>(bad[20] ^ 1);
  const std::string size = std::to_string(bad.size() - kFooterSize);
  CHECK(message_of([&] { return decode(bad, 1000); }) ==
        "the index of a test is damaged: the " + size +
            " bytes from offset 1000 on are not those that the footer names [L002]");
}

TEST_CASE("a blob of a newer format says so") {
  std::string newer = encode_index(small_index(), 1000);
  newer[newer.size() - kFooterSize + 12] = 2;
  CHECK(message_of([&] { return decode(newer, 1000); }) ==
        "a test is not a layer blob that this version can read: the footer at offset " +
            std::to_string(1000 + newer.size() - kFooterSize) +
            " has format version 2, this program knows version 1 [L001]");
}

TEST_CASE("what is no layer blob is reported as such") {
  const std::string text(500, 'x');
  CHECK(message_of([&] { return decode(text, 0); }) ==
        "a test is not a layer blob that this version can read: there is no footer at offset 436 [L001]");
}
