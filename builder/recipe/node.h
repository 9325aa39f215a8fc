#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "builder/recipe/source.h"

namespace blueprint::recipe {

struct Member;

/// A value of a YAML document with its place. Aliases are already replaced by what they name.
struct Node {
  enum class Kind { Null, Scalar, List, Map };
  /// Plain scalars may be numbers or booleans and must then not stand for a text; quoted and block ones are always
  /// text; a typed one is the whole value of a param, which may be either.
  enum class Style { Plain, Quoted, Typed };

  Kind kind = Kind::Null;
  Style style = Style::Plain;
  std::string text;             ///< of a scalar
  std::vector<Node> items;      ///< of a list
  std::vector<Member> members;  ///< of a map, in the order of the file; keys may occur twice
  Place place;
  bool pending = false;  ///< a scalar with a `${params.x}` whose value is not known: any check of its text must wait

  /// The first member called `key`, or null when there is none or this is no map.
  [[nodiscard]] const Node* find(std::string_view key) const;
};

struct Member {
  Node key;
  Node value;
};

inline const Node* Node::find(std::string_view key) const {
  for (const Member& member : members) {
    if (member.key.kind == Kind::Scalar && member.key.text == key) return &member.value;
  }
  return nullptr;
}

/// What a plain scalar is to YAML readers: 1.2's core schema, and 1.1's booleans because most readers still follow 1.1.
enum class Meaning { Text, Null, Boolean, Integer, Float };
[[nodiscard]] Meaning meaning_of_plain(std::string_view text);

}  // namespace blueprint::recipe
