#include "base/encoding.h"

#include <limits>
#include <random>

#include <catch2/catch.hpp>

using namespace blueprint;

namespace {

std::vector<std::byte> bytes_of(std::initializer_list<int> values) {
  std::vector<std::byte> bytes;
  for (const int value : values) bytes.push_back(static_cast<std::byte>(value));
  return bytes;
}

}  // namespace

TEST_CASE("Integers are little-endian and varints are LEB128") {
  ByteWriter writer;
  writer.u8(0xab);
  writer.u32(0x01020304);
  writer.u64(0x0102030405060708);
  writer.varint(300);
  writer.signed_varint(-1);
  writer.string("hi");
  CHECK(writer.bytes() == bytes_of({0xab, 4, 3, 2, 1, 8, 7, 6, 5, 4, 3, 2, 1, 0xac, 0x02, 1, 2, 'h', 'i'}));
}

TEST_CASE("What was written is read back, at the limits too") {
  const std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
  const std::int64_t least = std::numeric_limits<std::int64_t>::min();
  ByteWriter writer;
  for (const std::uint64_t value : {std::uint64_t{0}, std::uint64_t{127}, std::uint64_t{128}, most >> 1, most})
    writer.varint(value);
  for (const std::int64_t value :
       {std::int64_t{0}, std::int64_t{-64}, std::int64_t{64}, std::numeric_limits<std::int64_t>::max(), least}) {
    writer.signed_varint(value);
  }
  writer.string(std::string("a\0b", 3));
  ByteReader reader(writer.bytes());
  CHECK(reader.varint() == 0);
  CHECK(reader.varint() == 127);
  CHECK(reader.varint() == 128);
  CHECK(reader.varint() == most >> 1);
  CHECK(reader.varint() == most);
  CHECK(reader.signed_varint() == 0);
  CHECK(reader.signed_varint() == -64);
  CHECK(reader.signed_varint() == 64);
  CHECK(reader.signed_varint() == std::numeric_limits<std::int64_t>::max());
  CHECK(reader.signed_varint() == least);
  CHECK(reader.string() == std::string("a\0b", 3));
  CHECK(reader.ok());
  CHECK(reader.left() == 0);
}

TEST_CASE("Reading behind the end fails for good and yields zeros") {
  const auto data = bytes_of({1, 2, 3});
  ByteReader reader(data);
  CHECK(reader.u32() == 0);
  CHECK_FALSE(reader.ok());
  CHECK(reader.u8() == 0);
  CHECK(reader.string().empty());
  CHECK(reader.raw(0).empty());
  CHECK_FALSE(reader.ok());
}

TEST_CASE("A varint over 64 bits or without an end is refused") {
  const auto too_long = bytes_of({0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01});
  const auto bit_64 = bytes_of({0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02});
  const auto endless = bytes_of({0x80, 0x80});
  for (const auto& data : {too_long, bit_64, endless}) {
    ByteReader reader(data);
    CHECK(reader.varint() == 0);
    CHECK_FALSE(reader.ok());
  }
}

TEST_CASE("A string longer than what is left is refused without allocating") {
  ByteWriter writer;
  writer.varint(std::numeric_limits<std::uint64_t>::max());
  writer.raw("short");
  ByteReader reader(writer.bytes());
  CHECK(reader.string().empty());
  CHECK_FALSE(reader.ok());
}

TEST_CASE("Random values survive encoding, and random bytes never break the reader") {
  const auto seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  ByteWriter writer;
  std::vector<std::uint64_t> values;
  for (int i = 0; i < 2000; ++i) {
    values.push_back(random() >> (random() % 64));
    writer.varint(values.back());
    writer.signed_varint(static_cast<std::int64_t>(values.back()));
  }
  ByteReader reader(writer.bytes());
  for (const auto value : values) {
    REQUIRE(reader.varint() == value);
    REQUIRE(reader.signed_varint() == static_cast<std::int64_t>(value));
  }
  for (int round = 0; round < 2000; ++round) {
    std::vector<std::byte> noise(random() % 40);
    for (auto& byte : noise) byte = static_cast<std::byte>(random());
    ByteReader hostile(noise);
    while (hostile.ok() && hostile.left() > 0) {
      switch (random() % 5) {
        case 0: (void)hostile.varint(); break;
        case 1: (void)hostile.signed_varint(); break;
        case 2: (void)hostile.string(); break;
        case 3: (void)hostile.u32(); break;
        default: (void)hostile.raw(random() % 8 + 1); break;
      }
    }
    REQUIRE(hostile.left() == 0);
  }
}
