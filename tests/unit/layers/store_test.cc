#include "layers/store.h"

#include <regex>

#include <sys/stat.h>
#include <catch2/catch.hpp>

#include "base/file.h"
#include "base/json.h"
#include "layers/index_snapshot.h"
#include "layers/store_lease.h"
#include "tests/unit/layers/store_fixture.h"

namespace fs = std::filesystem;
using namespace blueprint;
using namespace blueprint::layers;

namespace {

ImageConfig full_config(Store& store) {
  ImageConfig config;
  config.name = "acme/agent-base";
  config.description = "Python and Node";
  config.content_digest = sha256("content");
  config.device_bytes = 128ULL << 20;
  config.env = {{"LANG", "C.UTF-8"}, {"PATH", "/usr/bin:/bin"}};
  config.user = "user";
  config.workdir = "/home/user";
  config.launch_cpu = 2;
  config.launch_memory_bytes = 4ULL << 30;
  config.launch_disk_bytes = 20ULL << 30;
  config.launch_ports = {8080, 443};
  config.launch_commands = {"serve --all"};
  config.launch_gpu = 2;
  config.kernel = store.add_blob("a kernel");
  config.kernel_version = "6.1.0-13-amd64";
  config.packages = {{"bash", "5.2.15-2+b2", "amd64"}, {"zlib1g", "1:1.2.13", "amd64"}};
  config.labels = {{"team", "platform"}};
  config.epoch = 1'700'000'000;
  return config;
}

std::int64_t seconds_since_use(const fs::path& path) {
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  return ::time(nullptr) - status.st_mtime;
}

}  // namespace

TEST_CASE("a new store is an OCI image layout") {
  const TempDir dir;
  const Store store(dir.path() / "a/b");
  CHECK(parse_json(blueprint::read_file(store.root() / "oci-layout"), "oci-layout")["imageLayoutVersion"] == "1.0.0");
  const Json index = parse_json(blueprint::read_file(store.root() / "index.json"), "index.json");
  CHECK(index["schemaVersion"] == 2);
  CHECK(index["manifests"].empty());
  CHECK(fs::is_directory(store.root() / "blobs/sha256"));
}

TEST_CASE("a store of a newer version is refused with what to do") {
  const TempDir dir;
  { const Store store(dir.path()); }
  write_file_atomic(dir.path() / "version", "7\n");
  const Diagnostic fault = failure_of([&] { const Store store(dir.path()); });
  CHECK(fault.code == "S001");
  CHECK(fault.message.find("format 7") != std::string::npos);
  CHECK(fault.hints.at(0).find("upgrade") != std::string::npos);
}

TEST_CASE("a directory with something else in it does not become a store") {
  const TempDir dir;
  write_file_atomic(dir.path() / "thesis.tex", "\\begin{document}");
  const Diagnostic fault = failure_of([&] { const Store store(dir.path()); });
  CHECK(fault.code == "S003");
  CHECK(fault.message.find("thesis.tex") != std::string::npos);
  CHECK(!fs::exists(dir.path() / "blobs"));
}

TEST_CASE("a store whose creation was cut short is completed") {
  const TempDir dir;
  fs::create_directories(dir.path() / "blobs");
  write_file_atomic(dir.path() / ".version.Ab12Cd", "");
  Store store(dir.path());
  CHECK(store.has_blob(store.add_blob("x")));
}

TEST_CASE("a path below a file cannot become a store") {
  const TempDir dir;
  write_file_atomic(dir.path() / "file", "");
  CHECK(failure_of([&] { const Store store(dir.path() / "file/store"); }).code == "S002");
}

TEST_CASE("blobs are found by their digest") {
  const TempDir dir;
  Store store(dir.path());
  const Digest digest = store.add_blob("hello");
  CHECK(digest == sha256("hello"));
  CHECK(store.has_blob(digest));
  CHECK(store.read_blob(digest) == "hello");
  CHECK(store.add_blob("hello") == digest);
  CHECK(!store.has_blob(sha256("other")));
  const Diagnostic fault = failure_of([&] { (void)store.read_blob(sha256("other")); });
  CHECK(fault.code == "S010");
  CHECK(fault.message.find(sha256("other").to_string()) != std::string::npos);
}

