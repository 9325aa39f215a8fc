// nbdkit-blueprint-plugin: serves the device of an image, read-only, over NBD.
//
//   nbdkit blueprint store=/var/lib/blueprint image=hello [cache=64M]
//   nbdkit blueprint store=/var/lib/blueprint layers=sha256:…,sha256:… [cache=64M]
//
// One device, opened before the first client, serves all connections and threads: it is thread-safe and its cache of
// decoded frames is shared. What a damaged frame held is never sent: the client gets EIO and nbdkit's log the name of
// the blob and the offset.

#define NBDKIT_API_VERSION 2
#include <nbdkit-plugin.h>

#include <algorithm>
#include <exception>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include <malloc.h>

#include "base/error.h"
#include "base/text.h"
#include "layers/store.h"

#define THREAD_MODEL NBDKIT_THREAD_MODEL_PARALLEL

namespace {

using namespace blueprint;
using layers::BlockSource;

struct Served {
  std::filesystem::path store;
  std::string image;
  std::vector<layers::LayerRef> layers;
  std::uint64_t cache_bytes = 64ULL << 20;
  std::unique_ptr<BlockSource> device;
};

// nbdkit's interface is C functions without a context: what they share is a global. Set before the first connection,
// constant then.
Served* served = nullptr;  // NOLINT(cppcoreguidelines-avoid-non-const-global-variables)

/// Calls `action`; an exception becomes nbdkit's error and EIO.
template <class Action>
int guarded(Action action) noexcept {
  try {
    action();
    return 0;
  } catch (const Error& error) {
    const Diagnostic& first = error.first();
    nbdkit_error("%s [%s]", first.message.c_str(), first.code.c_str());
  } catch (const std::exception& error) {
    nbdkit_error("%s", error.what());
  } catch (...) {
    nbdkit_error("interrupted");
  }
  nbdkit_set_error(EIO);
  return -1;
}

Error bad_parameter(std::string message) {
  Diagnostic diagnostic;
  diagnostic.kind = ErrorKind::Usage;
  diagnostic.code = "L008";
  diagnostic.message = std::move(message);
  return Error(std::move(diagnostic));
}

void load() {
  // Frames come and go by the thousand a second on nbdkit's 16 threads, in all sizes. The larger ones get pages of
  // their own, which go back at once: on a heap the gaps between them would hold as much again as the cache.
  mallopt(M_ARENA_MAX, 2);
  mallopt(M_MMAP_THRESHOLD, 64 << 10);
  mallopt(M_TRIM_THRESHOLD, 4 << 20);
  served = new Served;
}

void unload() {
  delete served;
  served = nullptr;
}

void set_parameter(std::string_view key, const char* value) {
  if (key == "store") {
    served->store = std::filesystem::absolute(value);
  } else if (key == "image") {
    served->image = value;
  } else if (key == "layers") {
    for (const auto& digest : split(value, ',')) {
      const auto parsed = Digest::parse(digest);
      if (!parsed) throw bad_parameter("layers: '" + printable(digest) + "' is not of the form sha256:…");
      served->layers.push_back({.digest = *parsed});
    }
  } else if (key == "cache") {
    const auto bytes = parse_size(value);
    if (!bytes) throw bad_parameter("cache: '" + printable(value) + "' is not a size");
    served->cache_bytes = *bytes;
  } else {
    throw bad_parameter("unknown parameter '" + printable(key) + "'");
  }
}

int config(const char* key, const char* value) {
  return guarded([&] { set_parameter(key, value); });
}

int config_complete() {
  return guarded([] {
    if (served->store.empty()) throw bad_parameter("parameter 'store' is missing");
    if (served->image.empty() == served->layers.empty())
      throw bad_parameter("give one of the parameters 'image' and 'layers'");
  });
}

int get_ready() {
  return guarded([] {
    const layers::Store store(served->store);
    if (!served->image.empty()) served->layers = store.load_image(store.resolve(served->image)).layers;
    served->device = layers::open_device(store, served->layers, served->cache_bytes);
  });
}

void* open_connection(int /*readonly*/) { return NBDKIT_HANDLE_NOT_NEEDED; }

int64_t get_size(void* /*handle*/) { return static_cast<int64_t>(served->device->device_bytes()); }

int pread(void* /*handle*/, void* buffer, uint32_t count, uint64_t offset, uint32_t /*flags*/) {
  return guarded([&] { served->device->read(offset, {static_cast<std::byte*>(buffer), count}); });
}

/// Adds the runs of [offset, offset + count). A client that wants one extent only asks again and again with a large
/// count: looking at a window that doubles keeps the cost of each answer near the length of its run.
void add_extents(uint32_t count, uint64_t offset, uint32_t flags, struct nbdkit_extents* extents) {
  const bool one = (flags & NBDKIT_FLAG_REQ_ONE) != 0;
  std::uint64_t window = one ? std::min<std::uint64_t>(count, 1 << 20) : count;
  auto runs = served->device->runs(offset, window);
  while (one && runs.size() == 1 && window < count) {
    window = std::min<std::uint64_t>(count, 2 * window);
    runs = served->device->runs(offset, window);
  }
  for (const auto& run : runs) {
    const uint32_t type = run.hole ? NBDKIT_EXTENT_HOLE | NBDKIT_EXTENT_ZERO : 0;
    if (nbdkit_add_extent(extents, run.offset, run.length, type) == -1) throw os_error("add an extent");
  }
}

int extents(void* /*handle*/, uint32_t count, uint64_t offset, uint32_t flags, struct nbdkit_extents* extents) {
  return guarded([&] { add_extents(count, offset, flags, extents); });
}

int yes(void* /*handle*/) { return 1; }
int no(void* /*handle*/) { return 0; }
/// nbdkit reads and forgets; what was read is in our cache.
int can_cache(void* /*handle*/) { return NBDKIT_CACHE_EMULATE; }

int block_size(void* /*handle*/, uint32_t* minimum, uint32_t* preferred, uint32_t* maximum) {
  *minimum = 1;
  *preferred = layers::kBlockSize;
  *maximum = 0xffffffff;
  return 0;
}

struct nbdkit_plugin make_plugin() {
  struct nbdkit_plugin plugin {};
  plugin.name = "blueprint";
  plugin.longname = "blueprint images";
  plugin.version = "1";
  plugin.description = "serves the device of a blueprint image, read-only";
  plugin.load = load;
  plugin.unload = unload;
  plugin.config = config;
  plugin.config_complete = config_complete;
  plugin.config_help =
      "store=DIR      (required) the store\n"
      "image=REF      an image: tag or digest\n"
      "layers=LIST    or digests of layers, parent first, separated by commas\n"
      "cache=SIZE     bytes of decoded data to keep (default 64M)";
  plugin.magic_config_key = "image";
  plugin.get_ready = get_ready;
  plugin.open = open_connection;
  plugin.get_size = get_size;
  plugin.pread = pread;
  plugin.extents = extents;
  plugin.can_extents = yes;
  plugin.can_write = no;
  plugin.is_rotational = no;
  plugin.can_multi_conn = yes;  // nothing is ever written
  plugin.can_cache = can_cache;
  plugin.block_size = block_size;
  return plugin;
}

struct nbdkit_plugin plugin =
    make_plugin();  // NOLINT(cppcoreguidelines-avoid-non-const-global-variables): the macro writes to it

}  // namespace

NBDKIT_REGISTER_PLUGIN(plugin)
