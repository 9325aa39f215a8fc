#include "layers/image_diff.h"

#include <catch2/catch.hpp>

#include "tests/integration/store/image_fixture.h"

using namespace blueprint;
using namespace blueprint::layers;

namespace {

PlannedChange with_capability(PlannedChange planned) {
  planned.change.metadata.xattrs = {
      {"security.capability",
       std::string("\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", 20)}};
  return planned;
}

const ImageDiff::File* find(const ImageDiff& diff, const std::string& path) {
  for (const auto& file : diff.files) {
    if (file.path == path) return &file;
  }
  return nullptr;
}

}  // namespace

TEST_CASE("an image does not differ from itself") {
  TestStore f;
  const LayerRef base = f.add_layer({}, {put_directory(""), put_file("file", "x")}, "base");
  const ImageRecord image = f.store.load_image(f.put_image("one", {base}));
  const ImageDiff diff = diff_images(f.store, image, image);
  CHECK(diff.files.empty());
  CHECK(diff.layers.empty());
  CHECK(diff.settings.empty());
  CHECK(diff.packages.empty());
  CHECK(diff.privileges.empty());
  CHECK(diff.file_bytes_before == 1);
  CHECK(diff.file_bytes_after == 1);
}

TEST_CASE("packages, files, privileges, layers and settings of two images are compared") {
  TestStore f;
  const LayerRef base = f.add_layer(
      {},
      {put_directory(""), put_directory("bin"), put_file("bin/su", "su", 04755), put_file("bin/ping", "ping", 0755),
       put_file("same", "same"), put_file("gone", "gone"), put_file("touched", "t"), put_symlink("link", "a")},
      "base");
  const LayerRef first_tools = f.add_layer({base}, {put_file("tool", "one")}, "tools");
  PlannedChange touched = put_file("touched", "t");
  touched.change.metadata.mtime.seconds -= 5;
  const LayerRef second_tools =
      f.add_layer({base},
                  {put_file("tool", "two!"), remove_path("gone"), std::move(touched), put_symlink("link", "b"),
                   put_file("bin/su", "su", 0755), with_capability(put_file("bin/ping", "ping", 0755)),
                   put_file("new", std::string(1000, 'n'))},
                  "tools");
  const LayerRef extra = f.add_layer({base, second_tools}, {put_directory("opt")}, "extra");

  ImageConfig config;
  config.env = {{"LANG", "C"}};
  config.packages = {{"bash", "5.1", "amd64"}, {"curl", "7", "amd64"}};
  const ImageRecord before = f.store.load_image(f.put_image("before", {base, first_tools}, config));
  config.env = {{"LANG", "C.UTF-8"}};
  config.user = "user";
  config.packages = {{"bash", "5.2", "amd64"}, {"git", "2", "amd64"}};
  const ImageRecord after = f.store.load_image(f.put_image("after", {base, second_tools, extra}, config));

  const ImageDiff diff = diff_images(f.store, before, after);
  CHECK(diff.packages == std::vector<ImageDiff::Package>{
                             {"bash", "amd64", "5.1", "5.2"}, {"curl", "amd64", "7", ""}, {"git", "amd64", "", "2"}});
  std::string paths;
  for (const auto& file : diff.files) paths += file.path + " ";
  CHECK(paths == "bin/ping bin/su gone link new opt tool touched ");
  CHECK(!find(diff, "gone")->after);
  CHECK(find(diff, "gone")->layer == "base");
  CHECK(!find(diff, "new")->before);
  CHECK(find(diff, "new")->after->size == 1000);
  CHECK(find(diff, "new")->layer == "tools");
  CHECK(find(diff, "link")->data_differs);
  CHECK(!find(diff, "touched")->data_differs);
  CHECK(find(diff, "tool")->data_differs);
  CHECK(diff.privileges == std::vector<ImageDiff::Privilege>{{"bin/ping", "", "capabilities 0x2000 (effective)"},
                                                             {"bin/su", "setuid 0", ""}});
  REQUIRE(diff.layers.size() == 2);
  CHECK(diff.layers[0].name == "tools");
  CHECK(diff.layers[0].before == first_tools);
  CHECK(diff.layers[0].after == second_tools);
  CHECK(diff.layers[1].name == "extra");
  CHECK(!diff.layers[1].before);
  CHECK(diff.settings == std::vector<ImageDiff::Setting>{{"env.LANG", "C", "C.UTF-8"}, {"user", "", "user"}});
  CHECK(diff.file_bytes_after - diff.file_bytes_before == 1000 + 1 - 4);
  CHECK(diff.blob_bytes_after > 0);
}

TEST_CASE("the history of an image says what each layer did") {
  TestStore f;
  const LayerRef base =
      f.add_layer({}, {put_directory(""), put_file("a", noise(10'000, 1)), put_file("b", "b")}, "base");
  const LayerRef next = f.add_layer({base}, {remove_path("b"), put_file("c", noise(10'000, 1))}, "next");
  const auto history = image_history(f.store, f.store.load_image(f.put_image("hello", {base, next})));
  REQUIRE(history.size() == 2);
  CHECK(history[0].layer == base);
  CHECK(history[0].put == 3);
  CHECK(history[0].data_bytes == 10'001);
  CHECK(history[1].removed == 1);
  CHECK(history[1].put == 1);
  // The same bytes as in the layer below: cited, not stored.
  CHECK(history[1].cited_bytes >= 10'000);
}
