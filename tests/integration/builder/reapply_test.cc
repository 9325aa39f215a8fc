// A layer that runs no command, put on a parent that changed: what it is made of is gone by then, so that it can only
// be built from what the store remembers.

#include <fmt/format.h>
#include <catch2/catch.hpp>

#include "base/process.h"
#include "base/text.h"
#include "builder/build.h"
#include "tests/integration/store/image_fixture.h"

namespace blueprint::builder {
namespace {

namespace fs = std::filesystem;

/// A recipe whose second layer is given, on a first one that is a file with other words each time.
struct House : layers::TestStore {
  TempDir recipes;
  std::string layer;

  House() {
    put_image("scratch", {add_layer({}, {layers::put_directory(""), layers::put_directory("etc")}, "root")});
    const fs::path files = recipes.path() / "tool-1";
    fs::create_directories(files / "bin");
    write_file_atomic(files / "bin/tool", layers::noise(700'000, 1), 0755);
    write_file_atomic(files / "README", "read me\n");
    write_file_atomic(files / "empty", "");
    fs::create_symlink("bin/tool", files / "link");
    REQUIRE(run({.argv = {"tar", "-C", recipes.path(), "-czf", archive(), "tool-1"}}).status.success());
  }
  [[nodiscard]] fs::path archive() const { return recipes.path() / "tool.tar.gz"; }
  /// A layer that fetches the archive, which an earlier build has downloaded.
  std::string fetched(std::string_view more) {
    const Digest digest = sha256(read_file(archive()));
    fs::copy_file(archive(), store.deb_path(digest));
    return fmt::format("fetch: {{url: \"https://registry.example/tool.tar.gz\", sha256: {}, to: /opt/tool, {}}}",
                       digest.hex(), more);
  }

  BuildResult build(const std::string& words, bool cite_previous = true) {
    const fs::path path = recipes.path() / "recipe.yaml";
    write_file_atomic(path, fmt::format("apiVersion: blueprint/v1\nname: app\nfrom: scratch\nlayers:\n"
                                        "  - files: [{{path: /etc/below, content: \"{}\"}}]\n  - {{{}}}\n",
                                        words, layer));
    return builder::build(recipe::load_recipe(path, {}), store, {.offline = true, .cite_previous = cite_previous}, pool,
                          events, {});
  }
  void forget_download() const { fs::remove(store.deb_path(sha256(read_file(archive())))); }
  std::string read(const BuildResult& built, const std::string& path) const {
    const auto tree = layers::load_tree(store, built.record.layers);
    return layers::read_file(store, built.record.layers, *tree.resolve(path));
  }
};

}  // namespace

TEST_CASE("a layer of a fetched archive is put on a changed parent without the archive") {
  House house;
  House elsewhere;
  const std::string unpacked = "unpack: true, strip: 1, owner: \"0\"";
  house.layer = house.fetched(unpacked);
  fs::copy_file(house.archive(), elsewhere.archive(), fs::copy_options::overwrite_existing);
  elsewhere.layer = elsewhere.fetched(unpacked);
  const auto first = house.build("one");
  const auto fresh = elsewhere.build("two");
  house.forget_download();
  const auto again = house.build("two");
  CHECK(again.record.config.content_digest == fresh.record.config.content_digest);
  CHECK(again.record.config.content_digest != first.record.config.content_digest);
  CHECK(house.read(again, "opt/tool/link") == layers::noise(700'000, 1));
  CHECK(house.read(again, "opt/tool/README") == "read me\n");
  CHECK_FALSE(again.layers[1].cached);
  CHECK(again.layers[1].stored_bytes < 10'000);
}

TEST_CASE("so is a layer of a fetched file") {
  House house;
  house.layer = house.fetched("mode: \"0755\"");
  (void)house.build("one");
  house.forget_download();
  const auto again = house.build("two");
  CHECK(house.read(again, "opt/tool") == read_file(house.archive()));
  CHECK(again.layers[1].stored_bytes < 10'000);
}

TEST_CASE("an archive is read again when the layer that has its files may not be cited") {
  House house;
  house.layer = house.fetched("unpack: true");
  (void)house.build("one");
  const auto again = house.build("two", false);
  CHECK(house.read(again, "opt/tool/tool-1/README") == "read me\n");
  CHECK(again.layers[1].stored_bytes > 600'000);
  house.forget_download();
  CHECK_THROWS_AS(house.build("three", false), Error);
}

TEST_CASE("what is remembered of an archive and was damaged is not there") {
  House house;
  house.layer = house.fetched("unpack: true");
  (void)house.build("one");
  const auto remembered = house.store.recent_keys("", "fetched files");
  REQUIRE(remembered.size() == 1);
  const fs::path blob = house.store.blob_path(remembered[0].layer.digest);
  std::string text = read_file(blob);
  text[text.find("README")] = 'X';
  fs::remove(blob);
  write_file_atomic(blob, text);
  CHECK(house.read(house.build("two"), "opt/tool/tool-1/README") == "read me\n");
}

}  // namespace blueprint::builder
