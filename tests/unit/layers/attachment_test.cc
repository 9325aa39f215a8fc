#include "layers/attachment.h"

#include <catch2/catch.hpp>

#include "base/file.h"
#include "base/json.h"
#include "layers/gc.h"
#include "tests/unit/layers/store_fixture.h"

using namespace blueprint;
using namespace blueprint::layers;

namespace {

constexpr const char* kType = "application/spdx+json";
constexpr std::int64_t kDay = 24 * 3600;

Digest put_image(Store& store, const std::string& name) {
  ImageConfig config;
  config.name = name;
  const Digest image = store.put_image(config, {add_layer(store, "layer of " + name)});
  store.tag(name, image);
  return image;
}

void age_blobs(const Store& store) {
  for (const auto& entry : std::filesystem::directory_iterator(store.root() / "blobs/sha256"))
    age(entry.path(), 1000 * kDay);
}

std::size_t listed(const Store& store) {
  return parse_json(blueprint::read_file(store.root() / "index.json"), "index").at("manifests").size();
}

}  // namespace

TEST_CASE("a document is attached to an image by a manifest whose subject it is, and changes nothing of the image") {
  const TempDir dir;
  Store store(dir.path());
  const Digest image = put_image(store, "hello");
  CHECK_FALSE(find_attachment(store, image, kType));
  const auto attached = attach(store, image, kType, "a document");
  const auto found = find_attachment(store, image, kType);
  REQUIRE(found);
  CHECK(found->manifest == attached.manifest);
  CHECK(read_attachment(store, *found) == "a document");
  const Json manifest = parse_json(store.read_blob(found->manifest), "manifest");
  CHECK(manifest.at("mediaType") == "application/vnd.oci.image.manifest.v1+json");
  CHECK(manifest.at("artifactType") == kType);
  CHECK(manifest.at("subject").at("digest") == image.to_string());
  CHECK(manifest.at("subject").at("size") == store.read_blob(image).size());
  CHECK(store.read_blob(*Digest::parse(manifest.at("config").at("digest").get<std::string>())) == "{}");
  CHECK(store.images() == std::vector<Digest>{image});
  CHECK(store.resolve("hello") == image);
}

TEST_CASE("an image has one attachment of a type, and the same document is the same attachment") {
  const TempDir dir;
  Store store(dir.path());
  const Digest image = put_image(store, "hello");
  const Digest other = put_image(store, "other");
  const auto first = attach(store, image, kType, "one");
  attach(store, image, "text/plain", "beside");
  attach(store, other, kType, "one");
  attach(store, image, kType, "two");
  CHECK(attachments(store, image).size() == 2);
  CHECK(read_attachment(store, *find_attachment(store, image, kType)) == "two");
  CHECK(read_attachment(store, *find_attachment(store, other, kType)) == "one");
  CHECK(attach(store, image, kType, "one").manifest == first.manifest);
  CHECK(listed(store) == 5);
}

TEST_CASE("gc keeps the attachments of an image as long as the image, and no longer") {
  const TempDir dir;
  Store store(dir.path());
  const Digest kept = put_image(store, "kept");
  const Digest lost = put_image(store, "lost");
  const auto of_kept = attach(store, kept, kType, "of the kept one");
  const auto of_lost = attach(store, lost, kType, "of the lost one");
  store.untag("lost");
  age_blobs(store);
  (void)collect_garbage(store, {});
  CHECK(read_attachment(store, *find_attachment(store, kept, kType)) == "of the kept one");
  CHECK(store.has_blob(of_kept.manifest));
  CHECK_FALSE(find_attachment(store, lost, kType));
  CHECK_FALSE(store.has_blob(lost));
  CHECK_FALSE(store.has_blob(of_lost.manifest));
  CHECK_FALSE(store.has_blob(of_lost.document));
  CHECK(listed(store) == 2);
}

TEST_CASE("an image that is removed takes its attachments along") {
  const TempDir dir;
  Store store(dir.path());
  const Digest image = put_image(store, "hello");
  const auto attached = attach(store, image, kType, "a document");
  store.remove_image(image);
  CHECK(listed(store) == 0);
  age_blobs(store);
  (void)collect_garbage(store, {});
  CHECK_FALSE(store.has_blob(attached.document));
}

TEST_CASE("a damaged attachment is an error that names its blob") {
  const TempDir dir;
  Store store(dir.path());
  const Digest image = put_image(store, "hello");
  const auto attached = attach(store, image, kType, "a document");
  std::filesystem::permissions(store.blob_path(attached.document), std::filesystem::perms::owner_all);
  write_file_atomic(store.blob_path(attached.document), "another one");
  const auto failure = failure_of([&] { (void)read_attachment(store, attached); });
  CHECK(failure.code == "S015");
  CHECK(failure.message.find(attached.document.to_string()) != std::string::npos);
}
