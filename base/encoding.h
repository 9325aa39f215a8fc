#pragma once

// Little-endian integers and LEB128 varints, the two encodings that our on-disk formats use.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace blueprint {

/// Appends values to a byte string.
class ByteWriter {
 public:
  void u8(std::uint8_t value) { bytes_.push_back(static_cast<std::byte>(value)); }
  void u32(std::uint32_t value);
  void u64(std::uint64_t value);
  /// Unsigned LEB128: 7 bits a byte, low bits first.
  void varint(std::uint64_t value);
  /// Zigzag, then LEB128.
  void signed_varint(std::int64_t value);
  void raw(std::span<const std::byte> bytes) { bytes_.insert(bytes_.end(), bytes.begin(), bytes.end()); }
  void raw(std::string_view text) { raw(std::as_bytes(std::span(text.data(), text.size()))); }
  /// Length as varint, then the bytes.
  void string(std::string_view text);

  [[nodiscard]] const std::vector<std::byte>& bytes() const { return bytes_; }
  [[nodiscard]] std::vector<std::byte> take() { return std::move(bytes_); }

 private:
  std::vector<std::byte> bytes_;
};

/// Reads what ByteWriter wrote from bytes that may be hostile. After the first failure (end of data, a varint over 64
/// bits, a string longer than what is left) every read returns zero or empty and ok() is false, so that a decoder may
/// check once per record.
class ByteReader {
 public:
  explicit ByteReader(std::span<const std::byte> bytes) : rest_(bytes) {}

  std::uint8_t u8();
  std::uint32_t u32();
  std::uint64_t u64();
  std::uint64_t varint();
  std::int64_t signed_varint();
  std::span<const std::byte> raw(std::size_t size);
  std::string_view string();

  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] std::size_t left() const { return rest_.size(); }

 private:
  void fail() {
    ok_ = false;
    rest_ = {};
  }
  std::span<const std::byte> rest_;
  bool ok_ = true;
};

}  // namespace blueprint
