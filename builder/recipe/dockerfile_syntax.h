#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "builder/recipe/faults.h"
#include "builder/recipe/source.h"

namespace blueprint::recipe::dockerfile {

/// `--name=value` or `--name` before the arguments.
struct Flag {
  std::string name;
  std::string value;
  Place place;
};

struct Heredoc {
  std::string name;
  std::string body;
  bool quoted = false;  ///< of a quoted name: nothing in the body is replaced
};

struct Instruction {
  std::string keyword;    ///< in upper case
  bool on_build = false;  ///< ONBUILD holds it back for the stages that are FROM this one
  std::vector<Flag> flags;
  std::string text;                               ///< arguments, continued lines joined
  std::optional<std::vector<std::string>> words;  ///< arguments in JSON form
  std::vector<Heredoc> heredocs;
  std::string heredoc_text;                          ///< bodies and ends of the heredocs as written
  Place place;                                       ///< of the keyword
  std::vector<std::pair<std::size_t, Place>> lines;  ///< where each written line starts in `text`

  /// Where the character at `offset` of `text` was written.
  [[nodiscard]] Place at(std::size_t offset, std::size_t length) const;
};

struct File {
  char escape = '\\';
  std::vector<Instruction> instructions;
};

/// `text` with its ASCII letters in upper case.
[[nodiscard]] std::string upper(std::string_view text);

/// Splits a Dockerfile into instructions. Adds R050 for what is malformed and R051 for unknown instructions.
[[nodiscard]] File parse(const Source& source, Faults& faults);

}  // namespace blueprint::recipe::dockerfile
