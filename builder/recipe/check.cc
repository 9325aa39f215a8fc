// One walk over tree and table at once. It never stops at a fault: each value is judged by itself, so that one run
// shows everything that is wrong. Whether a text has its right form is decided by the table's regular expressions,
// which the JSON Schema publishes too; they are compiled once, and only short texts are given to them because
// std::regex recurses.

#include "builder/recipe/check.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <regex>
#include <set>

#include <fmt/format.h>

#include "base/text.h"
#include "builder/recipe/errors.h"
#include "builder/recipe/hints.h"
#include "builder/recipe/pattern.h"

namespace blueprint::recipe {
namespace {

constexpr std::size_t kMaxPatternedBytes = 2048;
constexpr std::size_t kMaxRegexBytes = 1000;

/// Every pattern of the language, compiled.
class Patterns {
 public:
  Patterns() {
    collect(recipe_object());
    collect(fragment_object());
  }
  [[nodiscard]] bool matches(std::string_view pattern, const std::string& text) const {
    return text.size() <= kMaxPatternedBytes && std::regex_search(text, compiled_.at(pattern));
  }

 private:
  void collect(const Object& object) {
    for (const Key& key : object.keys) collect(key.type);
  }
  void collect(const Type* type) {
    if (type == nullptr) return;
    if (!type->pattern.empty() && !compiled_.contains(type->pattern)) {
      compiled_.emplace(type->pattern,
                        std::regex(std::string(type->pattern), std::regex::ECMAScript | std::regex::optimize));
    }
    collect(type->item);
    collect(type->key);
    if (type->object != nullptr) collect(*type->object);
  }
  std::map<std::string_view, std::regex> compiled_;
};

const Patterns& patterns() {
  static const Patterns kPatterns;
  return kPatterns;
}

std::vector<std::string> strings(std::span<const std::string_view> views) { return {views.begin(), views.end()}; }

const Key* find_key(const Object& object, std::string_view name) {
  const auto found =
      std::find_if(object.keys.begin(), object.keys.end(), [&](const Key& key) { return key.name == name; });
  return found == object.keys.end() ? nullptr : &*found;
}

/// "content: what the file holds"
std::string explain(const Key& key) {
  std::string doc(key.doc.substr(0, key.doc.find_last_not_of('.') + 1));
  const bool is_word = doc.size() > 1 && doc[1] >= 'a' && doc[1] <= 'z';
  if (is_word && doc[0] >= 'A' && doc[0] <= 'Z') doc[0] = static_cast<char>(doc[0] - 'A' + 'a');
  return fmt::format("{}: {}", key.name, doc);
}

class Checker {
 public:
  Checker(const Source& source, Faults& faults) : source_(source), faults_(faults) {}

  void value(const Node& node, const Type& type, std::string_view subject) {
    switch (type.form) {
      case Form::List: return list(node, type, subject);
      case Form::Object: return map(node, type, subject);
      case Form::Dictionary: return dictionary(node, type, subject);
      default: return scalar(node, type, subject);
    }
  }

  void keys(const Node& node, const Object& object) {
    duplicate_keys(node);
    for (const Member& member : node.members) {
      const Key* key = find_key(object, member.key.text);
      if (key == nullptr) {
        unknown(member.key, node, object);
        continue;
      }
      if (!key->only_with.empty() && node.find(key->only_with) == nullptr) {
        faults_.add(misplaced_key(at(member.key), key->name, key->only_with));
      }
      value(member.value, *key->type, fmt::format("'{}'", key->name));
    }
    for (const Key& key : object.keys) {
      if (key.need == Need::Required && node.find(key.name) == nullptr) {
        faults_.add(missing_key(at(node), key.name,
                                key.name == "apiVersion" ? "start with 'apiVersion: blueprint/v1'" : explain(key)));
      }
    }
    exactly_one(node, object);
  }

 private:
  SourceSpan at(const Node& node) const { return source_.span(node.place); }

