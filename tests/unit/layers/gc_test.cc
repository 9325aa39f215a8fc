#include "layers/gc.h"

#include <catch2/catch.hpp>

#include "base/file.h"
#include "layers/store_lease.h"
#include "tests/unit/layers/store_fixture.h"

namespace fs = std::filesystem;
using namespace blueprint;
using namespace blueprint::layers;

namespace {

constexpr std::int64_t kDay = 24 * 3600;

/// Makes everything in the store look as if it was used `seconds` ago.
void age_all(const Store& store, std::int64_t seconds) {
  for (const auto& entry : fs::recursive_directory_iterator(store.root())) {
    if (entry.path().parent_path().filename() != "locks" && entry.path().filename() != "version")
      age(entry.path(), seconds);
  }
}

GcReport::Kind freed(const GcReport& report, const std::string& kind) {
  for (const auto& entry : report.freed) {
    if (entry.kind == kind) return entry;
  }
  FAIL("no kind " << kind);
  return {};
}

Digest put_tagged(Store& store, const std::string& name, const std::vector<LayerRef>& layers) {
  ImageConfig config;
  config.name = name;
  config.kernel = store.add_blob("kernel of " + name);
  const Digest image = store.put_image(config, layers);
  store.tag(name, image);
  return image;
}

void write_deb(const Store& store, const std::string& content) {
  write_file_atomic(store.deb_path(sha256(content)), content);
}

}  // namespace

TEST_CASE("gc keeps all that a tagged image needs, whatever its age") {
  const TempDir dir;
  Store store(dir.path());
  const LayerRef cited = add_layer(store, "cited");
  const LayerRef base = add_layer(store, "base");
  const Digest image = put_tagged(store, "hello", {base, add_layer(store, "tools", {cited.digest})});
  const std::string content = blueprint::read_file(store.root() / "index.json");
  age_all(store, 1000 * kDay);
  const GcReport report = collect_garbage(store, {});
  CHECK(report.freed_bytes() == 0);
  CHECK(report.kept_blobs == 6);  // three layers, kernel, config, manifest
  CHECK(blueprint::read_file(store.root() / "index.json") == content);
  CHECK(store.load_image(image).layers.size() == 2);
  CHECK(store.has_blob(cited.digest));
}

TEST_CASE("gc frees an image that lost its tag, but not the blobs that it shares") {
  const TempDir dir;
  Store store(dir.path());
  const LayerRef base = add_layer(store, "base");
  const LayerRef only = add_layer(store, "only in old");
  const Digest old_image = put_tagged(store, "old", {base, only});
  const Digest new_image = put_tagged(store, "new", {base});
  store.untag("old");
  age_all(store, 100 * kDay);
  const GcReport report = collect_garbage(store, {});
  CHECK(freed(report, "images").items == 1);
  CHECK(freed(report, "blobs").items == 4);  // layer, kernel, config, manifest
  CHECK(freed(report, "blobs").bytes > 0);
  CHECK(store.images() == std::vector<Digest>{new_image});
  CHECK(store.has_blob(base.digest));
  CHECK(!store.has_blob(only.digest));
  CHECK(!store.has_blob(old_image));
}

TEST_CASE("gc keeps young things, and without grace it does not") {
  const TempDir dir;
  Store store(dir.path());
  const Digest image = store.put_image({}, {add_layer(store, "base")});
  const Digest loose = store.add_blob("loose");
  age_all(store, 3600);
  CHECK(collect_garbage(store, {}).freed_bytes() == 0);
  CHECK(store.has_blob(loose));
  collect_garbage(store, {.grace = std::chrono::seconds(0)});
  CHECK(!store.has_blob(loose));
  CHECK(!store.has_blob(image));
  CHECK(store.images().empty());
}

TEST_CASE("a dry run says what gc would free, and frees nothing") {
  const TempDir dir;
  Store store(dir.path());
  const Digest image = store.put_image({}, {add_layer(store, "base")});
  write_deb(store, "a package");
  age_all(store, 100 * kDay);
  const GcReport dry = collect_garbage(store, {.mode = GcOptions::Mode::DryRun});
  CHECK(store.load_image(image).layers.size() == 1);
  const GcReport wet = collect_garbage(store, {});
  REQUIRE(dry.freed.size() == wet.freed.size());
  for (std::size_t i = 0; i < dry.freed.size(); ++i) {
    CAPTURE(dry.freed[i].kind);
    CHECK(dry.freed[i].items == wet.freed[i].items);
    CHECK(dry.freed[i].bytes == wet.freed[i].bytes);
  }
  CHECK(freed(wet, "debs").items == 1);
  CHECK(!store.has_blob(image));
}

