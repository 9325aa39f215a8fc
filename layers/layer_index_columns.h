#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/digest.h"
#include "base/encoding.h"
#include "layers/layer_index.h"
#include "layers/layer_index_format.h"

namespace blueprint::layers::format {

/// Reads the columns of one section from bytes that may be hostile. Every function throws Error L002, naming the blob,
/// the section and the rule, when the bytes end early or the value breaks the rule.
class Columns {
 public:
  /// `what` names the blob; it and `bytes` must outlive this.
  Columns(std::span<const std::byte> bytes, std::string_view what, Section section)
      : reader_(bytes), what_(what), section_(section) {}

  [[noreturn]] void reject(std::string_view rule) const;
  void require(bool holds, std::string_view rule) const {
    if (!holds) reject(rule);
  }

  /// How many items follow: at most `limit`, and no more than what is left has room for at `least_bytes` each.
  std::uint64_t count(std::uint64_t limit, std::size_t least_bytes, std::string_view rule);
  std::uint8_t byte();
  std::uint64_t number(std::uint64_t least, std::uint64_t most, std::string_view rule);
  std::uint32_t number32(std::uint32_t least, std::uint32_t most, std::string_view rule) {
    return static_cast<std::uint32_t>(number(least, most, rule));
  }
  std::int64_t difference();
  Digest digest();
  /// At most `most` bytes; valid as long as the section.
  std::string_view text(std::size_t most, std::string_view rule);
  /// Nothing may be left.
  void finish() const;

 private:
  void check() const {
    if (!reader_.ok()) reject("it ends early");
  }
  ByteReader reader_;
  std::string_view what_;
  Section section_;
};

/// Reads a "source" column: frames relative to the frame before, or none.
class SourceReader {
 public:
  SourceReader(Columns& columns, std::size_t frames) : columns_(columns), frames_(frames) {}
  /// A number below `frames`, or `none`.
  std::uint32_t next(std::uint32_t none);

 private:
  Columns& columns_;
  std::uint64_t frames_;
  std::uint64_t before_ = 0;
};

/// Fills index.changes from its section; index.frames must be there already.
void decode_changes(Columns& columns, LayerIndex& index);

}  // namespace blueprint::layers::format