TEST_CASE("an adopted file becomes a blob and leaves its place") {
  const TempDir dir;
  Store store(dir.path());
  const fs::path file = store.tmp() / "finished";
  write_file_atomic(file, "content", 0600);
  store.adopt_blob(file, sha256("content"));
  CHECK(!fs::exists(file));
  CHECK(store.read_blob(sha256("content")) == "content");
  write_file_atomic(file, "content");
  store.adopt_blob(file, sha256("content"));
  CHECK(!fs::exists(file));
}

TEST_CASE("the directory of a process under tmp goes with the last copy of its store") {
  const TempDir dir;
  fs::path tmp;
  {
    Store store(dir.path());
    const Store copy = store;
    tmp = store.tmp();
    CHECK(copy.tmp() == tmp);
    CHECK(fs::is_directory(tmp));
    const Store other(dir.path());
    CHECK(other.tmp() != tmp);
  }
  CHECK(fs::is_empty(dir.path() / "tmp"));
}

TEST_CASE("an image is loaded as it was put") {
  const TempDir dir;
  Store store(dir.path());
  const LayerRef base = add_layer(store, "base");
  const LayerRef tools = add_layer(store, "tools");
  const ImageConfig config = full_config(store);
  const Digest manifest = store.put_image(config, {base, tools});
  const ImageRecord record = store.load_image(manifest);
  CHECK(record.digest == manifest);
  CHECK(record.config == config);
  CHECK(record.layers == std::vector<LayerRef>{base, tools});
  CHECK(record.cited_blobs.empty());
  CHECK(store.images() == std::vector<Digest>{manifest});
}

TEST_CASE("the same image gives the same manifest in every store") {
  const TempDir dir;
  Store first(dir.path() / "1");
  Store second(dir.path() / "2");
  const auto put = [](Store& store) { return store.put_image(full_config(store), {add_layer(store, "base")}); };
  const Digest digest = put(first);
  CHECK(digest == put(second));
  CHECK(first.read_blob(digest) == second.read_blob(digest));
  CHECK(put(first) == digest);
  CHECK(first.images().size() == 1);
}

TEST_CASE("a manifest names cited blobs and the kernel, so that registries keep them") {
  const TempDir dir;
  Store store(dir.path());
  const LayerRef cited = add_layer(store, "an earlier build");
  const LayerRef base = add_layer(store, "base");
  const LayerRef layer = add_layer(store, "tools", {base.digest, cited.digest});
  const ImageConfig config = full_config(store);
  const Digest manifest = store.put_image(config, {base, layer});
  const Json json = parse_json(store.read_blob(manifest), "manifest");
  CHECK(json["artifactType"] == "application/vnd.blueprint.image.v1");
  REQUIRE(json["layers"].size() == 4);
  CHECK(json["layers"][0]["annotations"]["vnd.blueprint.layer.name"] == "base");
  CHECK(json["layers"][2]["digest"] == cited.digest.to_string());
  CHECK(json["layers"][2]["annotations"]["vnd.blueprint.role"] == "cited");
  CHECK(json["layers"][3]["digest"] == config.kernel->to_string());
  CHECK(json["layers"][3]["mediaType"] == "application/vnd.blueprint.kernel.v1");
  const ImageRecord record = store.load_image(manifest);
  REQUIRE(record.cited_blobs.size() == 1);
  CHECK(record.cited_blobs[0].digest == cited.digest);
  CHECK(record.cited_blobs[0].size_bytes == fs::file_size(store.blob_path(cited.digest)));
}

TEST_CASE("an image without one of its blobs is not put") {
  const TempDir dir;
  Store store(dir.path());
  const LayerRef base = add_layer(store, "base");
  const LayerRef layer = add_layer(store, "tools", {sha256("gone")});
  const Diagnostic fault = failure_of([&] { (void)store.put_image({}, {base, layer}); });
  CHECK(fault.code == "S010");
  CHECK(fault.message.find(sha256("gone").to_string()) != std::string::npos);
  CHECK(store.images().empty());
}

TEST_CASE("a manifest or config whose bytes changed is not believed") {
  const TempDir dir;
  Store store(dir.path());
  const Digest manifest = store.put_image(full_config(store), {add_layer(store, "base")});
  std::string text = store.read_blob(manifest);
  text[text.size() / 2] ^= 1;
  fs::permissions(store.blob_path(manifest), fs::perms::owner_all);
  write_file_atomic(store.blob_path(manifest), text);
  CHECK(failure_of([&] { (void)store.load_image(manifest); }).code == "S015");
}

