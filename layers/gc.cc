#include "layers/gc.h"

#include <algorithm>
#include <cerrno>
#include <functional>
#include <map>

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "layers/gc_mark.h"
#include "layers/store_lease.h"

namespace blueprint::layers {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view kDead = ".dead-";
/// Lock files of layer keys are empty and made once per key; beyond this age nobody waits for one.
constexpr auto kLockAge = std::chrono::hours(24);

std::uint64_t disk_bytes(const fs::path& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) return 0;
  std::uint64_t bytes = static_cast<std::uint64_t>(status.st_blocks) * 512;
  if (S_ISDIR(status.st_mode)) {
    for (const auto& entry : entries_of(path)) bytes += disk_bytes(entry);
  }
  return bytes;
}

class Collector {
 public:
  Collector(Store& store, const GcOptions& options) : store_(store), options_(options) {
    for (const char* kind : {"images", "blobs", "keys", "debs", "trees", "temporary", "failed steps", "caches"}) {
      report_.freed.push_back({.kind = kind});
    }
  }

  GcReport run() {
    // Decodes the indices that matter into the store's memory, so that the exclusive lock below is held for a moment
    // only.
    (void)mark(store_, options_);
    measure_trees();
    {
      const FileLock alone(store_.root() / "locks/gc", FileLock::Mode::Exclusive);
      marks_ = mark(store_, options_);
      report_.kept_blobs = marks_.blobs.size();
      report_.live_writers = marks_.live_writers;
      sweep_keys();
      sweep_blobs(Forgotten::Keep);
      sweep_debs();
      sweep_trees();
      forget_images();
      sweep_blobs(Forgotten::Remove);
      sweep_locks();
    }
    // Nobody can find these any more, or their owner is dead.
    sweep_tmp();
    sweep_failed();
    sweep_caches();
    for (const auto& path : dead_trees_) remove_tree(path);
    return std::move(report_);
  }

 private:
  enum class Forgotten { Keep, Remove };

  bool dry() const { return options_.mode == GcOptions::Mode::DryRun; }

  void count(std::string_view kind, std::uint64_t bytes) {
    const auto entry = std::ranges::find(report_.freed, kind, &GcReport::Kind::kind);
    ++entry->items;
    entry->bytes += bytes;
  }

  void unlink_file(std::string_view kind, const fs::path& path) {
    const std::uint64_t bytes = disk_bytes(path);
    if (!dry() && ::unlink(path.c_str()) != 0 && errno != ENOENT)
      throw os_error(fmt::format("remove {}", path.string()));
    count(kind, bytes);
  }

  /// What an AtomicFile left when its process was killed.
  bool is_leftover(const fs::path& path) const {
    return path.filename().string().starts_with('.') && used_at(path) < marks_.young_since;
  }

  void sweep_keys() {
    for (const auto& path : marks_.old_keys) unlink_file("keys", path);
    for (const auto& path : entries_of(store_.root() / "keys")) {
      if (is_leftover(path)) unlink_file("temporary", path);
    }
    if (dry()) return;
    for (const auto& names : entries_of(store_.root() / "keys/by-name")) {
      for (const auto& path : entries_of(names)) {
        const std::string name = path.filename().string() + ".json";
        if (!fs::exists(store_.root() / "keys" / name)) ::unlink(path.c_str());
      }
      ::rmdir(names.c_str());  // when that was the last
    }
  }

  void sweep_blobs(Forgotten forgotten) {
    for (const auto& path : entries_of(store_.root() / "blobs/sha256")) {
      const auto digest = Digest::parse_hex(path.filename().string());
      if (!digest) {
        if (forgotten == Forgotten::Keep && is_leftover(path)) unlink_file("temporary", path);
        continue;
      }
      const bool in_forgotten_image = marks_.blobs_to_forget.contains(*digest);
      if (in_forgotten_image != (forgotten == Forgotten::Remove) || marks_.blobs.contains(*digest)) continue;
      if (used_at(path) < marks_.young_since) unlink_file("blobs", path);
    }
  }

  void forget_images() {
    std::vector<Digest> entries(marks_.images_to_forget.begin(), marks_.images_to_forget.end());
    entries.insert(entries.end(), marks_.orphans.begin(), marks_.orphans.end());
    if (!dry()) store_.remove_images(entries);
    for (std::size_t i = 0; i < marks_.images_to_forget.size(); ++i) count("images", 0);
    for (const auto& path : entries_of(store_.root())) {
      if (is_leftover(path) && fs::is_regular_file(path)) unlink_file("temporary", path);
    }
  }

  void sweep_debs() {
    const auto oldest = std::min(options_.now - options_.deb_age, marks_.live_since);
    for (const auto& path : entries_of(store_.root() / "debs")) {
      const auto digest = Digest::parse_hex(path.stem().string());
      if (digest && path.extension() == ".deb") {
        if (!marks_.debs.contains(*digest) && used_at(path) < oldest) unlink_file("debs", path);
      } else if (is_leftover(path) && fs::is_regular_file(path)) {
        unlink_file("temporary", path);
      }
    }
  }

  /// A tree does not change once it is published, and walking one takes long.
  void measure_trees() {
    for (const auto& path : entries_of(store_.root() / "trees")) tree_bytes_[path] = disk_bytes(path);
  }

