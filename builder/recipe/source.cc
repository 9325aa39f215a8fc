#include "builder/recipe/source.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "builder/recipe/errors.h"

namespace blueprint::recipe {
namespace {

// A recipe is written by hand; the limit keeps a hostile or mistaken file from costing more than its refusal.
constexpr std::size_t kMaxBytes = 1 << 20;

bool is_control(std::string_view character) {
  const auto first = static_cast<unsigned char>(character[0]);
  if (character.size() == 1) return (first < 0x20 && first != '\n' && first != '\t') || first == 0x7F;
  return character.size() == 2 && first == 0xC2 && static_cast<unsigned char>(character[1]) < 0xA0;  // C1
}

}  // namespace

Source::Source(std::string file, std::string_view bytes) : file_(std::move(file)) {
  if (bytes.size() > kMaxBytes) throw Error(too_large(file_, bytes.size(), kMaxBytes));
  if (bytes.starts_with("\xEF\xBB\xBF")) bytes.remove_prefix(3);
  text_.reserve(bytes.size());
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (bytes[i] == '\r' && i + 1 < bytes.size() && bytes[i + 1] == '\n') continue;
    text_ += bytes[i];
  }
  line_starts_.push_back(0);
  for (std::size_t i = 0; i < text_.size(); ++i) {
    if (text_[i] == '\n') line_starts_.push_back(i + 1);
  }
  check_characters();
}

void Source::check_characters() const {
  int line_number = 1;
  std::size_t line_start = 0;
  for (std::size_t i = 0; i < text_.size();) {
    const char c = text_[i];
    const std::string_view rest = std::string_view(text_).substr(i);
    const std::size_t length = utf8_length(rest);
    if (length == 0 || is_control(rest.substr(0, length))) {
      SourceSpan where = span({.line = line_number, .column = static_cast<int>(i - line_start) + 1});
      // What precedes the fault is clean, so the caret still stands under it after the rest is made printable.
      where.text = text_.substr(line_start, i - line_start) + printable(line(line_number).substr(i - line_start));
      throw Error(length == 0 ? not_utf8(where, c) : control_character(where, c));
    }
    i += length;
    if (c == '\n') {
      ++line_number;
      line_start = i;
    }
  }
}

std::string_view Source::line(int number) const {
  if (number < 1 || number > line_count()) return {};
  const std::size_t start = line_starts_[static_cast<std::size_t>(number) - 1];
  const std::size_t end = text_.find('\n', start);
  return std::string_view(text_).substr(start, end == std::string::npos ? end : end - start);
}

std::string_view Source::from(const Place& place) const {
  if (place.line < 1 || place.line > line_count()) return {};
  const std::size_t at =
      line_starts_[static_cast<std::size_t>(place.line) - 1] + static_cast<std::size_t>(place.column) - 1;
  return std::string_view(text_).substr(std::min(at, text_.size()));
}

SourceSpan Source::span(const Place& place) const {
  return {.file = file_,
          .line = place.line,
          .column = place.column,
          .length = std::max(1, place.length),
          .text = std::string(line(place.line))};
}

}  // namespace blueprint::recipe
