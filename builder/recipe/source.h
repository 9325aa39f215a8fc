#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace blueprint::recipe {

/// Where a token lies in its source. 1-based; column and length count bytes.
struct Place {
  int line = 1;
  int column = 1;
  int length = 1;
};

/// The text of one file: UTF-8 without byte order mark, lines ended by \n.
class Source {
 public:
  /// Takes CRLF line ends and a byte order mark away. Throws Error: R001 larger than 1 MiB, R002 not UTF-8 or a control
  /// character, with the place.
  Source(std::string file, std::string_view bytes);

  [[nodiscard]] const std::string& file() const { return file_; }
  [[nodiscard]] const std::string& text() const { return text_; }
  [[nodiscard]] int line_count() const { return static_cast<int>(line_starts_.size()); }
  /// Without its end; empty when there is no such line.
  [[nodiscard]] std::string_view line(int number) const;
  /// The text from `place` to the end of the file.
  [[nodiscard]] std::string_view from(const Place& place) const;
  [[nodiscard]] SourceSpan span(const Place& place) const;

 private:
  void check_characters() const;

  std::string file_;
  std::string text_;
  std::vector<std::size_t> line_starts_;
};

}  // namespace blueprint::recipe