// The second was found by the fuzzer: undefined behaviour, not only another number.
TEST_CASE("a number out of its range makes a config invalid, and is not cut to fit") {
  const TempDir dir;
  Store store(dir.path());
  const LayerRef base = add_layer(store, "base");
  const Digest image = store.put_image(full_config(store), {base});
  const Json manifest = parse_json(store.read_blob(image), "manifest");
  const Json config =
      parse_json(store.read_blob(*Digest::parse(manifest["config"]["digest"].get<std::string>())), "config");
  const std::vector<std::pair<const char*, Json>> wrong = {
      {"/launch/ports/0", 70000}, {"/epoch", 3.3e64}, {"/epoch", -1}, {"/device_bytes", 0.5}};
  for (const auto& [place, number] : wrong) {
    Json forged = config;
    forged[Json::json_pointer(place)] = number;
    Json forged_manifest = manifest;
    forged_manifest["config"]["digest"] = store.add_blob(forged.dump()).to_string();
    const Digest digest = store.import_image(forged_manifest.dump());
    const Diagnostic fault = failure_of([&] { (void)store.load_image(digest); });
    CHECK(fault.code == "S015");
    CHECK(fault.message.find("is not a number in its range") != std::string::npos);
  }
}

TEST_CASE("an OCI image of another kind is not taken for one of ours") {
  const TempDir dir;
  Store store(dir.path());
  const Digest other = store.add_blob(
      R"({"schemaVersion":2,"config":{"mediaType":"application/vnd.oci.image.config.v1+json"},"layers":[]})");
  CHECK(failure_of([&] { (void)store.load_image(other); }).code == "S014");
  CHECK(failure_of([&] { store.tag("other", other); }).code == "S014");
}

TEST_CASE("an image comes in by the bytes of its manifest once its blobs are there") {
  const TempDir dir;
  Store from(dir.path() / "from");
  Store to(dir.path() / "to");
  const Digest manifest = from.put_image(full_config(from), {add_layer(from, "base")});
  CHECK(failure_of([&] { to.import_image(from.read_blob(manifest)); }).code == "S010");
  for (const auto& blob : fs::directory_iterator(from.root() / "blobs/sha256")) to.add_blob(blueprint::read_file(blob));
  CHECK(to.import_image(from.read_blob(manifest)) == manifest);
  CHECK(to.load_image(manifest).config == from.load_image(manifest).config);
  CHECK(to.images() == std::vector<Digest>{manifest});
}

TEST_CASE("tags name images and move") {
  const TempDir dir;
  Store store(dir.path());
  const LayerRef base = add_layer(store, "base");
  const Digest first = store.put_image({.name = "first"}, {base});
  const Digest second = store.put_image({.name = "second"}, {base});
  store.tag("hello", first);
  store.tag("acme/base:v2", first);
  CHECK(store.tags() == std::map<std::string, Digest>{{"hello:latest", first}, {"acme/base:v2", first}});
  store.tag("hello", second);
  CHECK(store.resolve("hello") == second);
  CHECK(store.resolve("hello:latest") == second);
  CHECK(store.resolve("acme/base:v2") == first);
  CHECK(store.images().size() == 2);
  store.untag("acme/base:v2");
  CHECK(store.tags().size() == 1);
  CHECK(store.images().size() == 2);
  store.remove_image(second);
  CHECK(store.tags().empty());
  CHECK(store.images() == std::vector<Digest>{first});
}

TEST_CASE("a tag that says what it said already writes nothing") {
  const TempDir dir;
  Store store(dir.path());
  const Digest image = store.put_image({}, {add_layer(store, "base")});
  store.tag("hello", image);
  age(store.root() / "index.json", 100);
  CHECK(store.put_image({}, {add_layer(store, "base")}) == image);
  store.tag("hello", image);
  CHECK(seconds_since_use(store.root() / "index.json") >= 100);
}

TEST_CASE("names that OCI does not allow are no tags") {
  const TempDir dir;
  Store store(dir.path());
  const Digest image = store.put_image({}, {add_layer(store, "base")});
  for (const char* name : {"", "a b", "/a", "a/", "a//b", "a..b", "../x", "a:", "\x1b[31m", "é"}) {
    CAPTURE(name);
    CHECK(failure_of([&] { store.tag(name, image); }).code == "S013");
  }
  for (const char* name : {"a", "a--b", "acme/base:v1.2_3", "registry.example:5000/team/base:1"}) {
    CAPTURE(name);
    store.tag(name, image);
    CHECK(store.resolve(name) == image);
  }
}

