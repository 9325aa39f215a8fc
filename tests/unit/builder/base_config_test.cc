#include "builder/base_config.h"

#include <filesystem>

#include <catch2/catch.hpp>

#include "base/error.h"
#include "base/file.h"

namespace blueprint::builder {
namespace {

namespace fs = std::filesystem;

/// Recipes NAME.yaml and a store in a directory that goes away.
struct House {
  TempDir directory;
  layers::Store store{directory.path() / "store"};
  recipe::SearchPath search;
  RegistryAccess registries;
  int asked_for_store = 0;

  void write(const std::string& name, const std::string& body) const {
    write_file_atomic(directory.path() / (name + ".yaml"), "apiVersion: blueprint/v1\nname: " + name + "\n" + body);
  }
  std::optional<recipe::BaseConfig> find(const std::string& name) {
    recipe::Recipe asker;
    asker.directory = directory.path().string();
    asker.file = (directory.path() / "Dockerfile").string();
    return find_base_config({name, {}}, asker,
                            {.search = search,
                             .store = [this]() -> layers::Store& {
                               ++asked_for_store;
                               return store;
                             },
                             .registries = registries,
                             .network = OciRequest::Network::Offline,
                             .stop = {}});
  }
};

}  // namespace

TEST_CASE("a recipe hands down what it says over what it builds on says") {
  House house;
  house.write("web", "from: base\nenv: {B: web, C: web}\nuser: web\n");
  house.write("base", "distribution: {id: debian, release: bookworm}\nenv: {A: base, B: base}\nworkdir: /srv\n");
  const auto config = house.find("web");
  REQUIRE(config);
  CHECK(config->env == std::map<std::string, std::string>{{"A", "base"}, {"B", "web"}, {"C", "web"}});
  CHECK(config->workdir == "/srv");
  CHECK(config->user == "web");
  CHECK(house.asked_for_store == 0);
}

TEST_CASE("an image of the store is looked for at the bottom of the recipes") {
  House house;
  house.write("web", "from: acme/base:1\n");
  CHECK_FALSE(house.find("web"));
  CHECK(house.asked_for_store == 1);
}

TEST_CASE("nothing is known of recipes that are each other's parents, and a faulty one says what is wrong") {
  House house;
  house.write("a", "from: b\n");
  house.write("b", "from: a\n");
  CHECK_FALSE(house.find("a"));
  house.write("c", "from: x\nenw: {}\n");
  CHECK_THROWS_WITH(house.find("c"), Catch::Contains("unknown key 'enw'"));
  CHECK_THROWS_AS(house.find("oci://./missing"), Error);
}

}  // namespace blueprint::builder
