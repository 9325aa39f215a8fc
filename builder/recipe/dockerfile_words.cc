// Variables and quotes by the rules of BuildKit (frontend/dockerfile/shell/lex.go), which are the shell's where it has
// them: a recursive descent, in which the word behind a modifier is read like the text around it.

#include "builder/recipe/dockerfile_words.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "builder/recipe/pattern.h"

namespace blueprint::recipe::dockerfile {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_name_character(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || is_digit(c); }
/// `$$`, `$?` and the others of the shell, none of which is ever set here.
bool is_special_parameter(char c) { return std::string_view("@*#?-$!").find(c) != std::string_view::npos; }

constexpr int kMaxDepth = 16;
// `ENV A=$A$A` doubles: Linux takes no variable of more than 128 KiB (MAX_ARG_STRLEN), and recipes no file of more.
constexpr std::size_t kMaxText = 128 * 1024;
constexpr char kEndOfText = '\0';
constexpr const char* kBadSubstitution = "this is no ${…} that can be replaced";

enum class Quotes { Remove, Keep };
enum class Escapes { Remove, Keep };
enum class Stars { Shortest, Longest };

/// A pattern of the shell, without brackets, as a regular expression; empty with an escape that patterns do not have.
std::string regex_of(std::string_view pattern, Stars stars) {
  std::string regex;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    if (c == '*') {
      regex += stars == Stars::Longest ? ".*" : ".*?";
    } else if (c == '?') {
      regex += '.';
    } else if (c == '\\') {
      const char next = i + 1 < pattern.size() ? pattern[++i] : kEndOfText;
      const bool ends_word = next == '}' || next == '/';  // escaped for the ${…} around it
      if (!ends_word && next != '*' && next != '?' && next != '\\') return {};
      if (next != '/') regex += '\\';
      regex += next;
    } else {
      if (std::string_view("[]{}.+()|^$").find(c) != std::string_view::npos) regex += '\\';
      regex += c;
    }
  }
  return regex;
}

std::string replaced(const std::string& value, const std::string& regex, std::string_view other, bool all) {
  std::string out;
  std::size_t at = 0;
  while (const auto found = find_group(regex, value, at)) {
    out += value.substr(at, found->begin - at);
    out += other;
    at = found->end;
    if (!all || at >= value.size()) break;
    if (found->begin == found->end) out += value[at++];
  }
  return out + value.substr(at);
}

class Expansion {
 public:
  Expansion(std::string_view text, char escape, Quotes quotes, const Lookup& lookup)
      : text_(text), escape_(escape), quotes_(quotes), lookup_(lookup) {}

  Expanded run() {
    Expanded result;
    if (!read_until(kEndOfText, Escapes::Remove, result.text)) result = {.text = {}, .fault = fault_};
    return result;
  }

 private:
  [[nodiscard]] bool at_end() const { return at_ >= text_.size(); }

  bool fail(std::string message) {
    fault_ = std::move(message);
    return false;
  }

  /// Reads up to `stop`, which is passed over, or the end of the text.
  bool read_until(char stop, Escapes escapes, std::string& out) {
    if (depth_ >= kMaxDepth) return fail("more than 16 ${…} in each other");
    ++depth_;
    const Escapes outer = std::exchange(escapes_, escapes);
    bool good = true;
    while (good && !at_end() && (stop == kEndOfText || text_[at_] != stop)) {
      good =
          read_one(out) && (out.size() <= std::max(kMaxText, text_.size()) || fail("it becomes longer than 128 KiB"));
    }
    if (good && at_end() && stop != kEndOfText) good = fail(fmt::format("a '{}' is missing", stop));
    ++at_;  // the stop
    escapes_ = outer;
    --depth_;
    return good;
  }

  bool read_one(std::string& out) {
    const char c = text_[at_];
    if (c == '$') return variable(out);
    if (c == '\'' && quotes_ == Quotes::Remove) return single_quoted(out);
    if (c == '"' && quotes_ == Quotes::Remove) return double_quoted(out);
    ++at_;
    if (c != escape_) {
      out += c;
      return true;
    }
    if (escapes_ == Escapes::Keep) out += c;
    if (!at_end()) out += text_[at_++];
    return true;
  }

  bool single_quoted(std::string& out) {
    const std::size_t close = text_.find('\'', at_ + 1);
    if (close == std::string_view::npos) return fail("a single quote is not closed");
    out += text_.substr(at_ + 1, close - at_ - 1);
    at_ = close + 1;
    return true;
  }

  /// In which an escape stands for itself unless something special follows.
  bool double_quoted(std::string& out) {
    for (++at_; !at_end();) {
      const char c = text_[at_];
      if (c == '"') {
        ++at_;
        return true;
      }
      if (c == '$') {
        if (!variable(out)) return false;
        continue;
      }
      ++at_;
      if (c != escape_) {
        out += c;
        continue;
      }
      if (at_end()) break;
      const bool special = text_[at_] == '"' || text_[at_] == '$' || text_[at_] == escape_;
      if (escapes_ == Escapes::Keep || !special) out += c;
      if (special) out += text_[at_++];
    }
    return fail("a double quote is not closed");
  }

