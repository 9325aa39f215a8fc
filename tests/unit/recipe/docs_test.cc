// docs/recipe-format.md holds one table of keys for each map of the language, behind a line `<!-- keys of NAME -->`.
// They say what the parser's table says.

#include <set>

#include <fmt/format.h>

#include <catch2/catch.hpp>

#include "builder/recipe/language.h"
#include "tests/unit/recipe/golden.h"

namespace blueprint::recipe {
namespace {

std::string row(const Key& key) {
  const bool required = key.need == Need::Required;
  const std::string fallback = required ? "required" : key.fallback.empty() ? "" : fmt::format("`{}`", key.fallback);
  std::string doc(key.doc);
  if (!key.only_with.empty()) doc += fmt::format(" Only with `{}`.", key.only_with);
  return fmt::format("| `{}` | {} | {} | {} |\n", key.name, key.type->expects, fallback, doc);
}

void collect(const Object& object, std::vector<const Object*>& objects);

void collect(const Type* type, std::vector<const Object*>& objects) {
  if (type == nullptr) return;
  collect(type->item, objects);
  if (type->object != nullptr) collect(*type->object, objects);
}

void collect(const Object& object, std::vector<const Object*>& objects) {
  if (std::find(objects.begin(), objects.end(), &object) != objects.end()) return;
  objects.push_back(&object);
  for (const Key& key : object.keys) collect(key.type, objects);
}

}  // namespace

TEST_CASE("the documentation has the tables of keys that the parser has") {
  std::vector<const Object*> objects;
  collect(recipe_object(), objects);
  collect(fragment_object(), objects);
  REQUIRE(objects.size() > 10);
  const std::filesystem::path file = std::filesystem::path(BLUEPRINT_SOURCE_DIR) / "docs" / "recipe-format.md";
  std::string text = read_file(file);
  for (const Object* object : objects) {
    const std::string mark = fmt::format("<!-- keys of {} -->\n", object->name);
    INFO(mark);
    const std::size_t start = text.find(mark);
    REQUIRE(start != std::string::npos);
    std::string table = "| key | value | default | what it is |\n|---|---|---|---|\n";
    for (const Key& key : object->keys) table += row(key);
    const std::size_t end = text.find("\n\n", start);
    REQUIRE(end != std::string::npos);
    text.replace(start + mark.size(), end + 1 - start - mark.size(), table);
  }
  CHECK(golden::agrees(file, text));
}

TEST_CASE("every example in the documentation is a good recipe or fragment") {
  const std::string text = read_file(std::filesystem::path(BLUEPRINT_SOURCE_DIR) / "docs" / "recipe-format.md");
  int examples = 0;
  for (std::size_t start = text.find("```yaml\napiVersion"); start != std::string::npos;
       start = text.find("```yaml\napiVersion", start + 1)) {
    const std::size_t body = start + std::string_view("```yaml\n").size();
    const std::string example = text.substr(body, text.find("```", body) - body);
    INFO(example);
    CHECK_NOTHROW(lint_recipe(example, "example.yaml", golden::Fragments()));
    ++examples;
  }
  CHECK(examples >= 4);
}

}  // namespace blueprint::recipe
