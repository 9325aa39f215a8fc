#include <catch2/catch.hpp>

#include "base/file.h"
#include "builder/recipe/compose.h"

namespace blueprint::recipe {
namespace {

namespace fs = std::filesystem;

struct House {
  TempDir directory;

  fs::path write(const fs::path& name, const std::string& text) const {
    const fs::path path = directory.path() / name;
    fs::create_directories(path.parent_path());
    write_file_atomic(path, text);
    return path;
  }
  /// Names relative to the house.
  [[nodiscard]] std::vector<std::string> expand(const fs::path& what, Fragments fragments) const {
    std::vector<std::string> names;
    for (const auto& file : expand_recipes(directory.path() / what, fragments))
      names.push_back(file.lexically_relative(directory.path()).generic_string());
    return names;
  }
};

constexpr const char* kRecipe = "# A comment.\napiVersion: blueprint/v1\nname: x\nfrom: base\n";
constexpr const char* kFragment = "apiVersion: blueprint/v1\nkind: fragment   # inserted by use\n";

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("a directory of several recipes stands for all below it, fragments and other languages left out") {
  const House house;
  house.write("all/web.yaml", kRecipe);
  house.write("all/teams/database/recipe.yaml", kRecipe);
  house.write("all/parts/tool.yaml", kFragment);
  house.write("all/web.lock.yaml", "format: 1\n");
  house.write("all/compose.yaml", "services:\n  web: {image: x}\n  apiVersion: blueprint/v1\n");
  house.write("all/.hidden/other.yaml", kRecipe);
  CHECK(house.expand("all", Fragments::Skip) == Names{"all/teams/database/recipe.yaml", "all/web.yaml"});
  CHECK(house.expand("all", Fragments::Include) ==
        Names{"all/parts/tool.yaml", "all/teams/database/recipe.yaml", "all/web.yaml"});
  CHECK(is_catalog(house.directory.path() / "all"));
}

TEST_CASE("a recipe that cannot be read is among them, so that its fault is told") {
  const House house;
  house.write("all/good.yaml", kRecipe);
  house.write("all/bad.yaml", "apiVersion: blueprint/v1\nlayers: [\n");
  CHECK(house.expand("all", Fragments::Skip) == Names{"all/bad.yaml", "all/good.yaml"});
}

TEST_CASE("a file, a name and the directory of one recipe stand for themselves") {
  const House house;
  house.write("web/recipe.yaml", kRecipe);
  house.write("web/more.yaml", kRecipe);
  house.write("shop/shop.yaml", kRecipe);
  house.write("empty/notes.txt", "");
  CHECK(house.expand("web", Fragments::Skip) == Names{"web"});
  CHECK(house.expand("shop", Fragments::Skip) == Names{"shop"});
  CHECK(house.expand("empty", Fragments::Skip) == Names{"empty"});
  CHECK(house.expand("web/more.yaml", Fragments::Skip) == Names{"web/more.yaml"});
  CHECK(expand_recipes("debian-12-x86_64", Fragments::Skip) == std::vector<fs::path>{"debian-12-x86_64"});
  CHECK_FALSE(is_catalog(house.directory.path() / "web"));
}

}  // namespace blueprint::recipe
