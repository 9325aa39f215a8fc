// One malformed input per rule of the format. Sections are written by hand here, so that what the encoder would never
// write can be.

#include <catch2/catch.hpp>
#include <functional>
#include <string>

#include "base/encoding.h"
#include "base/error.h"
#include "layers/frame_codec.h"
#include "layers/layer_index.h"
#include "layers/layer_index_format.h"
#include "tests/unit/layers/message.h"

using namespace blueprint;
using namespace blueprint::layers;
using blueprint::layers::testing::message_of;

namespace {

using Columns = std::vector<std::uint64_t>;

void digests(ByteWriter& out, std::size_t count) {
  for (std::size_t i = 0; i < count * 32; ++i) out.u8(static_cast<std::uint8_t>(i / 32 + 1));
}

/// The sections of a valid blob of 100 bytes of frames: device of 16 blocks, a cited blob, an own frame of 2 blocks and
/// a cited one, one extent, one span and no change. A test replaces one of them.
struct Blob {
  std::vector<ByteWriter> sections{format::kSections};
  std::uint64_t frames_size = 100;

  Blob() {
    head(16 * kBlockSize, 1);
    frames({2, 0, 1, /*skip*/ 0, 0, /*compressed*/ 100, 50, /*blocks*/ 2, 1}, 2);
    extents({1, /*gap*/ 3, /*blocks*/ 2, /*source*/ 1, /*frame_block*/ 0});
    spans({1, 0}, 1);
    changes([](ByteWriter& out) { numbers(out, {0, 0}); });
  }

  static void numbers(ByteWriter& out, const Columns& columns) {
    for (const std::uint64_t number : columns) out.varint(number);
  }
  ByteWriter& fresh(format::Section section) {
    ByteWriter& out = sections.at(static_cast<std::size_t>(section));
    out = ByteWriter();
    return out;
  }
  void head(std::uint64_t device_bytes, std::size_t blobs) {
    ByteWriter& out = fresh(format::Section::Head);
    out.varint(device_bytes);
    digests(out, 1);
    out.varint(blobs);
    digests(out, blobs);
  }
  void frames(const Columns& columns, std::size_t digest_count) {
    ByteWriter& out = fresh(format::Section::Frames);
    numbers(out, columns);
    digests(out, digest_count);
  }
  void extents(const Columns& columns) { numbers(fresh(format::Section::Extents), columns); }
  void spans(const Columns& columns, std::size_t digest_count) {
    ByteWriter& out = fresh(format::Section::Spans);
    numbers(out, columns);
    digests(out, digest_count);
  }
  void changes(const std::function<void(ByteWriter&)>& write) { write(fresh(format::Section::Changes)); }

  [[nodiscard]] LayerIndex decode() const {
    ByteWriter out;
    FrameCompressor zstd(1);
    for (std::size_t i = 0; i < sections.size(); ++i) {
      const auto body = zstd.compress(sections[i].bytes());
      out.u32(format::kSkippableMagic + static_cast<std::uint32_t>(i));
      out.u32(static_cast<std::uint32_t>(body.size()));
      out.raw(body);
    }
    return decode_bytes(out.bytes());
  }
  [[nodiscard]] LayerIndex decode_bytes(std::span<const std::byte> bytes) const {
    Footer footer{format::kVersion, frames_size, bytes.size(), sha256(bytes)};
    return decode_index(bytes, footer, "b");
  }
  [[nodiscard]] std::string fault() const {
    try {
      (void)decode();
    } catch (const Error& error) {
      CHECK(error.first().code == "L002");
      const std::string text = error.first().message;
      const std::string prefix = "the index of b is damaged: ";
      CHECK(text.starts_with(prefix));
      return text.substr(prefix.size());
    }
    return "no fault";
  }
};

/// The fault of a blob whose changes are written by `write`.
std::string fault_of_changes(const std::function<void(ByteWriter&)>& write) {
  Blob blob;
  blob.changes(write);
  return blob.fault();
}

constexpr std::uint8_t kPut = 0;
constexpr std::uint8_t kRemove = 2;
constexpr std::uint8_t kLink = 0x20;
constexpr std::uint8_t shape(std::uint8_t kind, FileType type) {
  return static_cast<std::uint8_t>(kind | static_cast<unsigned>(type) << 2U);
}

struct Path {
  std::uint64_t shared;
  std::string suffix;
};

/// No xattrs; the given shapes and paths; the rest is the caller's.
void write_names(ByteWriter& out, const std::vector<std::uint8_t>& shapes, const std::vector<Path>& paths) {
  out.varint(0);
  out.varint(shapes.size());
  for (const auto value : shapes) out.u8(value);
  for (const auto& path : paths) {
    out.varint(path.shared);
    out.string(path.suffix);
  }
}

/// One Put of "f" of the given type with these metadata columns, then `rest`.
std::string fault_of_put(FileType type, const Columns& metadata, const std::function<void(ByteWriter&)>& rest) {
  return fault_of_changes([&](ByteWriter& out) {
    write_names(out, {shape(kPut, type)}, {{0, "f"}});
    Blob::numbers(out, metadata);
    rest(out);
  });
}

const Columns kPlain{0644, 0, 0, /*seconds*/ 0, /*nanoseconds*/ 0, /*xattrs*/ 0};

/// One Put of a regular file: size, number of pieces, then the columns of its pieces.
std::string fault_of_file(const Columns& columns) {
  return fault_of_put(FileType::Regular, kPlain, [&](ByteWriter& out) {
    Blob::numbers(out, columns);
    digests(out, 1);
  });
}

}  // namespace

