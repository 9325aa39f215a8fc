#include "builder/recipe_graph.h"

#include <catch2/catch.hpp>

#include "base/file.h"

namespace blueprint::builder {
namespace {

namespace fs = std::filesystem;

constexpr const char* kBootstrap = "distribution: {id: debian, release: bookworm}\n";

/// Recipes NAME.yaml in a directory that goes away.
struct Recipes {
  TempDir directory;

  fs::path write(const std::string& name, const std::string& body) const {
    const fs::path path = directory.path() / (name + ".yaml");
    write_file_atomic(path, "apiVersion: blueprint/v1\nname: " + name + "\n" + body);
    return path;
  }
};

std::vector<std::string> names_of(const RecipeGraph& graph) {
  std::vector<std::string> names;
  for (const auto& node : graph.nodes) names.push_back(node.name);
  return names;
}

/// What each faulty node says: "NAME CODE message".
std::vector<std::string> faults_of(const RecipeGraph& graph) {
  std::vector<std::string> faults;
  for (const auto& node : graph.nodes) {
    if (node.fault) faults.push_back(node.name + " " + node.fault->first().code + " " + node.fault->first().message);
  }
  return faults;
}

}  // namespace

TEST_CASE("a parent that several recipes share is in the graph once, before them") {
  const Recipes recipes;
  const fs::path web = recipes.write("web", "from: base\n");
  const fs::path database = recipes.write("database", "from: base\n");
  const fs::path shop = recipes.write("shop", "from: web\n");
  recipes.write("base", kBootstrap);
  const RecipeGraph graph = load_recipe_graph({shop, web, database}, {});
  CHECK(names_of(graph) == std::vector<std::string>{"base", "web", "shop", "database"});
  CHECK(faults_of(graph).empty());
  CHECK_FALSE(graph.nodes[0].parent);
  CHECK(graph.nodes[1].parent == std::size_t{0});
  CHECK(graph.nodes[2].parent == std::size_t{1});
  CHECK(graph.nodes[3].parent == std::size_t{0});
  CHECK(graph.nodes[0].asked == RecipeNode::Asked::No);
  CHECK(graph.nodes[1].asked == RecipeNode::Asked::Yes);
}

TEST_CASE("a recipe that is asked for twice is in the graph once") {
  const Recipes recipes;
  const fs::path web = recipes.write("web", kBootstrap);
  CHECK(names_of(load_recipe_graph({web, web.parent_path() / "." / "web.yaml"}, {})) ==
        std::vector<std::string>{"web"});
}

TEST_CASE("what is no recipe is an image, and no node") {
  const Recipes recipes;
  const fs::path web = recipes.write("web", "from: acme/base:v2\n");
  const RecipeGraph graph = load_recipe_graph({web}, {});
  CHECK(names_of(graph) == std::vector<std::string>{"web"});
  CHECK_FALSE(graph.nodes[0].parent);
}

TEST_CASE("a circle of recipes is a fault of the one that closes it, and says the way round") {
  const Recipes recipes;
  const fs::path one = recipes.write("one", "from: two\n");
  recipes.write("two", "from: three\n");
  recipes.write("three", "from: one\n");
  CHECK(faults_of(load_recipe_graph({one}, {})) ==
        std::vector<std::string>{
            "three R105 a recipe cannot be its own parent: one.yaml → two.yaml → three.yaml → one.yaml"});
  const fs::path itself = recipes.write("itself", "from: itself\n");
  CHECK(faults_of(load_recipe_graph({itself}, {})) ==
        std::vector<std::string>{"itself R105 a recipe cannot be its own parent: itself.yaml → itself.yaml"});
}

TEST_CASE("two files that make an image of one name are a fault") {
  const Recipes recipes;
  const fs::path web = recipes.write("web", kBootstrap);
  const fs::path other = recipes.directory.path() / "other.yaml";
  write_file_atomic(other, std::string("apiVersion: blueprint/v1\nname: web\n") + kBootstrap);
  const RecipeGraph graph = load_recipe_graph({web, other}, {});
  CHECK(faults_of(graph) == std::vector<std::string>{"web R108 two recipes are called 'web'"});
  CHECK(graph.nodes[1].fault->first().where->line == 2);
}

TEST_CASE("params are given to what is asked for, and never to a parent") {
  const Recipes recipes;
  const std::string param = "params: {release: {type: string, default: bookworm}}\n";
  const fs::path base = recipes.write("base", param + "distribution: {id: debian, release: \"${params.release}\"}\n");
  const fs::path web = recipes.write("web", param + "from: base\n");
  const recipe::ParamValues values{{"release", "trixie"}};
  const RecipeGraph graph = load_recipe_graph({web}, {}, values);
  CHECK(faults_of(graph).empty());
  CHECK(graph.nodes[0].recipe->distribution->release == "bookworm");
  for (const auto& asked : {std::vector<fs::path>{base, web}, std::vector<fs::path>{web, base}}) {
    const auto faults = faults_of(load_recipe_graph(asked, {}, values));
    REQUIRE(faults.size() == 1);
    CHECK(faults[0].find("R107 params were given for 'base', and another recipe takes it as it is") !=
          std::string::npos);
  }
}

TEST_CASE("what cannot be read is a node with its faults, and the others are there") {
  const Recipes recipes;
  const fs::path bad = recipes.write("bad", "from: base\nlayers: 3\n");
  const fs::path web = recipes.write("web", "from: base\n");
  recipes.write("base", kBootstrap + std::string("pakages: [x]\n"));
  const RecipeGraph graph = load_recipe_graph({bad, web, "no-such-recipe"}, {});
  REQUIRE(names_of(graph).size() == 4);
  const auto faults = faults_of(graph);
  REQUIRE(faults.size() == 3);
  CHECK(faults[0].find("R013") != std::string::npos);
  CHECK(faults[1].find("base R012 unknown key 'pakages'") != std::string::npos);
  CHECK(faults[2].find("no-such-recipe R030") != std::string::npos);
  try {
    graph.throw_faults();
    FAIL("no fault was thrown");
  } catch (const Error& error) {
    CHECK(error.diagnostics().size() == 3);
  }
}

}  // namespace blueprint::builder