TEST_CASE("a reference may be a digest or the beginning of one") {
  const TempDir dir;
  Store store(dir.path());
  const LayerRef base = add_layer(store, "base");
  const Digest image = store.put_image({}, {base});
  CHECK(store.resolve(image.to_string()) == image);
  CHECK(store.resolve("anything:v1@" + image.to_string()) == image);
  CHECK(store.resolve(image.hex().substr(0, 6)) == image);
  CHECK(failure_of([&] { (void)store.resolve(image.hex().substr(0, 5)); }).code == "S011");
  CHECK(failure_of([&] { (void)store.resolve(base.digest.to_string()); }).code == "S011");
}

TEST_CASE("a beginning that several digests have is ambiguous") {
  const TempDir dir;
  Store store(dir.path());
  // Entries as another tool would write them: the digests need not be those of blobs.
  Json index = parse_json(blueprint::read_file(store.root() / "index.json"), "index.json");
  for (const char last : {'0', '1'}) {
    Json entry;
    entry["mediaType"] = "application/vnd.oci.image.manifest.v1+json";
    entry["digest"] = "sha256:abcdef12" + std::string(55, '0') + last;
    entry["size"] = 2;
    entry["artifactType"] = "application/vnd.blueprint.image.v1";
    index["manifests"].push_back(entry);
  }
  write_file_atomic(store.root() / "index.json", index.dump());
  const Diagnostic fault = failure_of([&] { (void)store.resolve("abcdef12"); });
  CHECK(fault.code == "S012");
}

TEST_CASE("an unknown reference is answered with near names") {
  const TempDir dir;
  Store store(dir.path());
  const Digest image = store.put_image({}, {add_layer(store, "base")});
  store.tag("hello", image);
  const Diagnostic fault = failure_of([&] { (void)store.resolve("helo"); });
  CHECK(fault.code == "S011");
  CHECK(fault.hints.at(0) == "did you mean 'hello'?");
  CHECK(failure_of([&] { store.untag("hallo:latest"); }).code == "S011");
}

TEST_CASE("a damaged index.json is named, not overwritten") {
  const TempDir dir;
  Store store(dir.path());
  for (const char* text : {"", "{", "[]", R"({"manifests":[{"digest":7}]})", R"({"manifests":3})"}) {
    write_file_atomic(store.root() / "index.json", text);
    const Diagnostic fault = failure_of([&] { (void)store.put_image({}, {add_layer(store, "base")}); });
    CHECK(fault.code == "S004");
    CHECK(fault.message.find("index.json") != std::string::npos);
    CHECK(blueprint::read_file(store.root() / "index.json") == text);
  }
}

TEST_CASE("index.json is read again when it is another file, and only then") {
  const TempDir dir;
  Store store(dir.path());
  const Digest image = store.put_image(full_config(store), {add_layer(store, "base")});
  const auto before = store.index();
  CHECK(store.images() == std::vector<Digest>{image});
  CHECK(store.index() == before);
  Store(dir.path()).tag("hello", image);  // as another process would
  CHECK(store.index() != before);
  CHECK(store.find_tag("hello") == image);
  CHECK(before->tags.empty());
}

TEST_CASE("an index.json of the same size and time as the one before it is another file") {
  const TempDir dir;
  Store store(dir.path());
  store.tag("one", store.put_image(full_config(store), {add_layer(store, "base")}));
  const fs::path path = store.root() / "index.json";
  const std::string other = std::regex_replace(blueprint::read_file(path), std::regex("one:latest"), "two:latest");
  // Several times: a file system gives the number of a file that is gone to the next one.
  for (int round = 0; round < 4; ++round) {
    const std::string& text = round % 2 == 0 ? other : std::regex_replace(other, std::regex("two:"), "one:");
    CHECK(store.find_tag(round % 2 == 0 ? "one" : "two"));
    write_file_atomic(path, text);
    const timespec times[2] = {{.tv_sec = 1'700'000'000, .tv_nsec = 0}, {.tv_sec = 1'700'000'000, .tv_nsec = 0}};
    REQUIRE(::utimensat(AT_FDCWD, path.c_str(), times, 0) == 0);
    CHECK(store.find_tag(round % 2 == 0 ? "two" : "one"));
  }
}

