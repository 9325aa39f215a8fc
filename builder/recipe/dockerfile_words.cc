#include "builder/recipe/dockerfile_words.h"

#include <algorithm>
#include <utility>

namespace blueprint::recipe::dockerfile {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n'; }
bool starts_name(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_name_character(char c) { return starts_name(c) || (c >= '0' && c <= '9'); }

constexpr int kMaxDepth = 16;

enum class Quotes { Remove, Keep };

class Expansion {
 public:
  Expansion(std::string_view text, char escape, Quotes quotes, const Lookup& lookup, int depth = 0)
      : text_(text), escape_(escape), quotes_(quotes), lookup_(lookup), depth_(depth) {}

  std::optional<std::string> run() {
    std::string out;
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (quotes_ == Quotes::Remove && c == '\'' && !in_double_) {
        const std::size_t end = std::min(text_.find('\'', at_ + 1), text_.size());
        out += text_.substr(at_ + 1, end - at_ - 1);
        at_ = end + 1;
      } else if (quotes_ == Quotes::Remove && c == '"') {
        in_double_ = !in_double_;
        ++at_;
      } else if (c == escape_ && at_ + 1 < text_.size()) {
        unescape(out);
      } else if (c == '$') {
        ++at_;
        if (!variable(out)) return std::nullopt;
      } else {
        out += c;
        ++at_;
      }
    }
    return out;
  }

 private:
  /// Inside double quotes and heredocs an escape stands for itself unless something special follows.
  void unescape(std::string& out) {
    const char next = text_[at_ + 1];
    const bool special = next == '$' || next == escape_ || (next == '"' && quotes_ == Quotes::Remove);
    const bool keeps_escape = (in_double_ || quotes_ == Quotes::Keep) && !special;
    if (keeps_escape) out += escape_;
    out += next;
    at_ += 2;
  }

  /// Behind a '$'.
  bool variable(std::string& out) {
    if (at_ < text_.size() && text_[at_] == '{') return braced(out);
    std::size_t end = at_;
    while (end < text_.size() && (end == at_ ? starts_name(text_[end]) : is_name_character(text_[end]))) ++end;
    if (end == at_) {
      out += '$';
      return true;
    }
    out += lookup_(std::string(text_.substr(at_, end - at_))).value_or("");
    at_ = end;
    return true;
  }

  bool braced(std::string& out) {
    const std::size_t close = matching_brace(at_);
    if (close == std::string_view::npos || depth_ >= kMaxDepth) return false;
    const std::string_view inside = text_.substr(at_ + 1, close - at_ - 1);
    at_ = close + 1;
    const auto name_end = std::find_if_not(inside.begin(), inside.end(), is_name_character) - inside.begin();
    const std::string name(inside.substr(0, static_cast<std::size_t>(name_end)));
    std::string_view rest = inside.substr(static_cast<std::size_t>(name_end));
    if (name.empty() || !starts_name(name[0])) return false;
    const bool empty_counts_as_unset = rest.starts_with(':');
    if (empty_counts_as_unset) rest.remove_prefix(1);
    const std::optional<std::string> value = lookup_(name);
    const bool is_set = value && !(empty_counts_as_unset && value->empty());
    if (rest.empty()) {
      out += value.value_or("");
      return !empty_counts_as_unset;
    }
    if (rest[0] != '-' && rest[0] != '+') return false;
    const auto word = Expansion(rest.substr(1), escape_, quotes_, lookup_, depth_ + 1).run();
    if (!word) return false;
    if (rest[0] == '-') out += is_set ? *value : *word;
    if (rest[0] == '+') out += is_set ? *word : "";
    return true;
  }

  [[nodiscard]] std::size_t matching_brace(std::size_t open) const {
    int depth = 0;
    for (std::size_t i = open; i < text_.size(); ++i) {
      if (text_[i] == escape_) {
        ++i;
      } else if (text_[i] == '{') {
        ++depth;
      } else if (text_[i] == '}' && --depth == 0) {
        return i;
      }
    }
    return std::string_view::npos;
  }

  const std::string_view text_;
  const char escape_;
  const Quotes quotes_;
  const Lookup& lookup_;
  const int depth_;  ///< of ${…} in ${…}
  std::size_t at_ = 0;
  bool in_double_ = false;
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

std::optional<std::string> expand(std::string_view text, char escape, const Lookup& lookup) {
  return Expansion(text, escape, Quotes::Remove, lookup).run();
}

std::optional<std::string> expand_heredoc(std::string_view text, char escape, const Lookup& lookup) {
  return Expansion(text, escape, Quotes::Keep, lookup).run();
}

}  // namespace blueprint::recipe::dockerfile
