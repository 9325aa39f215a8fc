#include "layers/verify.h"

#include <catch2/catch.hpp>

#include "layers/content_digest.h"
#include "layers/device.h"
#include "layers/layer_index.h"
#include "tests/integration/store/image_fixture.h"

namespace fs = std::filesystem;
using namespace blueprint;
using namespace blueprint::layers;

namespace {

struct Fixture : TestStore {
  LayerRef base = add_layer(
      {},
      {put_directory(""), put_directory("etc"), put_file("etc/motd", "hello\n"), put_file("big", noise(700'000, 1))},
      "base");
  LayerRef tools = add_layer({base}, {put_file("etc/tool", noise(50'000, 2))}, "tools");
  Digest kernel = store.add_blob("a kernel");
  Digest image = put_image("hello", {base, tools}, {.kernel = kernel});

  VerifyReport verify(VerifyLevel level = VerifyLevel::Content) {
    return verify_image(store, image, level, pool, events, {});
  }
  void overwrite(const Digest& blob, const std::string& bytes) { write_file_atomic(store.blob_path(blob), bytes); }
  void flip(const Digest& blob, std::size_t at) {
    std::string bytes = store.read_blob(blob);
    bytes.at(at) ^= 0x10;
    overwrite(blob, bytes);
  }
};

bool mentions(const Diagnostic& problem, const std::string& word) {
  return render(problem).find(word) != std::string::npos;
}

}  // namespace

TEST_CASE("an image as it was built is whole, down to its file system") {
  Fixture f;
  const VerifyReport report = f.verify(VerifyLevel::FileSystem);
  for (const auto& problem : report.problems) CHECK(render(problem) == "");
  CHECK(report.ok());
  CHECK(report.images == 1);
  CHECK(report.blobs == 5);  // manifest, config, two layers, kernel
  CHECK(report.bytes > 700'000);
}

TEST_CASE("a flipped bit in any kind of byte is found, and who is affected is said") {
  Fixture f;
  const auto base_size = static_cast<std::size_t>(fs::file_size(f.store.blob_path(f.base.digest)));
  const Footer footer = [&] {
    const std::string bytes = f.store.read_blob(f.base.digest);
    return decode_footer(std::as_bytes(std::span(bytes)).last(kFooterSize), bytes.size(), "blob");
  }();
  struct Hit {
    const char* where;
    Digest blob;
    std::size_t at;
    const char* names;
  };
  const Hit hits[] = {
      {"the first frame's header", f.base.digest, 1, "offset"},
      {"data of a frame", f.base.digest, 300'000, "offset"},
      {"the index", f.base.digest, static_cast<std::size_t>(footer.index_offset + footer.index_size / 2), "index"},
      {"the footer", f.base.digest, base_size - 10, "layer blob"},
      {"the second layer", f.tools.digest, 1000, "layer 'tools'"},
      {"the kernel", f.kernel, 3, "its kernel"},
      {"the manifest", f.image, 40, "manifest"},
      {"the config", f.store.load_image(f.image).digest, 60, "manifest"},
  };
  for (const auto& hit : hits) {
    CAPTURE(hit.where);
    const std::string before = f.store.read_blob(hit.blob);
    f.flip(hit.blob, hit.at);
    const VerifyReport report = f.verify();
    REQUIRE(report.problems.size() == 1);
    const Diagnostic& problem = report.problems.front();
    CAPTURE(render(problem));
    CHECK(mentions(problem, hit.blob.to_string()));
    CHECK(mentions(problem, "hello:latest"));
    CHECK(mentions(problem, hit.names));
    CHECK(!problem.hints.empty());
    f.overwrite(hit.blob, before);
    REQUIRE(f.verify().ok());
  }
}

TEST_CASE("a blob that is missing, too short or too long is reported as that") {
  Fixture f;
  const std::string before = f.store.read_blob(f.tools.digest);
  f.overwrite(f.tools.digest, before.substr(0, before.size() / 2));
  VerifyReport report = f.verify();
  REQUIRE(report.problems.size() == 1);
  CHECK(mentions(report.problems[0], "it has " + std::to_string(before.size() / 2) + " bytes"));
  f.overwrite(f.tools.digest, before + "x");
  CHECK(f.verify().problems.size() == 1);
  fs::remove(f.store.blob_path(f.tools.digest));
  report = f.verify();
  REQUIRE(report.problems.size() == 1);
  CHECK(report.problems[0].code == "S051");
}

TEST_CASE("a blob that has its digest but breaks a rule is reported by the rule") {
  Fixture f;
  // A layer with the digest that it should have, whose frame does not have the digest that its index says.
  LayerIndex index = *f.store.layer_index(f.tools.digest);
  index.frames.at(0).digest = sha256("something else");
  const std::string blob = f.store.read_blob(f.tools.digest);
  const Footer footer = decode_footer(std::as_bytes(std::span(blob)).last(kFooterSize), blob.size(), "blob");
  const std::string forged = blob.substr(0, footer.index_offset) + encode_index(index, footer.index_offset);
  LayerRef layer = f.tools;
  layer.digest = f.store.add_blob(forged);
  f.image = f.put_image("forged", {f.base, layer});
  const VerifyReport report = f.verify();
  REQUIRE(report.problems.size() == 1);
  CHECK(report.problems[0].code == "S054");
  CHECK(mentions(report.problems[0], "forged:latest, layer 'tools'"));
  CHECK(f.verify(VerifyLevel::Blobs).ok());
}

TEST_CASE("a config that names another content digest does not pass") {
  Fixture f;
  ImageConfig config = f.store.load_image(f.image).config;
  config.content_digest = sha256("other");
  f.image = f.store.put_image(config, {f.base, f.tools});
  const VerifyReport report = f.verify();
  REQUIRE(report.problems.size() == 1);
  CHECK(report.problems[0].code == "S055");
}

TEST_CASE("a device without a file system is what e2fsck says it is") {
  TestStore f;
  LayerIndex index;
  index.device_bytes = 128ULL << 20;
  index.content_digest = SpanTree().root(index.device_bytes);
  const std::string blob = encode_index(index, 0);
  const LayerRef layer{.digest = f.store.add_blob(blob),
                       .size_bytes = blob.size(),
                       .name = "empty",
                       .content_digest = index.content_digest};
  const Digest image = f.put_image("empty", {layer});
  CHECK(verify_image(f.store, image, VerifyLevel::Content, f.pool, f.events, {}).ok());
  const VerifyReport report = verify_image(f.store, image, VerifyLevel::FileSystem, f.pool, f.events, {});
  REQUIRE(report.problems.size() == 1);
  CHECK(report.problems[0].code == "S056");
  CHECK(mentions(report.problems[0], "e2fsck: "));
}

TEST_CASE("verifying the store looks at shared blobs once, and at what no image needs") {
  Fixture f;
  f.put_image("second", {f.base});
  const Digest loose = f.store.add_blob("loose");
  write_file_atomic(f.store.deb_path(sha256("a package")), "a package");
  VerifyReport report = verify_store(f.store, VerifyLevel::Content, f.pool, f.events, {});
  CHECK(report.ok());
  CHECK(report.images == 2);
  CHECK(report.blobs == 8);
  f.flip(loose, 0);
  write_file_atomic(f.store.deb_path(sha256("a package")), "b package");
  report = verify_store(f.store, VerifyLevel::Content, f.pool, f.events, {});
  REQUIRE(report.problems.size() == 2);
  CHECK(mentions(report.problems[0], loose.to_string()));
  CHECK(report.problems[1].code == "S052");
  CHECK(report.problems[0].context.empty());
}

TEST_CASE("verifying stops when it is asked to") {
  Fixture f;
  std::stop_source stop;
  stop.request_stop();
  bool interrupted = false;
  try {
    (void)verify_image(f.store, f.image, VerifyLevel::Content, f.pool, f.events, stop.get_token());
  } catch (const Interrupted&) {
    interrupted = true;
  }
  CHECK(interrupted);
}
