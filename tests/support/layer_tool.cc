// Writes directories as layers into a store, and images of layers as raw files: what the benchmarks of layers/ run.
//
//   layer_tool write STORE TREE [OPTION]…
//   layer_tool chown STORE PATH UID --parent LAYER…   a metadata change of PATH and all below
//   layer_tool raw STORE FILE LAYER…
//
//   --parent LAYER…     what it is written on
//   --cite LAYER…       whose frames may be cited besides
//   --known LAYER       the files have the digests that they have there, as a builder knows them from before
//   --device MIB        the size of a new device
//   --threads N, --epoch N
//
// `write` and `chown` print "digest content-digest blob-bytes seconds peak-KiB".

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include <sys/resource.h>

#include "base/error.h"
#include "layers/layer_writer.h"
#include "layers/store.h"
#include "tests/support/raw_device.h"
#include "tests/support/scan_tree.h"

namespace {

using namespace blueprint;
using namespace blueprint::layers;

struct Arguments {
  std::vector<std::string> words;
  std::map<std::string, std::vector<std::string>> options;
};

Arguments parse(int argc, char** argv) {
  Arguments arguments;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word.starts_with("--") && i + 1 < argc) {
      arguments.options[word.substr(2)].emplace_back(argv[++i]);
    } else {
      arguments.words.push_back(word);
    }
  }
  return arguments;
}

std::vector<LayerRef> layers_named(const std::vector<std::string>& names) {
  std::vector<LayerRef> result;
  for (const std::string& name : names) {
    LayerRef layer;
    layer.digest = Digest::parse(name).value();
    result.push_back(layer);
  }
  return result;
}

std::vector<PlannedChange> chown_changes(const Store& store, const std::vector<LayerRef>& parent,
                                         const std::string& path, std::uint32_t uid) {
  std::vector<PlannedChange> changes;
  const FileTree tree = load_tree(store, parent);
  for (const FileTree::Entry& entry : tree.entries()) {
    if (!path.empty() && entry.path != path && !entry.path.starts_with(path + "/")) continue;
    PlannedChange planned;
    planned.change.kind = ChangeKind::Metadata;
    planned.change.path = entry.path;
    planned.change.type = entry.type;
    planned.change.metadata = entry.metadata;
    planned.change.metadata.uid = uid;
    changes.push_back(std::move(planned));
  }
  return changes;
}

/// Gives the files of `changes` the digests that they have in `layer`.
void take_digests(const Store& store, const Digest& layer, std::vector<PlannedChange>& changes) {
  std::map<std::string, Digest> known;
  for (const Change& change : store.layer_index(layer)->changes) known[change.path] = change.data_digest;
  for (PlannedChange& planned : changes) {
    if (planned.change.size > 0) planned.change.data_digest = known[planned.change.path];
  }
}

int write(const Arguments& arguments) {
  const auto begin = std::chrono::steady_clock::now();
  Store store(arguments.words.at(1));
  auto options = arguments.options;
  const std::vector<LayerRef> parent = layers_named(options["parent"]);
  WriteOptions how;
  how.name = "bench";
  how.epoch = options["epoch"].empty() ? 1 << 30 : std::stoll(options["epoch"].front());
  for (const LayerRef& layer : layers_named(options["cite"])) how.cite.push_back(layer.digest);
  ThreadPool pool(options["threads"].empty() ? 0 : static_cast<unsigned>(std::stoul(options["threads"].front())));
  NoEvents events;
  auto changes = arguments.words.at(0) == "chown"
                     ? chown_changes(store, parent, arguments.words.at(2),
                                     static_cast<std::uint32_t>(std::stoul(arguments.words.at(3))))
                     : tests::scan_tree(arguments.words.at(2));
  if (!options["device"].empty()) how.device_bytes = std::stoull(options["device"].front()) << 20;
  for (const LayerRef& layer : layers_named(options["known"])) take_digests(store, layer.digest, changes);
  const WriteResult result = write_layer(store, parent, std::move(changes), how, pool, events, {});
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  std::printf("%s %s %llu %.3f %ld\n", result.layer.digest.to_string().c_str(),
              result.layer.content_digest.to_string().c_str(), static_cast<unsigned long long>(result.layer.size_bytes),
              seconds.count(), usage.ru_maxrss);
  return 0;
}

int raw(const Arguments& arguments) {
  Store store(arguments.words.at(1));
  const auto device = open_device(store, layers_named({arguments.words.begin() + 3, arguments.words.end()}));
  tests::write_raw(*device, arguments.words.at(2));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const Arguments arguments = parse(argc, argv);
    return arguments.words.at(0) == "raw" ? raw(arguments) : write(arguments);
  } catch (const Error& error) {
    for (const Diagnostic& diagnostic : error.diagnostics()) std::fputs(render(diagnostic).c_str(), stderr);
    return error.exit_code();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "layer_tool: %s\n", error.what());
    return 2;
  }
}