  /// Suggests only keys that could stand here, and notices one that slipped out of the map above it.
  void unknown(const Node& key, const Node& node, const Object& object) {
    std::vector<std::string> known;
    for (const Key& other : object.keys) {
      if (other.only_with.empty() || node.find(other.only_with) != nullptr) known.emplace_back(other.name);
    }
    Diagnostic fault = unknown_key(at(key), key.text, known);
    for (const Key& other : object.keys) {
      const Object* inner = other.type->object != nullptr ? other.type->object
                            : other.type->item != nullptr ? other.type->item->object
                                                          : nullptr;
      if (inner == nullptr || node.find(other.name) == nullptr || find_key(*inner, key.text) == nullptr) continue;
      fault.hints = {fmt::format("it belongs into '{}': check the indentation", other.name)};
    }
    faults_.add(std::move(fault));
  }

  void wrong(const Node& node, const Type& type, std::string_view subject, std::string_view hint = {}) {
    if (node.kind == Node::Kind::Null && hint.empty()) hint = "give a value, or leave the key out";
    const std::string_view expected = type.form == Form::Text      ? "a text"
                                      : type.form == Form::Integer ? "a whole number"
                                                                   : type.expects;
    faults_.add(wrong_type(at(node), subject, expected, describe(node), hint));
  }

  void duplicate_keys(const Node& node) {
    std::map<std::string_view, const Node*> seen;
    for (const Member& member : node.members) {
      const auto [first, is_new] = seen.emplace(member.key.text, &member.key);
      if (!is_new) faults_.add(duplicate_key(at(member.key), member.key.text, at(*first->second)));
    }
  }

  void exactly_one(const Node& node, const Object& object) {
    if (object.exactly_one_of.empty()) return;
    std::vector<std::string> found;
    const Node* second = &node;
    for (const Member& member : node.members) {
      const auto& names = object.exactly_one_of;
      if (std::find(names.begin(), names.end(), member.key.text) == names.end()) continue;
      if (std::find(found.begin(), found.end(), member.key.text) != found.end()) continue;
      found.push_back(member.key.text);
      if (found.size() == 2) second = &member.key;
    }
    if (found.size() == 1) return;
    const bool is_layer = object.exactly_one_of.data() == layer_kinds().data();
    if (!is_layer) {
      const std::string owner = object.name == "recipe" ? "a recipe" : fmt::format("a {}", object.name);
      faults_.add(not_exactly_one(at(*second), owner, strings(object.exactly_one_of), found));
    } else if (!found.empty()) {
      faults_.add(layer_of_two_kinds(at(*second), found));
    } else if (!has_misspelt_kind(node, object)) {
      faults_.add(layer_without_kind(at(node), "give it one of " + join(strings(layer_kinds()), ", ")));
    }
  }

  /// An unknown key near a kind is already reported as such; "no kind" would be noise.
  static bool has_misspelt_kind(const Node& node, const Object& object) {
    const std::vector<std::string> kinds = strings(object.exactly_one_of);
    return std::any_of(node.members.begin(), node.members.end(), [&](const Member& member) {
      return find_key(object, member.key.text) == nullptr && !near_names(member.key.text, kinds).empty();
    });
  }

  void map(const Node& node, const Type& type, std::string_view subject) {
    if (node.kind != Node::Kind::Map) return wrong(node, type, subject);
    keys(node, *type.object);
  }

  void dictionary(const Node& node, const Type& type, std::string_view subject) {
    if (node.kind != Node::Kind::Map) return wrong(node, type, subject);
    duplicate_keys(node);
    for (const Member& member : node.members) {
      if (!type.key->values.empty()) {
        value(member.key, *type.key, fmt::format("a name in {}", subject));
      } else if (!patterns().matches(type.key->pattern, member.key.text)) {
        faults_.add(
            bad_value(at(member.key), fmt::format("a name in {}", subject), member.key.text, type.key->expects));
      }
      value(member.value, *type.item, fmt::format("'{}'", printable(member.key.text)));
    }
  }

