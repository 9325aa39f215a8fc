#include "builder/packages/lock_fields.h"

#include <algorithm>

#include "base/text.h"
#include "builder/packages/lock_errors.h"

namespace blueprint::packages {

SourceSpan lock_span(const std::string& file, const LockPlace& place) {
  return {.file = file,
          .line = place.line->number,
          .column = static_cast<int>(place.column) + 1,
          .length = static_cast<int>(std::max<std::size_t>(1, place.length)),
          .text = printable(place.line->text)};
}

std::vector<LockLine> split_lock_lines(std::string_view text) {
  std::vector<LockLine> lines;
  for (int number = 1; !text.empty(); ++number) {
    const auto end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    const auto indent = line.find_first_not_of(' ');
    if (indent == std::string_view::npos || line[indent] == '#') continue;
    lines.push_back({.text = line, .number = number, .indent = indent});
  }
  return lines;
}

void LockScanner::skip_blanks() {
  while (here() == ' ') ++at_;
}

bool LockScanner::take(char c) {
  skip_blanks();
  if (here() != c) return false;
  ++at_;
  return true;
}

std::nullopt_t LockScanner::fail(std::vector<Diagnostic>& faults, std::string_view expected) const {
  faults.push_back(lock_syntax(expected, lock_span(file_, {&line_, at_})));
  return std::nullopt;
}

std::optional<std::string> LockScanner::scalar() {
  skip_blanks();
  std::string value;
  if (here() != '"') {
    // A plain scalar ends where a flow collection goes on or ends, or a comment begins; "a: b" inside one would be
    // another map.
    while (!done() && std::string_view(",]}[{\"").find(here()) == std::string_view::npos &&
           !line_.text.substr(at_).starts_with(" #")) {
      value += line_.text[at_++];
    }
    value = std::string(trim(value));
    if (value.empty() || value.find(": ") != std::string::npos) return std::nullopt;
    return value;
  }
  for (++at_; !done(); ++at_) {
    if (here() == '"') {
      ++at_;
      return value;
    }
    if (here() == '\\') {
      ++at_;
      if (here() != '"' && here() != '\\') return std::nullopt;
    }
    value += here();
  }
  return std::nullopt;
}

bool LockScanner::list(LockField& field) {
  field.is_list = true;
  if (take(']')) return true;
  while (true) {
    auto item = scalar();
    if (!item) return false;
    field.items.push_back(std::move(*item));
    if (take(']')) return true;
    if (!take(',')) return false;
  }
}

/// A key, a colon and what follows on the line, up to what ends a value.
std::optional<LockField> LockScanner::field() {
  skip_blanks();
  LockField field;
  const auto key_at = at_;
  if (here() == '"') {
    auto key = scalar();
    if (!key) return std::nullopt;
    field.key = std::move(*key);
  } else {
    while (!done() && here() != ':' && std::string_view(",]}[{\" ").find(here()) == std::string_view::npos)
      field.key += line_.text[at_++];
  }
  field.key_place = {&line_, key_at, at_ - key_at};
  if (field.key.empty() || !take(':')) return std::nullopt;
  skip_blanks();
  const auto value_at = at_;
  if (take('[')) {
    if (!list(field)) return std::nullopt;
  } else if (!done()) {
    auto value = scalar();
    if (!value) return std::nullopt;
    field.value = std::move(*value);
  }
  field.value_place = {&line_, value_at, at_ - value_at};
  return field;
}

std::optional<std::vector<LockField>> LockScanner::flow_map(std::vector<Diagnostic>& faults) {
  if (!take('{')) return fail(faults, "'{'");
  std::vector<LockField> fields;
  while (true) {
    auto next = field();
    if (!next) return fail(faults, "'key: value'");
    for (const auto& earlier : fields) {
      if (earlier.key == next->key)
        faults.push_back(lock_key("duplicate", next->key, lock_span(file_, next->key_place)));
    }
    fields.push_back(std::move(*next));
    if (take('}')) break;
    if (!take(',')) return fail(faults, "',' or '}'");
  }
  skip_blanks();
  if (!done() && here() != '#') return fail(faults, "the end of the line");
  return fields;
}

std::optional<LockField> LockScanner::entry(std::vector<Diagnostic>& faults) {
  auto read = field();
  skip_blanks();
  if (!read) return fail(faults, "'key: value'");
  if (!done() && here() != '#') return fail(faults, "the end of the line");
  return read;
}

}  // namespace blueprint::packages
