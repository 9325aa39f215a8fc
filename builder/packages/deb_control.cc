#include "builder/packages/deb_control.h"

#include <algorithm>
#include <cctype>

#include "base/text.h"
#include "builder/packages/lock_version_order.h"

namespace blueprint::packages {
namespace {

bool same_field(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    return std::tolower(static_cast<unsigned char>(x)) == std::tolower(static_cast<unsigned char>(y));
  });
}

Relation parse_relation(std::string_view word) {
  Relation relation;
  std::size_t end = word.find_first_of(" \t\n([<:");
  if (end == std::string_view::npos) end = word.size();
  relation.name = word.substr(0, end);
  const std::size_t open = word.find('(');
  const std::size_t close = word.find(')');
  if (open != std::string_view::npos && close != std::string_view::npos && open < close) {
    const std::string_view inside = trim(word.substr(open + 1, close - open - 1));
    const std::size_t version = inside.find_first_not_of("<>=");
    if (version != std::string_view::npos) {
      relation.op = inside.substr(0, version);
      relation.version = trim(inside.substr(version));
    }
  }
  return relation;
}

}  // namespace

ControlStanza ControlStanza::parse(std::string_view text) {
  ControlStanza stanza;
  for (const auto& line : split(text, '\n')) {
    if (line.empty()) continue;
    if (line[0] == ' ' || line[0] == '\t') {
      if (!stanza.fields_.empty()) stanza.fields_.back().second += "\n" + line;
      continue;
    }
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    // Blanks at the end stay, as dpkg keeps them.
    const std::size_t value = line.find_first_not_of(" \t", colon + 1);
    stanza.fields_.emplace_back(line.substr(0, colon), value == std::string::npos ? "" : line.substr(value));
  }
  return stanza;
}

std::string_view ControlStanza::get(std::string_view field) const {
  for (const auto& [name, value] : fields_) {
    if (same_field(name, field)) return trim(value);
  }
  return {};
}

void ControlStanza::set(std::string_view field, std::string value) {
  for (auto& [name, old] : fields_) {
    if (!same_field(name, field)) continue;
    old = std::move(value);
    return;
  }
  fields_.emplace_back(field, std::move(value));
}

void ControlStanza::remove(std::string_view field) {
  std::erase_if(fields_, [&](const auto& pair) { return same_field(pair.first, field); });
}

std::string ControlStanza::format() const {
  std::string text;
  for (const auto& [name, value] : fields_) {
    text += name + ":";
    if (!value.empty() && value[0] != '\n') text += ' ';
    text += value + "\n";
  }
  return text;
}

std::vector<ControlStanza> parse_control_stanzas(std::string_view text) {
  std::vector<ControlStanza> stanzas;
  while (!text.empty()) {
    const std::size_t end = text.find("\n\n");
    ControlStanza stanza = ControlStanza::parse(text.substr(0, end));
    if (!stanza.fields().empty()) stanzas.push_back(std::move(stanza));
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 2);
  }
  return stanzas;
}

std::vector<std::vector<Relation>> parse_relations(std::string_view field) {
  std::vector<std::vector<Relation>> relations;
  for (const auto& group : split(field, ',')) {
    std::vector<Relation> alternatives;
    for (const auto& word : split(group, '|')) {
      Relation relation = parse_relation(trim(word));
      if (!relation.name.empty()) alternatives.push_back(std::move(relation));
    }
    if (!alternatives.empty()) relations.push_back(std::move(alternatives));
  }
  return relations;
}

bool satisfies(std::string_view version, const Relation& relation) {
  if (relation.op.empty()) return true;
  const int order = compare_versions(version, relation.version);
  if (relation.op == "<<") return order < 0;
  if (relation.op == "<=" || relation.op == "<") return order <= 0;
  if (relation.op == "=") return order == 0;
  if (relation.op == ">=" || relation.op == ">") return order >= 0;
  if (relation.op == ">>") return order > 0;
  return false;
}

}  // namespace blueprint::packages