  void list(const Node& node, const Type& type, std::string_view subject) {
    if (node.kind != Node::Kind::List) {
      const bool one = node.kind == Node::Kind::Scalar && type.item->form != Form::Object;
      return wrong(node, type, subject, one ? fmt::format("write [{}]", as_items(node.text)) : "");
    }
    const std::string word =
        type.item_word.empty() ? fmt::format("an item of {}", subject) : fmt::format("a {}", type.item_word);
    for (std::size_t i = 0; i < node.items.size(); ++i) {
      if (type.boundary) {
        const Faults::Context context(faults_, while_reading(node.items[i], type, i));
        value(node.items[i], *type.item, word);
      } else {
        value(node.items[i], *type.item, word);
      }
    }
    duplicate_items(node, type, subject);
  }

  std::string while_reading(const Node& item, const Type& type, std::size_t index) const {
    const Node* name = type.unique_by.empty() ? nullptr : item.find(type.unique_by);
    const bool named = name != nullptr && name->kind == Node::Kind::Scalar;
    return fmt::format("while reading {} {} at {}", type.item_word,
                       named ? fmt::format("'{}'", printable(name->text)) : std::to_string(index + 1),
                       position(at(item)));
  }

  void duplicate_items(const Node& node, const Type& type, std::string_view subject) {
    if (!type.unique && type.unique_by.empty()) return;
    std::map<std::string_view, const Node*> seen;
    for (const Node& item : node.items) {
      const Node* name = type.unique ? &item : item.find(type.unique_by);
      if (name == nullptr || name->kind != Node::Kind::Scalar || name->pending) continue;
      const auto [first, is_new] = seen.emplace(name->text, name);
      if (is_new) continue;
      const std::string word = type.item_word.empty() ? fmt::format("in {},", subject) : std::string(type.item_word);
      faults_.add(duplicate(at(*name), word, name->text, at(*first->second)));
    }
  }

  void scalar(const Node& node, const Type& type, std::string_view subject) {
    if (node.kind != Node::Kind::Scalar) {
      if (node.kind == Node::Kind::Null && type.form == Form::Mode)
        return faults_.add(bad_mode(at(node), "", "write \"0644\""));
      return wrong(node, type, subject);
    }
    if (node.pending) return;
    switch (type.form) {
      case Form::Scalar: return;
      case Form::Text: return text(node, type, subject);
      case Form::Regex: return regex(node, type, subject);
      case Form::Integer: return integer(node, type, subject);
      case Form::Boolean: return boolean(node, type, subject);
      case Form::Size: return size(node, type, subject);
      case Form::Mode: return mode(node, type);
      default: return;
    }
  }

  /// Reports a plain scalar that other YAML readers take for a number, a boolean or null.
  bool is_text(const Node& node, const Type& type, std::string_view subject) {
    if (node.style != Node::Style::Plain || meaning_of_plain(node.text) == Meaning::Text) return true;
    wrong(node, type, subject, fmt::format("quote it: \"{}\"", node.text));
    return false;
  }

  void text(const Node& node, const Type& type, std::string_view subject) {
    if (!is_text(node, type, subject)) return;
    if (!type.values.empty()) {
      if (std::find(type.values.begin(), type.values.end(), node.text) != type.values.end()) return;
      return faults_.add(unknown_value(at(node), subject, node.text, strings(type.values)));
    }
    if (type.pattern.empty() || patterns().matches(type.pattern, node.text)) return;
    faults_.add(bad_value(at(node), subject, node.text, type.expects));
  }

  void regex(const Node& node, const Type& type, std::string_view subject) {
    if (!is_text(node, type, subject)) return;
    if (node.text.size() > kMaxRegexBytes)
      return faults_.add(bad_regex(at(node), fmt::format("longer than {} bytes", kMaxRegexBytes)));
    if (const auto reason = why_malformed(node.text); !reason.empty()) faults_.add(bad_regex(at(node), reason));
  }

