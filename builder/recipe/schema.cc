// The table of the language as a JSON Schema (2020-12). It says what a single value or a single map may be; what spans
// several (duplicate names, undeclared secrets, users that conflict) only the parser knows.

#include <set>

#include <fmt/format.h>

#include "base/json.h"
#include "builder/recipe/language.h"
#include "builder/recipe/recipe.h"

namespace blueprint::recipe {
namespace {

class SchemaWriter {
 public:
  Json whole() {
    Json schema;
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema";
    schema["title"] = "blueprint recipe";
    schema["description"] = "A recipe or a fragment of blueprint, apiVersion blueprint/v1.";
    schema["if"] = {{"properties", {{"kind", {{"const", "fragment"}}}}}, {"required", {"kind"}}};
    schema["then"] = reference(fragment_object());
    schema["else"] = reference(recipe_object());
    // The two references above have filled the definitions.
    schema["$defs"] = std::move(definitions_);
    return schema;
  }

 private:
  Json reference(const Object& object) {
    const std::string name(object.name);
    if (defined_.insert(name).second) {
      definitions_[name] = Json::object();  // in the order in which they are met
      definitions_[name] = map(object);
    }
    return {{"$ref", "#/$defs/" + name}};
  }

  Json map(const Object& object) {
    Json schema = {{"type", "object"}, {"description", std::string(object.doc)}, {"additionalProperties", false}};
    Json required = Json::array();
    Json dependent = Json::object();
    for (const Key& key : object.keys) {
      Json property = {{"description", std::string(key.doc)}};
      // The header decides how everything else is read, and params are declared before they are used.
      const bool fixed = key.name == "apiVersion" || key.name == "kind" || object.name == "param";
      property.update(fixed ? type(*key.type) : value(*key.type));
      if (!key.fallback.empty()) property["default"] = parse_json(key.fallback, "a default of the recipe language");
      schema["properties"][std::string(key.name)] = std::move(property);
      if (key.need == Need::Required) required.push_back(std::string(key.name));
      if (!key.only_with.empty()) dependent[std::string(key.name)] = {std::string(key.only_with)};
    }
    if (!required.empty()) schema["required"] = std::move(required);
    if (!dependent.empty()) schema["dependentRequired"] = std::move(dependent);
    for (const std::string_view name : object.exactly_one_of)
      schema["oneOf"].push_back({{"required", {std::string(name)}}});
    return schema;
  }

  /// A value, or a text with a param in it wherever a plain text would not do.
  Json value(const Type& expected) {
    Json schema = type(expected);
    const bool any_text = expected.form == Form::Scalar ||
                          (expected.form == Form::Text && expected.pattern.empty() && expected.values.empty());
    const bool scalar = expected.form < Form::List;
    if (any_text || !scalar) return schema;
    definitions_["with_param"] = {
        {"type", "string"}, {"pattern", "\\$\\{params\\.[a-z]"}, {"description", "A text with a param in it."}};
    return {{"anyOf", {std::move(schema), {{"$ref", "#/$defs/with_param"}}}}};
  }

  Json type(const Type& type) {
    switch (type.form) {
      case Form::Text: return text(type);
      case Form::Scalar: return {{"type", {"string", "integer", "boolean"}}};
      case Form::Integer: return {{"type", "integer"}, {"minimum", type.min}, {"maximum", type.max}};
      case Form::Boolean: return {{"type", "boolean"}};
      case Form::Size: return {{"type", "string"}, {"pattern", "^[0-9]+([KkMGT](iB|B)?|B)$"}};
      case Form::Mode: return {{"type", "string"}, {"pattern", std::string(type.pattern)}};
      case Form::Regex: return {{"type", "string"}, {"format", "regex"}, {"maxLength", 1000}};
      case Form::List: return list(type);
      case Form::Object: return reference(*type.object);
      case Form::Dictionary: return dictionary(type);
    }
    return {};
  }

  static Json text(const Type& type) {
    Json schema = {{"type", "string"}};
    if (type.values.size() == 1) schema = {{"const", std::string(type.values[0])}};
    if (type.values.size() > 1) schema = {{"enum", std::vector<std::string>(type.values.begin(), type.values.end())}};
    if (!type.pattern.empty()) schema["pattern"] = std::string(type.pattern);
    return schema;
  }

  Json list(const Type& list) {
    Json schema = {{"type", "array"}, {"items", value(*list.item)}};
    if (list.unique) schema["uniqueItems"] = true;
    return schema;
  }

  Json dictionary(const Type& dictionary) {
    return {{"type", "object"},
            {"propertyNames", text(*dictionary.key)},
            {"additionalProperties", value(*dictionary.item)}};
  }

  Json definitions_ = Json::object();
  std::set<std::string> defined_;
};

}  // namespace

std::string recipe_schema() { return SchemaWriter().whole().dump(2) + "\n"; }

}  // namespace blueprint::recipe
