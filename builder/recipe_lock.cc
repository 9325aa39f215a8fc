#include "builder/recipe_lock.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/encoding.h"
#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "builder/parent_image.h"

namespace blueprint::builder {
namespace fs = std::filesystem;
namespace {

std::string parent_digest(const LockRequest& request) {
  return request.parent != nullptr ? request.parent->digest.to_string() : std::string();
}

const recipe::PackagesStep* packages_of(const recipe::Layer& layer) {
  return std::get_if<recipe::PackagesStep>(&layer.step);
}

bool has_packages(const recipe::Recipe& recipe) {
  return recipe.distribution || std::any_of(recipe.layers.begin(), recipe.layers.end(),
                                            [](const auto& layer) { return packages_of(layer) != nullptr; });
}

std::string parent_file(const layers::Store& store, const layers::ImageRecord& parent, const layers::FileTree& tree,
                        std::string_view path) {
  const auto* entry = tree.resolve(path);
  return entry == nullptr ? std::string() : layers::read_file(store, parent.layers, *entry);
}

packages::ResolveRequest make_request(const LockRequest& request, const layers::Store& store) {
  packages::ResolveRequest resolve;
  if (request.parent != nullptr) {
    const auto distribution = distribution_of(request.parent->config);
    const auto tree = layers::load_tree(store, request.parent->layers);
    resolve.parent_status = parent_file(store, *request.parent, tree, "var/lib/dpkg/status");
    resolve.parent_extended_states = parent_file(store, *request.parent, tree, "var/lib/apt/extended_states");
    if (!distribution || resolve.parent_status.empty()) {
      Diagnostic diagnostic{
          .kind = ErrorKind::Recipe,
          .code = "K021",
          .message =
              fmt::format("the parent image '{}' was not built from a distribution, so no packages can be added to it",
                          request.recipe.from.value),
          .hints = {"choose a parent whose recipe begins with 'distribution', or install by 'run' or 'fetch'"}};
      if (request.recipe.from.where.line > 0) diagnostic.where = request.recipe.from.where;
      throw Error(std::move(diagnostic));
    }
    resolve.distribution = *distribution;
  } else {
    resolve.distribution = *request.recipe.distribution;
    resolve.asked.push_back({.layer = kBaseLayer});
  }
  for (const auto& layer : request.recipe.layers) {
    if (const auto* packages = packages_of(layer)) {
      resolve.asked.push_back({.layer = layer.name, .words = packages->words, .recommends = packages->recommends});
    }
  }
  resolve.mirrors = request.mirrors;
  resolve.cache = store.root() / "indices";
  resolve.offline = request.offline;
  return resolve;
}

/// A change as one line of a note.
std::string describe(const packages::PackageChange& change) {
  if (change.from.empty()) return fmt::format("  + {} {}", change.name, change.to);
  if (change.to.empty()) return fmt::format("  - {} {}", change.name, change.from);
  return fmt::format("  ~ {} {} → {}{}", change.name, change.from, change.to, change.security ? " (security)" : "");
}

void report(const fs::path& path, const std::optional<packages::Lock>& before, const packages::Lock& now,
            const std::vector<std::string>& reasons, Events& events) {
  if (!before) {
    std::size_t count = 0;
    for (const auto& [layer, list] : now.packages) count += list.size();
    events.note(fmt::format("wrote {} ({} packages); commit it beside the recipe", path.string(), count));
    return;
  }
  const auto changes = packages::compare_locks(*before, now);
  events.note(fmt::format("rewrote {}: {}; {} package{} changed", path.string(),
                          reasons.empty() ? std::string("asked to") : join(reasons, "; "), changes.size(),
                          changes.size() == 1 ? "" : "s"));
  constexpr std::size_t kMostShown = 20;
  for (std::size_t i = 0; i < std::min(changes.size(), kMostShown); ++i) events.note(describe(changes[i]));
  if (changes.size() > kMostShown)
    events.note(fmt::format("  and {} more: see the file's diff", changes.size() - kMostShown));
}

}  // namespace

fs::path lock_path(const recipe::Recipe& recipe) { return fs::path(recipe.file).replace_extension(".lock.yaml"); }

Digest locked_part(const recipe::Recipe& recipe) {
  ByteWriter bytes;
  bytes.string(recipe.distribution ? format_distribution(*recipe.distribution) : std::string());
  for (const auto& layer : recipe.layers) {
    const auto* packages = packages_of(layer);
    if (packages == nullptr) continue;
    bytes.string(layer.name);
    bytes.string(packages->recommends ? "recommends" : "");
    for (const auto& word : packages->words) bytes.string(word.value);
    bytes.string("");
  }
  return sha256(bytes.bytes());
}

std::vector<std::string> staleness(const packages::Lock& lock, const LockRequest& request) {
  std::vector<std::string> reasons;
  if (lock.recipe != locked_part(request.recipe)) reasons.emplace_back("the recipe's distribution or packages changed");
  if (lock.from != parent_digest(request)) reasons.emplace_back("the parent image changed");
  return reasons;
}

packages::Lock ensure_lock(const LockRequest& request, layers::Store& store, ThreadPool& pool, Events& events,
                           std::stop_token stop) {
  const fs::path path = lock_path(request.recipe);
  std::optional<packages::Lock> before;
  if (const auto text = read_file_if_exists(path)) before = packages::parse_lock(*text, path.string());
  const auto reasons = before ? staleness(*before, request) : std::vector<std::string>{};
  const auto with_epoch = [&](packages::Lock lock) {
    if (request.epoch) lock.epoch = *request.epoch;
    return lock;
  };
  if (before && reasons.empty() && request.mode != LockMode::Refresh) return with_epoch(std::move(*before));
  if (request.mode == LockMode::Locked) {
    throw Error({.kind = ErrorKind::Recipe,
                 .code = "K020",
                 .message = before ? fmt::format("{} is stale: {}", path.string(), join(reasons, "; "))
                                   : fmt::format("{} does not exist", path.string()),
                 .hints = {fmt::format("run 'blueprint lock {}' and commit the file", request.recipe.file)}});
  }
  packages::Lock now;
  now.recipe = locked_part(request.recipe);
  now.from = parent_digest(request);
  if (has_packages(request.recipe)) {
    auto resolution = packages::resolve_packages(make_request(request, store), pool, events, stop);
    now.repositories = std::move(resolution.repositories);
    now.packages = std::move(resolution.packages);
    now.epoch = resolution.epoch;
  }
  // A child is never older than its parent: its files would go back in time.
  if (request.parent != nullptr) now.epoch = std::max(now.epoch, request.parent->config.epoch);
  write_file_atomic(path, packages::format_lock(now));
  report(path, before, now, reasons, events);
  return with_epoch(std::move(now));
}

}  // namespace blueprint::builder
