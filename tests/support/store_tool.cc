// What a build does to a store, one step per run, for crash injection:
//
//   store_tool prepare DIR   a store with a tagged image, a key, a tree, and things that gc removes
//   store_tool build DIR     writes a layer on the image, its key, a new image, and tags it
//   store_tool open|tag|untag|gc DIR
//   store_tool check DIR     fails unless the store verifies and what was finished before is there
//
// Exits as blueprint does.

#include <cstdio>
#include <filesystem>
#include <string_view>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"
#include "layers/gc.h"
#include "layers/layer_writer.h"
#include "layers/store_lease.h"
#include "layers/verify.h"

namespace fs = std::filesystem;
using namespace blueprint;
using namespace blueprint::layers;

namespace {

constexpr std::int64_t kEpoch = 1'700'000'000;

PlannedChange directory(std::string path) {
  return {
      .change = {.path = std::move(path), .type = FileType::Directory, .metadata = {.mode = 0755, .mtime = {kEpoch}}}};
}

PlannedChange file(std::string path, std::string bytes) {
  PlannedChange planned{
      .change = {.path = std::move(path), .metadata = {.mode = 0644, .mtime = {kEpoch}}, .size = bytes.size()}};
  planned.source = MemoryFile{std::move(bytes)};
  return planned;
}

Digest put_image(Store& store, const std::string& name, const std::vector<LayerRef>& layers) {
  ImageConfig config;
  config.name = name;
  config.content_digest = layers.back().content_digest;
  config.device_bytes = store.layer_index(layers.back().digest)->device_bytes;
  return store.put_image(config, layers);
}

LayerRef add_layer(Store& store, const std::vector<LayerRef>& parents, std::vector<PlannedChange> changes,
                   std::string name) {
  // One thread: the calls come in the same order in every run.
  ThreadPool pool(1);
  NoEvents events;
  LayerRef layer =
      write_layer(store, parents, std::move(changes),
                  {.name = std::move(name), .epoch = kEpoch, .device_bytes = 128ULL << 20}, pool, events, {})
          .layer;
  layer.key = sha256("key of " + layer.name);
  store.put_key(layer.key,
                {.layer = layer, .record = R"({"recipe":"r","layer":")" + layer.name + R"("})", .facts = "{}"});
  return layer;
}

void age_all(const fs::path& root) {
  const timespec old{.tv_sec = ::time(nullptr) - 100 * 86400, .tv_nsec = 0};
  const timespec times[2] = {old, old};
  for (const auto& entry : fs::recursive_directory_iterator(root))
    ::utimensat(AT_FDCWD, entry.path().c_str(), times, AT_SYMLINK_NOFOLLOW);
}

void prepare(const fs::path& root) {
  Store store(root);
  const LayerRef base = add_layer(store, {}, {directory(""), directory("etc"), file("etc/motd", "hello\n")}, "base");
  store.tag("one", put_image(store, "one", {base}));
  (void)put_image(store, "forgotten",
                  {base, add_layer(store, {base}, {file("old", std::string(200'000, 'o'))}, "old")});
  store.add_blob("loose");
  write_file_atomic(store.deb_path(sha256("a package")), "a package");
  fs::create_directories(store.tmp() / "tree/etc");
  store.publish_tree(store.tmp() / "tree", sha256("a layer that is gone"));
  fs::create_directories(root / "tmp/work-1-0/upper");
  write_file_atomic(root / "tmp/work-1-0/upper/file", "left by a dead build");
  write_file_atomic(root / "tmp/work-1-0.lock", "");
  age_all(root);
}

void build(const fs::path& root) {
  Store store(root);
  const ImageRecord one = store.load_image(store.resolve("one"));
  std::vector<LayerRef> layers = one.layers;
  const auto known = store.find_key(sha256("key of tools"));
  layers.push_back(known ? known->layer : add_layer(store, layers, {file("tool", std::string(50'000, 't'))}, "tools"));
  store.tag("two", put_image(store, "two", layers));
}

void check(const fs::path& root) {
  Store store(root);
  if (store.load_image(store.resolve("one")).layers.size() != 1) throw bug("the image that was finished is not whole");
  ThreadPool pool(1);
  NoEvents events;
  std::vector<Diagnostic> problems = verify_store(store, VerifyLevel::Content, pool, events, {}).problems;
  if (!problems.empty()) throw Error(std::move(problems));
  for (const char* name : {"base", "tools", "old"}) {
    if (const auto known = store.find_key(sha256(std::string("key of ") + name)))
      (void)store.layer_index(known->layer.digest);
  }
}

void run(std::string_view command, const fs::path& root) {
  if (command == "prepare") return prepare(root);
  if (command == "build") return build(root);
  if (command == "check") return check(root);
  Store store(root);
  if (command == "open") return;
  if (command == "tag") return store.tag("three", store.resolve("one"));
  if (command == "untag") {
    if (store.tags().contains("one:latest")) store.tag("keep", store.resolve("one"));
    store.tag("moved", store.resolve("keep"));
    return store.untag("moved");
  }
  if (command == "gc") {
    (void)collect_garbage(store, {});
    return;
  }
  throw Error({.kind = ErrorKind::Usage, .code = "U000", .message = "unknown command"});
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  try {
    run(argv[1], argv[2]);
    return 0;
  } catch (const Error& error) {
    for (const auto& diagnostic : error.diagnostics()) std::fputs(render(diagnostic).c_str(), stderr);
    return error.exit_code();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 70;
  }
}