  void integer(const Node& node, const Type& type, std::string_view subject) {
    const auto number = parse_integer(node.text);
    if (node.style == Node::Style::Quoted || meaning_of_plain(node.text) != Meaning::Integer) {
      return wrong(node, type, subject, number ? fmt::format("write {} without quotes", node.text) : "");
    }
    const bool has_other_digits = !number && node.text.find_first_not_of("-0123456789") != std::string::npos;
    if (has_other_digits || (!number && (node.text.starts_with("0") || node.text.starts_with("-0")))) {
      return faults_.add(
          bad_value(at(node), subject, node.text, "a whole number in decimal digits, without leading zeros"));
    }
    if (!number || *number < type.min || *number > type.max) {
      faults_.add(out_of_range(at(node), subject, fmt::format("between {} and {}", type.min, type.max)));
    }
  }

  void boolean(const Node& node, const Type& type, std::string_view subject) {
    if (node.style != Node::Style::Quoted && (node.text == "true" || node.text == "false")) return;
    faults_.add(
        wrong_type(at(node), subject, type.expects, fmt::format("'{}'", printable(node.text)), "without quotes"));
  }

  void size(const Node& node, const Type& type, std::string_view subject) {
    const auto bytes = parse_size(node.text);
    const bool has_unit = !node.text.empty() && (node.text.back() < '0' || node.text.back() > '9');
    if (!bytes || !has_unit) {
      const bool number = bytes && !has_unit;
      const std::string meant = size_meant_by(node.text);
      return faults_.add(bad_size(at(node), subject, node.text,
                                  number ? fmt::format("give a unit: {}MiB or {}GiB", node.text, node.text)
                                         : fmt::format("write {}", meant.empty() ? type.expects : meant)));
    }
    if (*bytes < static_cast<std::uint64_t>(type.min) || *bytes > static_cast<std::uint64_t>(type.max)) {
      faults_.add(out_of_range(at(node), subject,
                               fmt::format("between {} and {}", format_size(static_cast<std::uint64_t>(type.min)),
                                           format_size(static_cast<std::uint64_t>(type.max)))));
    }
  }

  void mode(const Node& node, const Type& type) {
    const bool matches = patterns().matches(type.pattern, node.text);
    const bool is_number = !node.text.empty() && node.text[0] >= '0' && node.text[0] <= '9';
    if (matches && (!is_number || node.style == Node::Style::Quoted)) return;
    if (matches) {
      return faults_.add(
          bad_mode(at(node), node.text,
                   fmt::format("quote it, so that nobody reads it as a decimal number: \"{}\"", node.text)));
    }
    faults_.add(bad_mode(at(node), node.text, fmt::format("write {}", type.expects)));
  }

  const Source& source_;
  Faults& faults_;
};

}  // namespace

void check(const Node& root, const Object& object, const Source& source, Faults& faults) {
  Checker(source, faults).keys(root, object);
}

std::string_view describe(const Node& node) {
  switch (node.kind) {
    case Node::Kind::Null: return "empty";
    case Node::Kind::List: return "a list";
    case Node::Kind::Map: return "a map";
    case Node::Kind::Scalar: break;
  }
  if (node.style == Node::Style::Quoted) return "a text";
  switch (meaning_of_plain(node.text)) {
    case Meaning::Integer: return "a number";
    case Meaning::Float: return "a decimal number";
    case Meaning::Boolean: return "a boolean";
    case Meaning::Null: return "null";
    case Meaning::Text: return "a text";
  }
  return "a text";
}

std::optional<std::int64_t> parse_integer(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view digits = text.substr(text.starts_with('-') ? 1 : 0);
  const bool leading_zero = digits.size() > 1 && digits[0] == '0';  // octal to YAML 1.1, decimal to 1.2
  if (fault != std::errc{} || end != text.data() + text.size() || leading_zero) return std::nullopt;
  return number;
}

}  // namespace blueprint::recipe