TEST_CASE("the blob that the other cases break is valid") {
  CHECK(Blob().fault() == "no fault");
  CHECK(fault_of_file({8192, 1, 1, 0, 2}) == "no fault");
}

TEST_CASE("a head that breaks a rule is refused") {
  Blob blob;
  SECTION("device size") {
    blob.head(4097, 1);
    CHECK(blob.fault() == "section 'head': the device size is no multiple of 4096");
  }
  SECTION("huge device") {
    blob.head((1ULL << 44) + 4096, 1);
    CHECK(blob.fault() == "section 'head': the device is larger than 16 TiB");
  }
  SECTION("a blob twice") {
    ByteWriter& out = blob.fresh(format::Section::Head);
    out.varint(65536);
    digests(out, 1);
    out.varint(2);
    digests(out, 1);
    digests(out, 1);
    CHECK(blob.fault() == "section 'head': a blob is cited under two numbers");
  }
  SECTION("more blobs than bytes") {
    ByteWriter& out = blob.fresh(format::Section::Head);
    out.varint(65536);
    digests(out, 1);
    out.varint(60000);
    CHECK(blob.fault() == "section 'head': it ends early");
  }
  SECTION("too many blobs") {
    ByteWriter& out = blob.fresh(format::Section::Head);
    out.varint(65536);
    digests(out, 1);
    out.varint(70000);
    CHECK(blob.fault() == "section 'head': too many cited blobs");
  }
  SECTION("bytes left") {
    blob.sections[0].u8(0);
    CHECK(blob.fault() == "section 'head': there are bytes behind its last column");
  }
}

TEST_CASE("frames that break a rule are refused") {
  Blob blob;
  const auto fault = [&](const Columns& columns) {
    blob.frames(columns, 2);
    return blob.fault();
  };
  const std::string section = "section 'frames': ";
  CHECK(fault({1ULL << 40}) == section + "too many frames");
  CHECK(fault({100000}) == section + "it ends early");
  CHECK(fault({2, 0, 2, 0, 0, 100, 50, 2, 1}) == section + "a frame is in a blob that is not listed");
  CHECK(fault({2, 0, 1, 2, 0, 100, 50, 2, 1}) == section + "the frames of this blob do not lie one behind the other");
  CHECK(fault({2, 0, 1, 0, 1, 100, 50, 2, 1}) == section + "a frame lies outside its blob");
  CHECK(fault({2, 0, 1, 0, 1ULL << 60, 100, 50, 2, 1}) == section + "a frame lies outside its blob");
  CHECK(fault({2, 0, 1, 0, 0, 0, 50, 2, 1}) == section + "a compressed frame is empty or too large");
  CHECK(fault({2, 0, 1, 0, 0, 600000, 50, 2, 1}) == section + "a compressed frame is empty or too large");
  CHECK(fault({2, 0, 1, 0, 0, 99, 50, 2, 1}) == section + "the frames of this blob do not end where the index begins");
  CHECK(fault({2, 0, 1, 0, 0, 100, 50, 0, 1}) == section + "a frame has no block, or more than 128");
  CHECK(fault({2, 0, 1, 0, 0, 100, 50, 129, 1}) == section + "a frame has no block, or more than 128");
}

