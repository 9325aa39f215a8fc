// Params are typed values and one substitution; there is no templating language. Only the characters `${params.` mean
// anything, so that shell scripts keep their `$HOME`, `${HOME}` and `$$`. A value that is nothing but `${params.x}`
// takes the param's type: `cpu: ${params.cpus}` is a number when the param is an int.

#include "builder/recipe/params.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"
#include "builder/recipe/check.h"
#include "builder/recipe/errors.h"
#include "builder/recipe/pattern.h"
#include "builder/recipe/reader.h"

namespace blueprint::recipe {
namespace {

constexpr std::string_view kOpening = "${params.";
constexpr std::string_view kEscapedOpening = "$${params.";

std::string_view type_name(Param::Kind kind) {
  switch (kind) {
    case Param::Kind::String: return "a string";
    case Param::Kind::Int: return "an int";
    case Param::Kind::Bool: return "a bool";
  }
  return "";
}

bool has_type(Param::Kind kind, const Node& value) {
  if (value.kind != Node::Kind::Scalar) return false;
  switch (kind) {
    case Param::Kind::String: return value.style != Node::Style::Plain || meaning_of_plain(value.text) == Meaning::Text;
    case Param::Kind::Int: return value.style != Node::Style::Quoted && parse_integer(value.text).has_value();
    case Param::Kind::Bool:
      return value.style != Node::Style::Quoted && (value.text == "true" || value.text == "false");
  }
  return false;
}

std::optional<std::string> outside_range(const Param& param, const Node& value) {
  if (param.kind != Param::Kind::Int) return std::nullopt;
  const std::int64_t number = parse_integer(value.text).value_or(0);
  if (param.min && number < *param.min) return fmt::format("must be at least {}", *param.min);
  if (param.max && number > *param.max) return fmt::format("must be at most {}", *param.max);
  return std::nullopt;
}

Param declare(const std::string& name, const Node& declaration, const SourceSpan& where, const Source& source) {
  Origins unused;
  const Reader reader(declaration, source, unused);
  Param param{.name = name,
              .pattern = reader.text("pattern"),
              .min = reader.integer("min"),
              .max = reader.integer("max"),
              .where = where};
  const std::string type = reader.text("type", "string");
  param.kind = type == "int" ? Param::Kind::Int : type == "bool" ? Param::Kind::Bool : Param::Kind::String;
  if (const Node* fallback = declaration.find("default"); fallback != nullptr && fallback->kind == Node::Kind::Scalar)
    param.fallback = *fallback;
  if (const Node* values = declaration.find("enum"); values != nullptr) param.values = values->items;
  return param;
}

/// Walks one tree; `scalar` does the work.
class Substitution {
 public:
  Substitution(const Values& values, const Source& source, Faults& faults)
      : values_(values), source_(source), faults_(faults) {
    for (const auto& [name, value] : values) names_.push_back(name);
  }

  void tree(Node& node) {
    if (node.kind == Node::Kind::Scalar) scalar(node);
    for (Node& item : node.items) tree(item);
    for (Member& member : node.members) tree(member.value);
  }

 private:
  void scalar(Node& node) {
    if (node.text.find(kOpening) == std::string::npos) return;
    const std::string text = std::move(node.text);
    node.text.clear();
    std::size_t searched = 0;  // bytes of the source behind the node's place
    for (std::size_t i = 0; i < text.size();) {
      const std::string_view rest = std::string_view(text).substr(i);
      if (rest.starts_with(kEscapedOpening)) {
        node.text += kOpening;
        i += kEscapedOpening.size();
      } else if (rest.starts_with(kOpening)) {
        const std::size_t end = std::min(rest.find_first_of("}\n"), rest.size());
        const bool closed = end < rest.size() && rest[end] == '}';
        const std::string_view whole = rest.substr(0, closed ? end + 1 : std::min(end, kOpening.size()));
        const std::string_view name = closed ? rest.substr(kOpening.size(), end - kOpening.size()) : std::string_view();
        insert(node, name, whole, whole.size() == text.size(), searched);
        i += whole.size();
      } else {
        node.text += text[i++];
      }
    }
  }