TEST_CASE("gc keeps the layers of recent keys and what those cite") {
  const TempDir dir;
  Store store(dir.path());
  const LayerRef cited = add_layer(store, "cited");
  const LayerRef recent = add_layer(store, "recent", {cited.digest});
  const LayerRef old = add_layer(store, "old");
  const Digest deb = sha256("a package");
  write_deb(store, "a package");
  write_deb(store, "another package");
  store.put_key(sha256("old"), {.layer = old, .record = "{}"});
  age_all(store, 100 * kDay);
  store.put_key(sha256("recent"),
                {.layer = recent, .record = R"({"recipe":"r","layer":"l","debs":[")" + deb.hex() + R"("]})"});
  collect_garbage(store, {});
  CHECK(store.find_key(sha256("recent")));
  CHECK(store.has_blob(cited.digest));
  CHECK(!store.find_key(sha256("old")));
  CHECK(!store.has_blob(old.digest));
  CHECK(fs::exists(store.deb_path(deb)));
  CHECK(!fs::exists(store.deb_path(sha256("another package"))));
  CHECK(store.recent_keys("r", "l").size() == 1);
}

TEST_CASE("an old key stays as long as an image has its layer") {
  const TempDir dir;
  Store store(dir.path());
  const LayerRef base = add_layer(store, "base");
  put_tagged(store, "hello", {base});
  store.put_key(base.key, {.layer = base, .record = "{}"});
  age_all(store, 100 * kDay);
  collect_garbage(store, {});
  CHECK(store.find_key(base.key));
}

TEST_CASE("a recent key may lead to an image, and then keeps all of it") {
  const TempDir dir;
  Store store(dir.path());
  const LayerRef base = add_layer(store, "base");
  const Digest image = put_tagged(store, "hello", {base});
  store.untag("hello");
  age_all(store, 10 * kDay);
  store.put_key(sha256("image key"), {.layer = {.digest = image, .name = "image"}, .record = "{}"});
  collect_garbage(store, {});
  REQUIRE(store.find_key(sha256("image key")));
  CHECK(store.load_image(image).layers.size() == 1);
  CHECK(store.has_blob(base.digest));
  store.tag("hello", image);
  CHECK(store.resolve("hello") == image);
}

TEST_CASE("a key whose layer is gone goes") {
  const TempDir dir;
  Store store(dir.path());
  const LayerRef base = add_layer(store, "base");
  store.put_key(base.key, {.layer = base, .record = R"({"recipe":"r","layer":"l"})"});
  fs::remove(store.blob_path(base.digest));
  CHECK(freed(collect_garbage(store, {}), "keys").items == 1);
  CHECK(fs::is_empty(store.root() / "keys/by-name"));
}

TEST_CASE("an image with a lease stays until the lease ends") {
  const TempDir dir;
  Store store(dir.path());
  const Digest image = store.put_image({}, {add_layer(store, "base")});
  {
    const Lease lease(store, image, "a sandbox");
    age_all(store, 100 * kDay);
    collect_garbage(store, {});
    CHECK(store.load_image(image).layers.size() == 1);
  }
  collect_garbage(store, {});
  CHECK(!store.has_blob(image));
}

TEST_CASE("the lease of a dead process keeps nothing") {
  const TempDir dir;
  Store store(dir.path());
  const Digest image = store.put_image({}, {add_layer(store, "base")});
  write_file_atomic(store.leases() / "lease-1-0.json", R"({"image":")" + image.to_string() + R"("})");
  age_all(store, 100 * kDay);
  collect_garbage(store, {});
  CHECK(!store.has_blob(image));
  CHECK(fs::is_empty(store.leases()));
}

TEST_CASE("what a running build stored or reused stays without any grace") {
  const TempDir dir;
  Store store(dir.path());
  const LayerRef reused = add_layer(store, "reused");
  const LayerRef unused = add_layer(store, "unused");
  store.put_key(reused.key, {.layer = reused, .record = "{}"});
  age_all(store, 100 * kDay);
  Store build(dir.path());
  (void)build.tmp();
  REQUIRE(build.find_key(reused.key));
  const Digest stored = build.add_blob("stored");
  const GcReport report =
      collect_garbage(store, {.grace = std::chrono::seconds(0), .key_age = std::chrono::seconds(0)});
  CHECK(report.live_writers == 1);
  CHECK(store.has_blob(reused.digest));
  CHECK(store.has_blob(stored));
  CHECK(!store.has_blob(unused.digest));
  CHECK(fs::is_directory(build.tmp()));
}