TEST_CASE("extents that break a rule are refused") {
  Blob blob;
  const auto fault = [&](const Columns& columns) {
    blob.extents(columns);
    return blob.fault();
  };
  const std::string section = "section 'extents': ";
  CHECK(fault({1ULL << 40}) == section + "too many extents");
  CHECK(fault({1, 17, 1, 0}) == section + "an extent begins behind the end of the device");
  CHECK(fault({1, 3, 0, 0}) == section + "an extent has no block, or more than 2^32");
  CHECK(fault({1, 3, 1ULL << 32, 0}) == section + "an extent has no block, or more than 2^32");
  CHECK(fault({1, 3, 14, 0}) == section + "an extent ends behind the end of the device");
  CHECK(fault({2, 8, 8, 4, 5, 0, 0}) == section + "an extent ends behind the end of the device");
  CHECK(fault({1, 3, 2, 5, 0}) == section + "a frame number is not below the number of frames");
  CHECK(fault({1, 3, 2, 2, 0}) == section + "a frame number is not below the number of frames");
  CHECK(fault({1, 3, 3, 1, 0}) == section + "an extent is larger than its frame");
  CHECK(fault({1, 3, 2, 1, 1}) == section + "an extent ends behind the end of its frame");
}

TEST_CASE("spans that break a rule are refused") {
  Blob blob;
  blob.head(16 << 20, 1);
  blob.spans({2, 0, 16}, 2);
  CHECK(blob.fault() == "section 'spans': a span lies behind the end of the device");
  blob.spans({1, 0}, 0);
  CHECK(blob.fault() == "section 'spans': it ends early");
}

TEST_CASE("names that break a rule are refused") {
  const std::string section = "section 'changes': ";
  const auto fault = [](const std::vector<std::uint8_t>& shapes, const std::vector<Path>& paths) {
    return fault_of_changes([&](ByteWriter& out) { write_names(out, shapes, paths); });
  };
  CHECK(fault({3}, {{0, "a"}}) == section + "a change is of no known kind");
  CHECK(fault({0x40}, {{0, "a"}}) == section + "a change is of no known kind");
  CHECK(fault({7 << 2}, {{0, "a"}}) == section + "a file is of no known type");
  CHECK(fault({shape(kRemove, FileType::Fifo)}, {{0, "a"}}) == section + "a removed path has a type");
  CHECK(fault({kRemove | kLink}, {{0, "a"}}) == section + "a hard link is no put of a file");
  CHECK(fault({kLink | shape(kPut, FileType::Directory)}, {{0, "a"}}) == section + "a hard link is no put of a file");
  CHECK(fault({kRemove}, {{1, "a"}}) == section + "a path shares more than the path before has");
  for (const std::string bad : {"/a", "a/", "a//b", "a/./b", "..", "a/../b"}) {
    CHECK(fault({kRemove}, {{0, bad}}) == section + "a path is not clean");
  }
  CHECK(fault({kRemove}, {{0, std::string("a\0b", 3)}}) == section + "a path is not clean");
  CHECK(fault({kRemove}, {{0, std::string(256, 'x')}}) == section + "a path is not clean");
  CHECK(fault({kRemove}, {{0, std::string(5000, 'x')}}) == section + "a path is longer than 4095 bytes");
  CHECK(fault({kRemove, kRemove}, {{0, "b"}, {0, "a"}}) ==
        section + "the paths are not in order, or one is there twice");
  CHECK(fault({kRemove, kRemove}, {{0, "a"}, {1, ""}}) ==
        section + "the paths are not in order, or one is there twice");
  CHECK(fault({kRemove}, {{0, ""}}) == section + "the root directory becomes something else");
  CHECK(fault({shape(kPut, FileType::Fifo)}, {{0, ""}}) == section + "the root directory becomes something else");
  CHECK(fault_of_changes([](ByteWriter& out) { Blob::numbers(out, {0, 1ULL << 30}); }) == section + "too many changes");
}