  void insert(Node& node, std::string_view name, std::string_view whole, bool is_all, std::size_t& searched) {
    const SourceSpan where = find_in_source(node, whole, searched);
    const bool is_name =
        !name.empty() && name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string_view::npos;
    if (!is_name) {
      faults_.add(bad_substitution(where, whole));
      node.pending = true;
      return;
    }
    const auto found = values_.find(std::string(name));
    if (found == values_.end()) faults_.add(unknown_param(where, name, names_));
    if (found == values_.end() || !found->second) {
      node.pending = true;
      node.text += whole;
      return;
    }
    node.text += found->second->text;
    if (is_all) node.style = found->second->style == Node::Style::Plain ? Node::Style::Typed : found->second->style;
  }

  /// Where `whole` stands in the file: an escape or an alias may hide it, then the scalar itself is the place.
  SourceSpan find_in_source(const Node& node, std::string_view whole, std::size_t& searched) const {
    const std::string_view rest = source_.from(node.place);
    const std::size_t at = rest.find(whole, searched);
    if (at == std::string_view::npos) return source_.span(node.place);
    searched = at + whole.size();
    const std::string_view before = rest.substr(0, at);
    Place place = node.place;
    const std::size_t last_end = before.rfind('\n');
    place.line += static_cast<int>(std::count(before.begin(), before.end(), '\n'));
    place.column = static_cast<int>(last_end == std::string_view::npos ? static_cast<std::size_t>(place.column) + at
                                                                       : at - last_end);
    place.length = static_cast<int>(whole.size());
    return source_.span(place);
  }

  const Values& values_;
  const Source& source_;
  Faults& faults_;
  std::vector<std::string> names_;
};

}  // namespace

std::vector<Param> declare_params(const Node& root, const Source& source, Faults& faults) {
  std::vector<Param> params;
  const Node* declarations = root.find("params");
  if (declarations == nullptr) return params;
  for (const Member& member : declarations->members) {
    if (member.value.kind != Node::Kind::Map) continue;
    params.push_back(declare(member.key.text, member.value, source.span(member.key.place), source));
    Param choices = params.back();  // what an enumerated value must fit: all but the enumeration itself
    choices.values.clear();
    for (const Node& value : params.back().values) {
      if (const auto reason = misfit(choices, value))
        faults.add(bad_param_value(source.span(value.place), choices.name, *reason, {}));
    }
    if (!params.back().fallback) continue;
    const Node& fallback = *params.back().fallback;
    if (const auto reason = misfit(params.back(), fallback))
      faults.add(bad_param_value(source.span(fallback.place), choices.name, *reason, {}));
  }
  return params;
}

std::optional<std::string> misfit(const Param& param, const Node& value) {
  if (value.pending) return std::nullopt;
  if (!has_type(param.kind, value)) {
    const bool number = param.kind == Param::Kind::String && value.kind == Node::Kind::Scalar;
    return fmt::format("must be {}, not {}{}", type_name(param.kind), describe(value),
                       number ? fmt::format("; quote it: \"{}\"", value.text) : "");
  }
  if (!param.values.empty()) {
    std::vector<std::string> known;
    for (const Node& choice : param.values) {
      if (choice.text == value.text) return std::nullopt;
      known.push_back(fmt::format("'{}'", printable(choice.text)));
    }
    return fmt::format("cannot be '{}': it is one of {}", printable(value.text), join(known, ", "));
  }
  if (auto reason = outside_range(param, value)) return reason;
  // A malformed pattern is a fault of its own.
  if (param.kind == Param::Kind::String && why_malformed(param.pattern).empty() && !param.pattern.empty() &&
      !matches_whole(param.pattern, value.text)) {
    return fmt::format("cannot be '{}': it must match {}", printable(value.text), printable(param.pattern));
  }
  return std::nullopt;
}

Node value_from_text(const Param& param, const std::string& text) {
  return {.kind = Node::Kind::Scalar,
          .style = param.kind == Param::Kind::String ? Node::Style::Quoted : Node::Style::Plain,
          .text = text};
}

void substitute(Node& tree, const Values& values, const Source& source, Faults& faults) {
  Substitution(values, source, faults).tree(tree);
}

std::string escape_params(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text.substr(i).starts_with(kOpening)) out += '$';
    out += text[i];
  }
  return out;
}

}  // namespace blueprint::recipe