TEST_CASE("what a dead build left under tmp goes, and what a live one has stays") {
  const TempDir dir;
  Store store(dir.path());
  fs::create_directories(store.root() / "tmp/work-1-0/upper");
  write_file_atomic(store.root() / "tmp/work-1-0/upper/file", std::string(100'000, 'x'));
  write_file_atomic(store.root() / "tmp/work-1-0.lock", "");
  Store build(dir.path());
  write_file_atomic(build.tmp() / "file", "in use");
  const GcReport report = collect_garbage(store, {});
  CHECK(freed(report, "temporary").bytes >= 100'000);
  CHECK(!fs::exists(store.root() / "tmp/work-1-0"));
  CHECK(!fs::exists(store.root() / "tmp/work-1-0.lock"));
  CHECK(blueprint::read_file(build.tmp() / "file") == "in use");
}

TEST_CASE("files that a killed writer left half-written go once they are old") {
  const TempDir dir;
  Store store(dir.path());
  const fs::path leftovers[] = {store.root() / ".index.json.Ab12Cd", store.root() / "blobs/sha256/.00ff.Ab12Cd",
                                store.root() / "keys/.00ff.json.Ab12Cd"};
  for (const auto& path : leftovers) write_file_atomic(path, "half");
  collect_garbage(store, {});
  for (const auto& path : leftovers) CHECK(fs::exists(path));
  age_all(store, 100 * kDay);
  CHECK(freed(collect_garbage(store, {}), "temporary").items == 3);
  for (const auto& path : leftovers) CHECK(!fs::exists(path));
}

TEST_CASE("trees go by age, by size, and with their layer") {
  const TempDir dir;
  Store store(dir.path());
  const auto publish = [&](const LayerRef& layer, std::int64_t age_seconds) {
    fs::create_directories(store.tmp() / "tree");
    write_file_atomic(store.tmp() / "tree/file", std::string(1 << 20, 'x'));
    store.publish_tree(store.tmp() / "tree", layer.digest);
    age(store.tree_path(layer.digest).string() + ".used", age_seconds);
  };
  std::vector<LayerRef> layers;
  {
    Store writer(dir.path());
    for (const char* name : {"recent", "less recent", "old"}) layers.push_back(add_layer(writer, name));
  }
  put_tagged(store, "hello", layers);
  const LayerRef gone{.digest = sha256("gone")};
  publish(layers[0], 2 * 3600);
  publish(layers[1], kDay);
  publish(layers[2], 30 * kDay);
  publish(gone, 2 * 3600);
  // The store that published them counts as a running build; a fresh one collects after it has gone.
  const fs::path root = store.root();
  store = Store(root);
  const GcReport report = collect_garbage(store, {});
  CHECK(freed(report, "trees").items == 2);
  CHECK(freed(report, "trees").bytes >= 2 << 20);
  CHECK(store.find_tree(layers[0].digest));
  CHECK(!store.find_tree(layers[2].digest));
  CHECK(!store.find_tree(gone.digest));
  collect_garbage(store, {.tree_bytes = 3 << 19});
  CHECK(store.find_tree(layers[0].digest));
  CHECK(!store.find_tree(layers[1].digest));
  CHECK(std::distance(fs::directory_iterator(store.root() / "trees"), {}) == 2);
}

TEST_CASE("caches of scripts go when nobody has used them for long and nobody is using them") {
  const TempDir dir;
  Store store(dir.path());
  for (const char* name : {"old", "used", "young"}) {
    fs::create_directories(store.root() / "caches" / name);
    write_file_atomic(store.root() / "caches" / name / "data", "x");
  }
  age_all(store, 100 * kDay);
  age(store.root() / "caches/young", kDay);
  const UniqueFd lock = lock_named_file(store.root() / "locks/cache-used", Wait::No);
  CHECK(freed(collect_garbage(store, {}), "caches").items == 1);
  CHECK_FALSE(fs::exists(store.root() / "caches/old"));
  CHECK(fs::exists(store.root() / "caches/used/data"));
  CHECK(fs::exists(store.root() / "caches/young/data"));
}

TEST_CASE("gc removes nothing when it cannot tell what a damaged image needs") {
  const TempDir dir;
  Store store(dir.path());
  const Digest image = put_tagged(store, "hello", {add_layer(store, "base")});
  const Digest loose = store.add_blob("loose");
  age_all(store, 100 * kDay);
  std::string text = store.read_blob(image);
  text[10] ^= 1;
  write_file_atomic(store.blob_path(image), text);
  CHECK(failure_of([&] { collect_garbage(store, {}); }).code == "S015");
  CHECK(store.has_blob(loose));
}

TEST_CASE("gc keeps what other tools keep in the same layout") {
  const TempDir dir;
  Store store(dir.path());
  const Digest config = store.add_blob("{}");
  const Digest layer = store.add_blob("a tar");
  const std::string manifest = R"({"schemaVersion":2,"config":{"digest":")" + config.to_string() +
                               R"("},"layers":[{"digest":")" + layer.to_string() + R"("}]})";
  const Digest foreign = store.add_blob(manifest);
  write_file_atomic(store.root() / "index.json",
                    R"({"schemaVersion":2,"manifests":[{"digest":")" + foreign.to_string() + R"("}]})");
  age_all(store, 100 * kDay);
  CHECK(collect_garbage(store, {}).freed_bytes() == 0);
  CHECK(store.has_blob(layer));
}

TEST_CASE("usage counts what is there, by kind") {
  const TempDir dir;
  Store store(dir.path());
  store.add_blob("one");
  store.add_blob(std::string(100'000, 'x'));
  write_deb(store, "a package");
  const auto usage = store_usage(store);
  REQUIRE(usage.at(0).kind == "blobs");
  CHECK(usage[0].items == 2);
  CHECK(usage[0].bytes >= 100'000);
  CHECK(usage[0].newest >= usage[0].oldest);
  CHECK(usage.at(2).kind == "debs");
  CHECK(usage[2].items == 1);
}