  void sweep_trees() {
    struct Tree {
      fs::path path;
      Clock::time_point used;
    };
    std::vector<Tree> trees;
    for (const auto& path : entries_of(store_.root() / "trees")) {
      if (path.filename().string().starts_with(kDead)) dead_trees_.push_back(path);
      if (Digest::parse_hex(path.filename().string())) trees.push_back({path, used_at(path.string() + ".used")});
    }
    std::ranges::sort(trees, std::greater<>(), &Tree::used);
    std::uint64_t kept_bytes = 0;
    for (const auto& tree : trees) {
      const std::uint64_t bytes = tree_bytes_[tree.path];
      kept_bytes += bytes;
      const bool wanted = store_.has_blob(*Digest::parse_hex(tree.path.filename().string())) &&
                          tree.used >= options_.now - options_.tree_age && kept_bytes <= options_.tree_bytes;
      if (wanted || tree.used >= marks_.live_since) continue;
      kept_bytes -= bytes;
      count("trees", bytes);
      if (!dry()) bury(tree.path);
    }
  }

  /// A tree goes for everybody at once, and is then removed at leisure.
  void bury(const fs::path& tree) {
    const fs::path grave = tree.parent_path() / fmt::format("{}{}", kDead, tree.filename().string());
    ::unlink((tree.string() + ".used").c_str());
    if (::rename(tree.c_str(), grave.c_str()) == 0) {
      dead_trees_.push_back(grave);
    } else {
      // No space for the new name, or a grave of a gc that was killed: then at once, while nobody can publish a tree
      // here.
      remove_tree(tree);
    }
  }

  void sweep_tmp() {
    for (const auto& path : entries_of(store_.root() / "tmp")) {
      const bool is_lock = path.extension() == ".lock";
      const fs::path lock_path = is_lock ? path : fs::path(path.string() + ".lock");
      if (!is_lock && fs::exists(lock_path)) continue;  // goes with its lock
      if (!is_lock) {
        if (used_at(path) < marks_.young_since) remove_work("temporary", path);
        continue;
      }
      const UniqueFd lock = lock_named_file(lock_path, Wait::No);
      if (!lock) continue;
      fs::path directory = path;
      directory.replace_extension();
      if (fs::exists(directory)) remove_work("temporary", directory);
      if (!dry()) ::unlink(path.c_str());
    }
    for (const auto& path : entries_of(store_.leases())) {
      if (dry()) break;
      if (const UniqueFd lock = lock_named_file(path, Wait::No)) ::unlink(path.c_str());
    }
  }

  void sweep_failed() {
    for (const auto& path : entries_of(store_.failed())) {
      if (used_at(path) < options_.now - options_.failed_age) remove_work("failed steps", path);
    }
  }

  /// Cache directories of scripts (builder/steps/cache_mounts.h): a step that uses one holds its lock.
  void sweep_caches() {
    for (const auto& path : entries_of(store_.root() / "caches")) {
      if (used_at(path) >= options_.now - options_.tree_age) continue;
      const UniqueFd lock = lock_named_file(store_.root() / "locks" / ("cache-" + path.filename().string()), Wait::No);
      if (lock) remove_work("caches", path);
    }
  }

  void remove_work(std::string_view kind, const fs::path& path) {
    count(kind, disk_bytes(path));
    if (!dry()) remove_tree(path);
  }

  void sweep_locks() {
    if (dry()) return;
    for (const auto& path : entries_of(store_.root() / "locks")) {
      if (!path.filename().string().starts_with("key-") || used_at(path) >= options_.now - kLockAge) continue;
      // Somebody between opening and locking it notices that the name is gone, and makes it anew.
      if (const UniqueFd lock = lock_named_file(path, Wait::No)) ::unlink(path.c_str());
    }
  }

  Store& store_;
  const GcOptions& options_;
  Marks marks_;
  GcReport report_;
  std::map<fs::path, std::uint64_t> tree_bytes_;
  std::vector<fs::path> dead_trees_;
};

}  // namespace

std::uint64_t GcReport::freed_bytes() const {
  std::uint64_t bytes = 0;
  for (const auto& kind : freed) bytes += kind.bytes;
  return bytes;
}

GcReport collect_garbage(Store& store, const GcOptions& options) { return Collector(store, options).run(); }

std::vector<StoreUsage> store_usage(const Store& store) {
  const auto usage_of = [](std::string kind, const fs::path& directory, std::string_view extension) {
    StoreUsage usage{.kind = std::move(kind)};
    for (const auto& path : entries_of(directory)) {
      if (path.extension() != extension || path.filename() == "by-name") continue;
      const auto used = used_at(fs::exists(path.string() + ".used") ? fs::path(path.string() + ".used") : path);
      usage.oldest = usage.items == 0 ? used : std::min(usage.oldest, used);
      usage.newest = std::max(usage.newest, used);
      usage.bytes += disk_bytes(path);
      ++usage.items;
    }
    return usage;
  };
  const fs::path& root = store.root();
  return {usage_of("blobs", root / "blobs/sha256", ""), usage_of("keys", root / "keys", ".json"),
          usage_of("debs", root / "debs", ".deb"),      usage_of("trees", root / "trees", ""),
          usage_of("temporary", root / "tmp", ""),      usage_of("failed steps", root / "failed", ""),
          usage_of("caches", root / "caches", "")};
}

}  // namespace blueprint::layers