TEST_CASE("metadata that breaks a rule is refused") {
  const std::string section = "section 'changes': ";
  const auto fault = [](const Columns& metadata) { return fault_of_put(FileType::Fifo, metadata, [](ByteWriter&) {}); };
  CHECK(fault(kPlain) == "no fault");
  CHECK(fault({010000}) == section + "a mode has more than permission bits");
  CHECK(fault({0, 1ULL << 32}) == section + "a uid is over 32 bits");
  CHECK(fault({0, 0, 1ULL << 32}) == section + "a gid is over 32 bits");
  CHECK(fault({0, 0, 0, 0, 1'000'000'000}) == section + "nanoseconds are a second or more");
  CHECK(fault({0, 0, 0, 0, 0, 1}) == section + "a file has a set of xattrs that is not there");
}

TEST_CASE("xattrs that break a rule are refused") {
  const std::string section = "section 'changes': ";
  const auto fault = [](std::uint64_t count, const std::vector<std::string>& texts) {
    return fault_of_changes([&](ByteWriter& out) {
      Blob::numbers(out, {1, count});
      for (const auto& text : texts) out.string(text);
      out.varint(0);
    });
  };
  CHECK(fault(1, {"user.a", ""}) == "no fault");
  CHECK(fault(0, {}) == section + "a set of xattrs is empty");
  CHECK(fault(1, {"", ""}) == section + "the name of an xattr is empty or has a NUL");
  CHECK(fault(1, {std::string(256, 'n'), ""}) == section + "the name of an xattr is longer than 255 bytes");
  CHECK(fault(1, {"user.a", std::string(65537, 'v')}) == section + "the value of an xattr is larger than 64 KiB");
  CHECK(fault(2, {"user.b", "", "user.a", ""}) == section + "the xattrs of a file are not sorted by name");
  CHECK(fault(1000, {"user.a", ""}) == section + "it ends early");
}

TEST_CASE("one set of xattrs cannot be blown up by many files") {
  const std::uint64_t files = 5000;
  const std::string fault = fault_of_changes([&](ByteWriter& out) {
    Blob::numbers(out, {1, 1});
    out.string("user.a");
    out.string(std::string(60000, 'v'));
    out.varint(files);
    for (std::uint64_t i = 0; i < files; ++i) out.u8(shape(kPut, FileType::Fifo));
    for (std::uint64_t i = 0; i < files; ++i) {
      out.varint(0);
      out.string(std::to_string(10000 + i));
    }
    for (std::uint64_t i = 0; i < 5 * files; ++i) out.varint(0);
    for (std::uint64_t i = 0; i < files; ++i) out.varint(1);
  });
  CHECK(fault == "section 'changes': the xattrs are larger than 256 MiB together");
}

TEST_CASE("paths cannot be blown up by sharing") {
  const std::uint64_t files = 80000;
  const std::string fault = fault_of_changes([&](ByteWriter& out) {
    Blob::numbers(out, {0, files});
    for (std::uint64_t i = 0; i < files; ++i) out.u8(kRemove);
    std::string prefix;
    for (int i = 0; i < 19; ++i) prefix += std::string(200, 'd') + "/";
    const std::uint64_t shared = prefix.size();
    for (std::uint64_t i = 0; i < files; ++i) {
      out.varint(i == 0 ? 0 : shared);
      out.string((i == 0 ? prefix : "") + std::to_string(100000 + i));
    }
  });
  CHECK(fault == "section 'changes': the paths are longer than 256 MiB together");
}

TEST_CASE("links and devices that break a rule are refused") {
  const std::string section = "section 'changes': ";
  const auto symlink = [](const std::string& target) {
    return fault_of_put(FileType::Symlink, kPlain, [&](ByteWriter& out) { out.string(target); });
  };
  CHECK(symlink("ok") == "no fault");
  CHECK(symlink("") == section + "the target of a symbolic link is empty or has a NUL");
  CHECK(symlink(std::string(4096, 't')) == section + "the target of a symbolic link is longer than 4095 bytes");
  const auto hard_link = [](const std::string& target) {
    return fault_of_changes([&](ByteWriter& out) {
      write_names(out, {kLink}, {{0, "f"}});
      out.string(target);
    });
  };
  CHECK(hard_link("g") == "no fault");
  for (const std::string bad : {"", "f", "/g", "../g"}) {
    CHECK(hard_link(bad) == section + "a hard link leads to a path that is not clean, or to itself");
  }
  const auto device = [](std::uint64_t major, std::uint64_t minor) {
    return fault_of_put(FileType::CharDevice, kPlain, [&](ByteWriter& out) { Blob::numbers(out, {major, minor}); });
  };
  CHECK(device(4095, 1048575) == "no fault");
  CHECK(device(4096, 0) == section + "a device number is too large");
  CHECK(device(0, 1 << 20) == section + "a device number is too large");
}

TEST_CASE("file data that breaks a rule is refused") {
  const std::string section = "section 'changes': ";
  CHECK(fault_of_file({0, 0}) == "no fault");
  CHECK(fault_of_file({(1ULL << 44) + 1, 0}) == section + "a file is larger than 16 TiB");
  CHECK(fault_of_file({1, 1ULL << 40}) == section + "too many pieces");
  CHECK(fault_of_file({1, 10000}) == section + "it ends early");
  CHECK(fault_of_file({1, 1, 9, 0, 1}) == section + "a frame number is not below the number of frames");
  CHECK(fault_of_file({1, 1, 1, 140, 1}) == section + "a piece begins behind the end of its frame");
  CHECK(fault_of_file({1, 1, 1, 2, 1}) == section + "a piece ends behind the end of its frame");
  CHECK(fault_of_file({1, 1, 1, 0, 0}) == section + "a piece has no block, or more than 2^32");
  CHECK(fault_of_file({1, 1, 1, 0, 2}) == section + "the pieces of a file are not as long as the file");
  CHECK(fault_of_file({4097, 1, 0, 1}) == section + "the pieces of a file are not as long as the file");
  CHECK(fault_of_file({1, 0}) == section + "the pieces of a file are not as long as the file");
}

TEST_CASE("sections that break a rule are refused") {
  const auto fault = [](const std::vector<std::byte>& bytes) {
    try {
      (void)Blob().decode_bytes(bytes);
    } catch (const Error& error) {
      return error.first().message;
    }
    return std::string("no fault");
  };
  const std::string start = "the index of b is damaged: section 'head' at offset 100: ";
  const auto section = [](std::uint32_t magic, std::uint32_t size, std::span<const std::byte> body) {
    ByteWriter out;
    out.u32(magic);
    out.u32(size);
    out.raw(body);
    return out.take();
  };
  const std::vector<std::byte> garbage(20, std::byte{1});
  CHECK(fault({}) == start + "it is missing");
  CHECK(fault(section(1, 20, garbage)) == start + "its magic number is wrong");
  CHECK(fault(section(format::kSkippableMagic, 21, garbage)) == start + "it is larger than the index");
  CHECK(fault(section(format::kSkippableMagic, 20, garbage)) ==
        start + "it is no single zstd frame that states its size");

  FrameCompressor zstd(1);
  const std::vector<std::byte> zeros((256 << 20) + 1);
  const auto bomb = zstd.compress(zeros);
  CHECK(fault(section(format::kSkippableMagic, static_cast<std::uint32_t>(bomb.size()), bomb)) ==
        start + "it is larger than 256 MiB when decompressed");
  const auto two = zstd.compress(garbage);
  std::vector<std::byte> doubled(two.begin(), two.end());
  doubled.insert(doubled.end(), two.begin(), two.end());
  CHECK(fault(section(format::kSkippableMagic, static_cast<std::uint32_t>(doubled.size()), doubled)) ==
        start + "it is no single zstd frame that states its size");
}

TEST_CASE("bytes behind the last section are refused") {
  const LayerIndex empty;
  const std::string encoded = encode_index(empty, 0);
  auto bytes = std::as_bytes(std::span(encoded.data(), encoded.size() - kFooterSize));
  std::vector<std::byte> longer(bytes.begin(), bytes.end());
  longer.push_back(std::byte{0});
  const Footer footer{format::kVersion, 0, longer.size(), sha256(longer)};
  CHECK(message_of([&] { return decode_index(longer, footer, "b"); }) ==
        "the index of b is damaged: there are bytes between its last section and the footer [L002]");
}
