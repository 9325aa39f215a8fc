#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

// Private to the lock parser: lines and flow maps with their places.

namespace blueprint::packages {

struct LockLine {
  std::string_view text;  ///< without its end
  int number = 0;
  std::size_t indent = 0;
};

/// A part of a line. Becomes a SourceSpan only when there is a fault to show: a lock has thousands of these.
struct LockPlace {
  const LockLine* line = nullptr;
  std::size_t column = 0;  ///< 0-based
  std::size_t length = 1;
};

/// One `key: value` with where it stands.
struct LockField {
  std::string key;
  std::string value;               ///< a scalar
  std::vector<std::string> items;  ///< a list
  bool is_list = false;
  LockPlace key_place;
  LockPlace value_place;
};

[[nodiscard]] SourceSpan lock_span(const std::string& file, const LockPlace& place);

/// Lines that are neither blank nor comments.
[[nodiscard]] std::vector<LockLine> split_lock_lines(std::string_view text);

/// Reads one line from left to right.
class LockScanner {
 public:
  LockScanner(const std::string& file, const LockLine& line, std::size_t position)
      : file_(file), line_(line), at_(position) {}

  /// `{key: value, …}` to the end of the line; adds a diagnostic and returns nothing when it is not one.
  std::optional<std::vector<LockField>> flow_map(std::vector<Diagnostic>& faults);
  /// `key:` or `key: value` to the end of the line.
  std::optional<LockField> entry(std::vector<Diagnostic>& faults);

 private:
  [[nodiscard]] bool done() const { return at_ >= line_.text.size(); }
  [[nodiscard]] char here() const { return done() ? '\0' : line_.text[at_]; }
  void skip_blanks();
  bool take(char c);
  std::optional<std::string> scalar();
  std::optional<LockField> field();
  bool list(LockField& field);
  std::nullopt_t fail(std::vector<Diagnostic>& faults, std::string_view expected) const;

  const std::string& file_;
  const LockLine& line_;
  std::size_t at_;
};

}  // namespace blueprint::packages
