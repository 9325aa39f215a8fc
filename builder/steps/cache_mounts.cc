#include "builder/steps/cache_mounts.h"

#include <chrono>
#include <map>
#include <thread>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/error.h"
#include "layers/store_lease.h"

namespace blueprint::steps {
namespace fs = std::filesystem;
namespace {

UniqueFd lock_cache(const StepContext& context, const std::string& hex, const std::string& id) {
  const fs::path path = context.store.root() / "locks" / ("cache-" + hex);
  for (bool told = false;; told = true) {
    if (UniqueFd lock = layers::lock_named_file(path, layers::Wait::No)) return lock;
    if (context.stop.stop_requested()) throw Interrupted{};
    if (!told) context.events.note(fmt::format("waiting for another build that uses the cache '{}'", id));
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
}

void prepare(const fs::path& directory, std::uint32_t uid) {
  fs::create_directories(directory.parent_path());
  if (::mkdir(directory.c_str(), 0755) != 0 && errno != EEXIST) throw os_error("create " + directory.string());
  // utimensat says that it was used now.
  if (::chown(directory.c_str(), uid, static_cast<gid_t>(-1)) != 0 ||
      ::utimensat(AT_FDCWD, directory.c_str(), nullptr, 0) != 0) {
    throw os_error("prepare " + directory.string());
  }
}

}  // namespace

CacheMounts::CacheMounts(const StepContext& context, const std::vector<recipe::CacheMount>& caches, std::uint32_t uid) {
  // In the order of their names, so that two builds cannot wait for each other.
  std::map<std::string, std::vector<const recipe::CacheMount*>> by_name;
  for (const auto& cache : caches) by_name[sha256(fmt::format("{} {}", uid, cache.id)).hex()].push_back(&cache);
  for (const auto& [hex, mounted] : by_name) {
    locks_.push_back(lock_cache(context, hex, mounted.front()->id));
    const fs::path directory = context.store.root() / "caches" / hex;
    prepare(directory, uid);
    for (const auto* cache : mounted) mounts_.push_back({.source = directory, .target = cache->path.value});
  }
}

}  // namespace blueprint::steps