TEST_CASE("a key is found while the blob of its layer is there") {
  const TempDir dir;
  Store store(dir.path());
  const LayerRef layer = add_layer(store, "tools");
  const Digest key = sha256("key of tools");
  CHECK(!store.find_key(key));
  store.put_key(key, {.layer = layer, .record = R"({"recipe":"web","layer":"tools"})", .facts = R"({"packages":[]})"});
  const auto found = store.find_key(key);
  REQUIRE(found);
  CHECK(found->layer == layer);
  CHECK(found->record == R"({"recipe":"web","layer":"tools"})");
  CHECK(found->facts == R"({"packages":[]})");
  fs::remove(store.blob_path(layer.digest));
  CHECK(!store.find_key(key));
}

TEST_CASE("a key file that power loss emptied is a miss") {
  const TempDir dir;
  Store store(dir.path());
  const Digest key = sha256("key");
  store.put_key(key, {.layer = add_layer(store, "tools"), .record = "{}"});
  REQUIRE(store.find_key(key));
  for (const char* text : {"", "{", "{}", "[1]", R"({"digest":4})"}) {
    write_file_atomic(store.root() / "keys" / (key.hex() + ".json"), text);
    CHECK(!store.find_key(key));
  }
}

TEST_CASE("what is reused is touched, but not more than once an hour") {
  const TempDir dir;
  Store store(dir.path());
  const LayerRef layer = add_layer(store, "tools");
  const Digest key = sha256("key");
  store.put_key(key, {.layer = layer, .record = "{}"});
  age(store.blob_path(layer.digest), 30 * 60);
  REQUIRE(store.find_key(key));
  CHECK(seconds_since_use(store.blob_path(layer.digest)) >= 30 * 60);
  age(store.blob_path(layer.digest), 100 * 24 * 3600);
  REQUIRE(store.find_key(key));
  CHECK(seconds_since_use(store.blob_path(layer.digest)) < 60);
}

TEST_CASE("recent keys are those of one layer of one recipe, newest first, and few") {
  const TempDir dir;
  Store store(dir.path());
  const LayerRef layer = add_layer(store, "tools");
  for (int i = 0; i < 40; ++i) {
    const std::string record = R"({"recipe":"web","layer":"tools","n":)" + std::to_string(i) + "}";
    store.put_key(sha256(std::to_string(i)), {.layer = layer, .record = record});
  }
  store.put_key(sha256("other"), {.layer = layer, .record = R"({"recipe":"web","layer":"other"})"});
  const auto recent = store.recent_keys("web", "tools");
  CHECK(recent.size() == 16);
  CHECK(parse_json(recent.front().record, "record")["n"].get<int>() >= 24);
  CHECK(store.recent_keys("web", "other").size() == 1);
  CHECK(store.recent_keys("we", "btools").empty());
}

TEST_CASE("a tree is found after it was published, in the same boot of the host") {
  const TempDir dir;
  Store store(dir.path());
  const Digest layer = sha256("layer");
  CHECK(!store.find_tree(layer));
  const auto publish = [&](const std::string& text) {
    const fs::path made = store.tmp() / "tree";
    fs::create_directories(made);
    write_file_atomic(made / "file", text);
    CHECK(store.publish_tree(made, layer) == store.tree_path(layer));
  };
  publish("first");
  CHECK(store.find_tree(layer) == store.tree_path(layer));
  publish("a second, by somebody slower");
  CHECK(blueprint::read_file(store.tree_path(layer) / "file") == "first");
  fs::remove_all(store.tmp() / "tree");
  write_file_atomic(store.tree_path(layer).string() + ".used", "another boot");
  CHECK(!store.find_tree(layer));
  publish("third");
  CHECK(blueprint::read_file(store.find_tree(layer).value() / "file") == "third");
}

TEST_CASE("a lease needs its image and leaves nothing behind") {
  const TempDir dir;
  Store store(dir.path());
  CHECK(failure_of([&] { const Lease lease(store, sha256("no image"), "test"); }).code == "S010");
  const Digest image = store.put_image({}, {add_layer(store, "base")});
  fs::remove_all(store.leases());
  fs::create_directory(store.leases());
  {
    const Lease first(store, image, "one");
    const Lease second(store, image, "two");
    CHECK(std::distance(fs::directory_iterator(store.leases()), {}) == 2);
  }
  CHECK(fs::is_empty(store.leases()));
}
