#include <fstream>

#include <catch2/catch.hpp>

#include "base/file.h"
#include "builder/recipe/compose.h"
#include "builder/recipe/errors.h"

namespace blueprint::recipe {
namespace {

namespace fs = std::filesystem;

/// A directory of recipes that goes away.
struct House {
  TempDir directory;

  fs::path write(const fs::path& name, std::string_view body, std::string_view kind = "recipe") const {
    const fs::path path = directory.path() / name;
    fs::create_directories(path.parent_path());
    const std::string own_name = name.stem().string();
    write_file_atomic(path, "apiVersion: blueprint/v1\nkind: " + std::string(kind) + "\nname: " + own_name + "\n" +
                                std::string(body));
    return path;
  }
};

std::string message_of(const fs::path& what, const SearchPath& search, const ParamValues& params = {}) {
  try {
    static_cast<void>(load_recipe(what, search, params));
  } catch (const Error& error) {
    std::string text;
    for (const Diagnostic& diagnostic : error.diagnostics()) text += render(diagnostic);
    return text;
  }
  return "none";
}

}  // namespace

TEST_CASE("a recipe is found by file, by directory and by name") {
  const House house;
  const fs::path file = house.write("one/recipe.yaml", "from: base\n");
  house.write("two/two.yaml", "from: base\n");
  house.write("two/other.yaml", "from: base\n");
  house.write("three/odd.yaml", "from: base\n");
  house.write("three/odd.lock.yaml", "");
  house.write("three/part.yaml", "", "fragment");
  house.write("catalog/team/base.yaml", "from: base\n");
  house.write("catalog/big/recipe.yaml", "from: base\n");
  const fs::path& root = house.directory.path();
  const SearchPath search{.catalogs = {root / "missing", root / "catalog"}};
  CHECK(load_recipe(file, search).file == file.string());
  CHECK(load_recipe(root / "one", search).file == (root / "one/recipe.yaml").string());
  CHECK(load_recipe(root / "one", search).directory == (root / "one").string());
  CHECK(load_recipe(root / "two", search).name.value == "two");
  CHECK(load_recipe(root / "two/", search).name.value == "two");
  CHECK(load_recipe(root / "three", search).name.value == "odd");
  CHECK(load_recipe("team/base", search).file == (root / "catalog/team/base.yaml").string());
  CHECK(load_recipe("base", search).file == (root / "catalog/team/base.yaml").string());
  CHECK(load_recipe("big", search).file == (root / "catalog/big/recipe.yaml").string());
}

TEST_CASE("a recipe that is not there is answered with near names and where it was looked for") {
  const House house;
  house.write("catalog/debian-12.yaml", "from: base\n");
  const SearchPath search{.catalogs = {house.directory.path() / "catalog"}};
  const std::string message = message_of("debain-12", search);
  CHECK(
      message.starts_with("error: there is no recipe 'debain-12' [R030]\nhint: did you mean 'debian-12'?\nhint: looked "
                          "at 'debain-12' and '"));
  house.write("empty/notes.txt", "");
  CHECK(message_of(house.directory.path() / "empty", search).find("empty/recipe.yaml") != std::string::npos);
}

TEST_CASE("names do not lead out of a catalog") {
  const House house;
  house.write("secret.yaml", "", "fragment");
  house.write("catalog/a.yaml", "from: base\nlayers:\n  - use: ../secret\n");
  const SearchPath search{.catalogs = {house.directory.path() / "catalog"}};
  CHECK(message_of("a", search).find("[R017]") != std::string::npos);
  CHECK_FALSE(find_recipe("../secret", house.directory.path() / "catalog", search));
}

TEST_CASE("fragments are found beside the file that uses them, then in the catalogs, and keep their own directory") {
  const House house;
  house.write("work/mine.yaml", "layers:\n  - copy: {from: etc, to: /etc/mine}\n", "fragment");
  house.write("catalog/mine.yaml", "layers:\n  - packages: [wrong]\n", "fragment");
  house.write("catalog/runtimes/python.yaml",
              "params: {version: {default: \"3.11\"}}\nlayers:\n  - packages: [\"python${params.version}\"]\n",
              "fragment");
  house.write("work/recipe.yaml",
              "from: base\nlayers:\n  - use: mine\n  - use: runtimes/python\n    with: {version: \"3.12\"}\n");
  const fs::path& root = house.directory.path();
  const Recipe recipe = load_recipe(root / "work", {.catalogs = {root / "catalog"}});
  REQUIRE(recipe.layers.size() == 2);
  CHECK(recipe.layers[0].name == "mine.copy-1");
  CHECK(recipe.layers[0].directory == (root / "work").string());
  CHECK(recipe.layers[1].directory == (root / "catalog/runtimes").string());
  CHECK(std::get<PackagesStep>(recipe.layers[1].step).words[0].value == "python3.12");
}

TEST_CASE("params take values from outside, typed as they are declared") {
  const House house;
  const fs::path file = house.write(
      "p.yaml",
      "from: base\nparams: {cpus: {type: int, max: 8, default: 1}, dev: {type: bool, default: false}, v: {}}\n"
      "launch: {cpu: \"${params.cpus}\"}\nlayers: [{packages: [\"a${params.v}\"], recommends: \"${params.dev}\"}]\n");
  const Recipe recipe = load_recipe(file, {}, {{"cpus", "4"}, {"dev", "true"}, {"v", "1.0"}});
  CHECK(recipe.launch.cpu == 4u);
  CHECK(std::get<PackagesStep>(recipe.layers[0].step).recommends);
  CHECK(std::get<PackagesStep>(recipe.layers[0].step).words[0].value == "a1.0");
  CHECK(message_of(file, {}, {{"v", "1"}, {"cpus", "16"}}).find("param 'cpus' must be at most 8 [R026]") !=
        std::string::npos);
  CHECK(message_of(file, {}, {{"v", "1"}, {"cpus", "many"}}).find("param 'cpus' must be an int, not a text [R026]") !=
        std::string::npos);
  CHECK(
      message_of(file, {}, {{"v", "1"}, {"cpu", "1"}}).find("unknown param 'cpu' [R025]\nhint: did you mean 'cpus'?") !=
      std::string::npos);
  CHECK(message_of(file, {}).find("param 'v' has no value [R028]") != std::string::npos);
}

TEST_CASE("linting judges fragments and recipes without values for their params") {
  const House house;
  const fs::path good =
      house.write("f.yaml", "params: {v: {}}\nlayers:\n  - packages: [\"a${params.v}\"]\n", "fragment");
  CHECK_NOTHROW(lint_recipe_file(good, {}));
  const fs::path bad =
      house.write("g.yaml", "params: {v: {}}\nlayers:\n  - packages: [\"a${params.w}\", \"B\"]\n", "fragment");
  try {
    lint_recipe_file(bad, {});
    FAIL("no error");
  } catch (const Error& error) {
    REQUIRE(error.diagnostics().size() == 2);
    CHECK(error.diagnostics()[0].code == "R025");
    CHECK(error.diagnostics()[1].code == "R017");
  }
}

TEST_CASE("listing the catalogs shows recipes and fragments, and files that cannot be read") {
  const House house;
  house.write("b/recipe.yaml", "description: The base\nfrom: base\n");
  house.write("runtimes/python.yaml", "description: Python\n", "fragment");
  house.write("c.lock.yaml", "");
  house.write(".hidden/d.yaml", "");
  write_file_atomic(house.directory.path() / "broken.yaml", "a: [\n");
  const auto list = list_recipes({.catalogs = {house.directory.path()}});
  REQUIRE(list.size() == 3);
  CHECK(list[0].name == "broken");
  CHECK(list[1].name == "recipe");
  CHECK(list[1].description == "The base");
  CHECK(list[2].name == "runtimes/python");
  CHECK(list[2].kind == RecipeSummary::Kind::Fragment);
}

}  // namespace blueprint::recipe
