#include "builder/recipe/pattern.h"

#include <re2/re2.h>

namespace blueprint::recipe {
namespace {

re2::RE2::Options quiet() {
  re2::RE2::Options options;
  options.set_log_errors(false);
  return options;
}

std::string_view meaning(re2::RE2::ErrorCode code) {
  switch (code) {
    case re2::RE2::ErrorMissingParen: return "a parenthesis is not closed";
    case re2::RE2::ErrorUnexpectedParen: return "a parenthesis is closed that was not opened";
    case re2::RE2::ErrorMissingBracket: return "a bracket is not closed";
    case re2::RE2::ErrorBadCharClass: return "an unknown class of characters";
    case re2::RE2::ErrorBadCharRange: return "a range of characters is reversed";
    case re2::RE2::ErrorBadEscape: return "an unknown escape";
    case re2::RE2::ErrorTrailingBackslash: return "a '\\' at the end";
    case re2::RE2::ErrorRepeatArgument: return "a repetition has nothing to repeat";
    case re2::RE2::ErrorRepeatSize: return "a repetition in braces is reversed or too large";
    case re2::RE2::ErrorRepeatOp: return "two repetitions follow each other";
    case re2::RE2::ErrorBadPerlOp:
    case re2::RE2::ErrorBadNamedCapture: return "a kind of group that there is not, such as look-around";
    case re2::RE2::ErrorBadUTF8: return "it is not UTF-8";
    case re2::RE2::ErrorPatternTooLarge: return "too large";
    default: return "malformed";
  }
}

}  // namespace

std::string why_malformed(const std::string& pattern) {
  const re2::RE2 compiled(pattern, quiet());
  if (compiled.ok()) return "";
  return std::string(meaning(compiled.error_code()));
}

bool matches_whole(const std::string& pattern, std::string_view text) {
  const re2::RE2 compiled(pattern, quiet());
  return re2::RE2::FullMatch(re2::StringPiece(text.data(), text.size()), compiled);
}

bool is_found(const std::string& pattern, std::string_view text) {
  const re2::RE2 compiled("(?m)" + pattern, quiet());
  return re2::RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), compiled);
}

std::optional<Found> find_group(const std::string& pattern, std::string_view text, std::size_t from) {
  const re2::RE2 compiled(pattern, quiet());
  re2::StringPiece groups[2];
  if (!compiled.ok() ||
      !compiled.Match(re2::StringPiece(text.data(), text.size()), from, text.size(), re2::RE2::UNANCHORED, groups, 2))
    return std::nullopt;
  const auto begin = static_cast<std::size_t>(groups[1].data() - text.data());
  return Found{begin, begin + groups[1].size()};
}

}  // namespace blueprint::recipe