  std::string read_name() {
    const std::size_t start = at_;
    if (at_end()) return {};
    if (is_special_parameter(text_[at_])) {
      ++at_;
    } else if (is_digit(text_[at_])) {
      while (!at_end() && is_digit(text_[at_])) ++at_;
    } else {
      while (!at_end() && is_name_character(text_[at_])) ++at_;
    }
    return std::string(text_.substr(start, at_ - start));
  }

  /// At a '$'.
  bool variable(std::string& out) {
    ++at_;
    if (!at_end() && text_[at_] == '{') {
      ++at_;
      return braced(out);
    }
    const std::string name = read_name();
    out += name.empty() ? "$" : lookup_(name).value_or("");
    return true;
  }

  /// Behind a '${'.
  bool braced(std::string& out) {
    const std::string name = read_name();
    if (name.empty()) return fail(kBadSubstitution);
    if (at_end()) return fail("a '}' is missing");
    char modifier = text_[at_++];
    if (modifier == '}') {
      out += lookup_(name).value_or("");
      return true;
    }
    if (modifier == '/') return replacement(name, out);
    const bool empty_counts_as_unset = modifier == ':';
    if (empty_counts_as_unset) {
      if (at_end()) return fail("a '}' is missing");
      modifier = text_[at_++];
    }
    const bool trims = modifier == '#' || modifier == '%';
    if (!trims && modifier != '-' && modifier != '+' && modifier != '?') return fail(kBadSubstitution);
    std::string word;
    if (!read_until('}', trims ? Escapes::Keep : Escapes::Remove, word)) return false;
    const std::optional<std::string> value = lookup_(name);
    if (trims) return trim_value(value.value_or(""), modifier, word, out);
    const bool is_set = value && !(empty_counts_as_unset && value->empty());
    if (modifier == '?' && !is_set) {
      if (word.empty()) word = value ? "must not be empty" : "must be set";
      return fail(fmt::format("{}: {}", name, word));
    }
    if (modifier == '+') {
      out += is_set ? word : "";
    } else {
      out += is_set ? *value : word;
    }
    return true;
  }

  /// `#` takes the shortest beginning away that the pattern matches, `%` the shortest end; twice means the longest.
  bool trim_value(std::string value, char side, std::string_view pattern, std::string& out) {
    const bool twice = pattern.starts_with(side);
    if (twice) pattern.remove_prefix(1);
    const std::string regex = regex_of(pattern, twice ? Stars::Longest : Stars::Shortest);
    if (regex.empty() && !pattern.empty()) return fail("an escape that patterns do not have");
    const std::string anchored =
        side == '#' ? fmt::format("^({})", regex) : fmt::format("^(?s:{})({})$", twice ? ".*?" : ".*", regex);
    if (const auto found = find_group(anchored, value, 0)) value.erase(found->begin, found->end - found->begin);
    out += value;
    return true;
  }

  /// Behind `${name/`.
  bool replacement(const std::string& name, std::string& out) {
    const bool all = !at_end() && text_[at_] == '/';
    if (all) ++at_;
    std::string pattern;
    std::string other;
    if (!read_until('/', Escapes::Keep, pattern) || !read_until('}', Escapes::Remove, other)) return false;
    const std::string regex = regex_of(pattern, Stars::Longest);
    if (regex.empty() && !pattern.empty()) return fail("an escape that patterns do not have");
    const std::string value = lookup_(name).value_or("");
    out += regex.empty() ? value : replaced(value, fmt::format("({})", regex), other, all);
    return true;
  }

  const std::string_view text_;
  const char escape_;
  const Quotes quotes_;
  const Lookup& lookup_;
  Escapes escapes_ = Escapes::Remove;
  int depth_ = 0;  ///< of ${…} in ${…}
  std::size_t at_ = 0;
  std::string fault_;
};

}  // namespace

std::vector<Word> split_at_blanks(std::string_view text) {
  std::vector<Word> words;
  for (std::size_t i = 0; i < text.size();) {
    if (is_blank(text[i])) {
      ++i;
      continue;
    }
    std::size_t end = i;
    while (end < text.size() && !is_blank(text[end])) ++end;
    words.push_back({std::string(text.substr(i, end - i)), i});
    i = end;
  }
  return words;
}

std::vector<Word> split_words(std::string_view text, char escape) {
  std::vector<Word> words;
  char quote = 0;
  bool in_word = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quote == 0 && is_blank(c)) {
      in_word = false;
      continue;
    }
    if (!in_word) words.push_back({"", i});
    in_word = true;
    words.back().text += c;
    if (c == escape && quote != '\'' && i + 1 < text.size()) {
      words.back().text += text[++i];
    } else if (quote == 0 && (c == '\'' || c == '"')) {
      quote = c;
    } else if (c == quote) {
      quote = 0;
    }
  }
  return words;
}

Expanded expand(std::string_view text, char escape, const Lookup& lookup) {
  return Expansion(text, escape, Quotes::Remove, lookup).run();
}

Expanded expand_heredoc(std::string_view text, const Lookup& lookup) {
  return Expansion(text, '\\', Quotes::Keep, lookup).run();
}

}  // namespace blueprint::recipe::dockerfile
