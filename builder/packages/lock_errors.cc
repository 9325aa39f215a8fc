#include "builder/packages/lock_errors.h"

#include <fmt/format.h>

#include "base/text.h"

namespace blueprint::packages {
namespace {

Diagnostic make(std::string code, std::string message, SourceSpan where, std::vector<std::string> hints) {
  return {.kind = ErrorKind::Recipe,
          .code = std::move(code),
          .message = std::move(message),
          .where = std::move(where),
          .hints = std::move(hints)};
}

constexpr const char* kMakeAgain =
    "a lock is not edited by hand: restore it from version control, or make it again with 'blueprint lock --update'";

}  // namespace

Diagnostic lock_too_new(std::string_view format, SourceSpan where) {
  return make("K001",
              fmt::format("this lock has format {}, which this version of blueprint does not know", printable(format)),
              std::move(where), {"use the version of blueprint that wrote it, or a newer one"});
}

Diagnostic lock_syntax(std::string_view expected, SourceSpan where) {
  return make("K002", fmt::format("this is not a lock: expected {}", expected), std::move(where), {kMakeAgain});
}

Diagnostic lock_key(std::string_view problem, std::string_view key, SourceSpan where) {
  return make("K003", fmt::format("{} key '{}' in the lock", problem, printable(key)), std::move(where), {kMakeAgain});
}

Diagnostic lock_value(std::string_view key, std::string_view expected, SourceSpan where) {
  return make("K004", fmt::format("the lock's '{}' must be {}", printable(key), expected), std::move(where),
              {kMakeAgain});
}

Diagnostic lock_duplicate(std::string_view package, std::string_view layer, int first_line, SourceSpan where) {
  return make("K005",
              fmt::format("the lock has {} twice in layer '{}', first in line {}", printable(package), printable(layer),
                          first_line),
              std::move(where), {kMakeAgain});
}

Diagnostic lock_no_repository(std::uint64_t number, std::size_t count, SourceSpan where) {
  return make("K006", fmt::format("the lock has no repository number {}: it lists {}", number, count), std::move(where),
              {kMakeAgain});
}

Diagnostic lock_no_reason(std::string_view package, std::string_view why, SourceSpan where) {
  return make(
      "K007",
      fmt::format("{} is in the lock because of {}, which is not in that layer", printable(package), printable(why)),
      std::move(where), {kMakeAgain});
}

Diagnostic lock_conflict(SourceSpan where) {
  return make("K008", "the lock has marks of a merge conflict", std::move(where),
              {"take either side, then run 'blueprint lock': it resolves what the recipe asks for and the lock lacks"});
}

}  // namespace blueprint::packages
