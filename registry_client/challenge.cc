// The grammar is ambiguous without looking ahead: a ',' separates both challenges and their parameters, so a word is a
// parameter when a '=' follows, and the scheme of another challenge otherwise.
//
//     header    = challenge *( "," challenge )
//     challenge = scheme [ 1*SP ( token68 | param *( "," param ) ) ]
//     param     = token "=" ( token | quoted )

#include "registry_client/challenge.h"

#include <algorithm>
#include <cctype>

namespace blueprint::registry_client {
namespace {

bool is_token_char(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

bool is_token68_char(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
         std::string_view("-._~+/").find(c) != std::string_view::npos;
}

std::string lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return result;
}

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  std::vector<Challenge> parse() {
    std::vector<Challenge> challenges;
    while (true) {
      skip(" \t,");
      const std::string_view word = take_while(is_token_char);
      if (word.empty()) return challenges;
      skip(" \t");
      if (!text_.starts_with('=')) {
        challenges.push_back({.scheme = lower(word), .parameters = {}});
        skip_token68();
        continue;
      }
      text_.remove_prefix(1);
      skip(" \t");
      std::string value;
      if (challenges.empty() || !take_value(value)) return challenges;
      challenges.back().parameters.emplace(lower(word), std::move(value));
    }
  }

 private:
  void skip(std::string_view what) { text_.remove_prefix(std::min(text_.find_first_not_of(what), text_.size())); }

  template <typename Predicate>
  std::string_view take_while(Predicate predicate) {
    const auto end = std::find_if_not(text_.begin(), text_.end(), predicate);
    const std::string_view taken = text_.substr(0, static_cast<std::size_t>(end - text_.begin()));
    text_.remove_prefix(taken.size());
    return taken;
  }

  /// Leaves out the token68 of schemes such as Negotiate, when there is one.
  void skip_token68() {
    const std::string_view before = text_;
    take_while(is_token68_char);
    skip("=");
    skip(" \t");
    if (!text_.empty() && text_.front() != ',') text_ = before;
  }

  bool take_value(std::string& value) {
    if (!text_.starts_with('"')) {
      value = take_while(is_token_char);
      return !value.empty();
    }
    for (std::size_t i = 1; i < text_.size(); ++i) {
      if (text_[i] == '"') {
        text_.remove_prefix(i + 1);
        return true;
      }
      if (text_[i] == '\\' && i + 1 < text_.size()) ++i;
      value += text_[i];
    }
    return false;
  }

  std::string_view text_;
};

}  // namespace

std::string Challenge::parameter(const std::string& name) const {
  const auto found = parameters.find(name);
  return found == parameters.end() ? std::string() : found->second;
}

std::vector<Challenge> parse_challenges(std::string_view header) { return Parser(header).parse(); }

}  // namespace blueprint::registry_client
