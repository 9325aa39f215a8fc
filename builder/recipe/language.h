#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace blueprint::recipe {

// The recipe language as one table. The checker (check.h), the JSON Schema (schema.cc) and the hints of errors all read
// it; docs/recipe-format.md is held to it by a test. A new key is added here, then read in bind.cc and written in
// format.cc.

struct Object;

enum class Form {
  Text,        ///< must be quoted when YAML would take it for a number, a boolean or null
  Scalar,      ///< a text, an integer or a boolean
  Integer,     ///< decimal, between min and max
  Boolean,     ///< true or false
  Size,        ///< "4GiB", in bytes between min and max
  Mode,        ///< a quoted octal number: "0644"
  Regex,       ///< a text that is a regular expression in RE2's syntax
  List,        ///< of `item`
  Object,      ///< with the keys of `object`
  Dictionary,  ///< with free keys of type `key`, each an `item`
};

struct Type {
  Form form = Form::Text;
  std::string_view expects;                       ///< in messages: "a list of packages"
  std::string_view pattern = {};                  ///< of a text: ECMAScript, found anywhere, so anchored
  std::span<const std::string_view> values = {};  ///< of a text: the only ones there are
  std::int64_t min = 0;
  std::int64_t max = 0;
  const Type* item = nullptr;
  const Type* key = nullptr;
  const Object* object = nullptr;
  bool unique = false;              ///< of a list: no item twice
  std::string_view unique_by = {};  ///< of a list of objects: no two with the same text for this key
  std::string_view item_word = {};  ///< of a list: what an item is called, such as "layer"
  bool boundary = false;            ///< of a list: faults inside an item say which item it was
};

enum class Need { Optional, Required };

struct Key {
  std::string_view name;
  const Type* type;
  std::string_view doc;  ///< one sentence
  Need need = Need::Optional;
  std::string_view fallback = {};   ///< value when absent, as JSON; empty = no default
  std::string_view only_with = {};  ///< allowed only beside this other key
};

struct Object {
  std::string_view name;  ///< of its definition in the schema
  std::string_view doc;
  std::span<const Key> keys;
  std::span<const std::string_view> exactly_one_of = {};
};

[[nodiscard]] const Object& recipe_object();
[[nodiscard]] const Object& fragment_object();
/// Keys of `layer` that say what a layer does; exactly one stands in each layer.
[[nodiscard]] std::span<const std::string_view> layer_kinds();

inline constexpr std::string_view kApiVersion = "blueprint/v1";

}  // namespace blueprint::recipe
