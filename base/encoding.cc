#include "base/encoding.h"

#include <bit>
#include <cstring>

namespace blueprint {

static_assert(std::endian::native == std::endian::little, "the little-endian readers copy bytes as they are");

void ByteWriter::u32(std::uint32_t value) { raw(std::as_bytes(std::span(&value, 1))); }
void ByteWriter::u64(std::uint64_t value) { raw(std::as_bytes(std::span(&value, 1))); }

void ByteWriter::varint(std::uint64_t value) {
  while (value >= 0x80) {
    u8(static_cast<std::uint8_t>(value | 0x80));
    value >>= 7;
  }
  u8(static_cast<std::uint8_t>(value));
}

void ByteWriter::signed_varint(std::int64_t value) {
  varint((static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63));
}

void ByteWriter::string(std::string_view text) {
  varint(text.size());
  raw(text);
}

std::uint8_t ByteReader::u8() {
  const auto bytes = raw(1);
  return bytes.empty() ? 0 : static_cast<std::uint8_t>(bytes[0]);
}

std::uint32_t ByteReader::u32() {
  std::uint32_t value = 0;
  if (const auto bytes = raw(sizeof(value)); !bytes.empty()) std::memcpy(&value, bytes.data(), sizeof(value));
  return value;
}

std::uint64_t ByteReader::u64() {
  std::uint64_t value = 0;
  if (const auto bytes = raw(sizeof(value)); !bytes.empty()) std::memcpy(&value, bytes.data(), sizeof(value));
  return value;
}

std::uint64_t ByteReader::varint() {
  std::uint64_t value = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    if (rest_.empty()) break;
    const auto byte = static_cast<std::uint8_t>(rest_.front());
    rest_ = rest_.subspan(1);
    // The tenth byte holds bit 63 only.
    if (shift == 63 && byte > 1) break;
    value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return value;
  }
  fail();
  return 0;
}

std::int64_t ByteReader::signed_varint() {
  const std::uint64_t value = varint();
  return static_cast<std::int64_t>(value >> 1) ^ -static_cast<std::int64_t>(value & 1);
}

std::span<const std::byte> ByteReader::raw(std::size_t size) {
  if (size > rest_.size()) {
    fail();
    return {};
  }
  const auto bytes = rest_.first(size);
  rest_ = rest_.subspan(size);
  return bytes;
}

std::string_view ByteReader::string() {
  const std::uint64_t size = varint();
  if (size > rest_.size()) {
    fail();
    return {};
  }
  const auto bytes = raw(size);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace blueprint
