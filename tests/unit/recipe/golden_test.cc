#include "tests/unit/recipe/golden.h"

#include <algorithm>
#include <regex>
#include <set>

#include <catch2/catch.hpp>

namespace blueprint::recipe {
namespace {

using golden::directory;
using golden::files;
using golden::label;

std::string diagnostics_of(const std::filesystem::path& file) {
  try {
    static_cast<void>(compose_recipe(read_file(file), label(file), golden::Fragments()));
  } catch (const Error& error) {
    return golden::render_all(error);
  }
  return "(no error)\n";
}

std::set<std::string> codes_in(const std::string& text, const std::regex& pattern) {
  std::set<std::string> codes;
  for (auto match = std::sregex_iterator(text.begin(), text.end(), pattern); match != std::sregex_iterator(); ++match)
    codes.insert((*match)[1]);
  return codes;
}

}  // namespace

TEST_CASE("every good recipe has the canonical form beside it") {
  REQUIRE(files("good", ".yaml").size() >= 10);
  for (std::filesystem::path file : files("good", ".yaml")) {
    INFO(label(file));
    const std::string canonical = format_recipe(compose_recipe(read_file(file), label(file), golden::Fragments()));
    INFO(canonical);
    CHECK(golden::agrees(file.replace_extension(".canonical"), canonical));
  }
}

TEST_CASE("the canonical form of a recipe is its own canonical form") {
  for (const std::filesystem::path& file : files("good", ".canonical")) {
    INFO(label(file));
    const std::string canonical = read_file(file);
    CHECK(format_recipe(parse_recipe(canonical, label(file))) == canonical);
  }
}

TEST_CASE("every bad recipe has exactly the diagnostics beside it") {
  REQUIRE(files("bad", ".yaml").size() >= 100);
  for (std::filesystem::path file : files("bad", ".yaml")) {
    INFO(label(file));
    const std::string diagnostics = diagnostics_of(file);
    INFO(diagnostics);
    CHECK(golden::agrees(file.replace_extension(".txt"), diagnostics));
  }
}

TEST_CASE("origins name the file and line of every value, and defaults as such") {
  std::filesystem::path file = directory() / "good" / "fragments.yaml";
  const std::string text =
      format_recipe_with_origins(compose_recipe(read_file(file), label(file), golden::Fragments()));
  INFO(text);
  CHECK(golden::agrees(file.replace_extension(".origins"), text));
  // Comments change nothing.
  CHECK(format_recipe(parse_recipe(text, "x.yaml")) == read_file(directory() / "good" / "fragments.canonical"));
}

TEST_CASE("each error code of recipes has a golden recipe and a row in the documentation") {
  const std::filesystem::path root = BLUEPRINT_SOURCE_DIR;
  const auto declared = codes_in(read_file(root / "builder/recipe/errors.h"), std::regex("// (R[0-9]{3})"));
  REQUIRE(declared.size() > 25);
  std::string shown;
  for (const std::filesystem::path& file : files("bad", ".txt")) shown += read_file(file);
  for (const auto& folder : {"good", "bad"}) {
    for (const auto& entry : std::filesystem::directory_iterator(root / "tests/golden/dockerfiles" / folder))
      shown += read_file(entry.path());
  }
  auto tested = codes_in(shown, std::regex("\\[(R[0-9]{3})\\]"));
  tested.insert("R001");  // a large file is made in source_test.cc
  tested.insert("R030");  // a recipe that is not there: search_test.cc
  CHECK(tested == declared);
  CHECK(codes_in(read_file(root / "docs/errors.md"), std::regex("\\| (R0[0-9]{2}) ")) == declared);
}

TEST_CASE("the published schema is the one that the table makes") {
  CHECK(golden::agrees(std::filesystem::path(BLUEPRINT_SOURCE_DIR) / "recipes/schema/recipe.schema.json",
                       recipe_schema()));
}

}  // namespace blueprint::recipe
