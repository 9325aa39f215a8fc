#include "builder/recipe_lock.h"

#include <algorithm>
#include <chrono>
#include <set>

#include <fmt/format.h>

#include "base/encoding.h"
#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "builder/oci_image.h"
#include "builder/parent_image.h"
#include "builder/parent_keyrings.h"
#include "builder/registry_image.h"

namespace blueprint::builder {
namespace fs = std::filesystem;
namespace {

/// The image of `from`; null for a bootstrap, for nothing at all, and for a stage, whose content is no input of a lock.
const layers::ImageRecord* parent_of(const LockRequest& request) {
  const auto found = request.images.find(request.recipe.from.value);
  return found == request.images.end() ? nullptr : &found->second->record();
}

std::string parent_digest(const LockRequest& request) {
  const auto* parent = parent_of(request);
  return parent == nullptr ? std::string() : pinned_digest(request.recipe.from.value, *parent);
}

/// All images by name, but that of `from`: its digest stands in the lock by itself. By name as well when it is one of a
/// registry, because a lock that fits resolves no tag: it must be seen that the recipe names another.
std::map<std::string, std::string> named_images(const LockRequest& request) {
  std::map<std::string, std::string> pinned;
  for (const auto& [name, image] : request.images) {
    if (name != request.recipe.from.value || is_registry_reference(name))
      pinned.emplace(name, pinned_digest(name, image->record()));
  }
  return pinned;
}

/// Why what the lock says of images does not fit: the parent's name is told apart from those that are copied from.
void compare_images(const packages::Lock& lock, const LockRequest& request, std::vector<std::string>& reasons) {
  auto now = named_images(request);
  auto before = lock.images;
  const std::string& from = request.recipe.from.value;
  const auto as_locked = before.find(from);
  const bool same_name = !is_registry_reference(from) || (as_locked != before.end() && as_locked->second == lock.from);
  if (lock.from != parent_digest(request) || !same_name) reasons.emplace_back("the parent image changed");
  now.erase(from);
  before.erase(from);
  // The name of a parent that the recipe does not name any more.
  std::erase_if(before, [&](const auto& image) {
    return !same_name && is_registry_reference(image.first) && image.second == lock.from && !now.contains(image.first);
  });
  if (before != now) reasons.emplace_back("the images that it copies from changed");
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

Error no_distribution(const recipe::Recipe& recipe) {
  Diagnostic diagnostic{
      .kind = ErrorKind::Recipe,
      .code = "K021",
      .message = fmt::format("the parent image '{}' is of no distribution that packages could be added from",
                             recipe.from.value),
      .hints = {"choose a parent whose recipe begins with 'distribution', or an OCI image of Debian or Ubuntu with its "
                "dpkg; or install by 'run' or 'fetch'"}};
  if (recipe.from.where.line > 0) diagnostic.where = recipe.from.where;
  return Error(std::move(diagnostic));
}

packages::ResolveRequest make_request(const LockRequest& request, const layers::Store& store) {
  packages::ResolveRequest resolve;
  if (const auto* parent = parent_of(request)) {
    auto distribution = distribution_of(parent->config);
    const auto tree = layers::load_tree(store, parent->layers);
    resolve.parent_status = parent_file(store, *parent, tree, "var/lib/dpkg/status");
    resolve.parent_extended_states = parent_file(store, *parent, tree, "var/lib/apt/extended_states");
    if (!distribution || resolve.parent_status.empty()) {
      throw no_distribution(request.recipe);
    }
    restore_keyrings(parent->config, *distribution, store.root() / "indices" / "keyrings");
    resolve.distribution = std::move(*distribution);
  } else if (request.recipe.distribution) {
    resolve.distribution = *request.recipe.distribution;
    resolve.asked.push_back({.layer = kBaseLayer});
  } else {
    throw no_distribution(request.recipe);
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
  return fmt::format("  ~ {} {} → {}{}{}", change.name, change.from, change.to, change.security ? " (security)" : "",
                     change.gone ? " (the archive has the older version no more)" : "");
}

void report(const LockUpdate& update, const std::vector<std::string>& reasons, Events& events) {
  if (!update.before) {
    std::size_t count = 0;
    for (const auto& [layer, list] : update.now.packages) count += list.size();
    events.note(fmt::format("wrote {} ({} packages); commit it beside the recipe", update.path.string(), count));
    return;
  }
  const auto changes = packages::compare_locks(*update.before, update.now, update.facts);
  events.note(fmt::format("rewrote {}: {}; {} package{} changed", update.path.string(),
                          reasons.empty() ? std::string("asked to") : join(reasons, "; "), changes.size(),
                          changes.size() == 1 ? "" : "s"));
  constexpr std::size_t kMostShown = 20;
  for (std::size_t i = 0; i < std::min(changes.size(), kMostShown); ++i) events.note(describe(changes[i]));
  if (changes.size() > kMostShown)
    events.note(fmt::format("  and {} more: see the file's diff", changes.size() - kMostShown));
}

void check_names(const packages::Lock& before, const packages::UpdateScope& scope, const recipe::Recipe& recipe) {
  std::set<std::string> known;
  for (const auto& [layer, list] : before.packages) {
    for (const auto& package : list) known.insert(package.name);
  }
  for (const auto& name : scope.names) {
    if (known.contains(name)) continue;
    const auto near = near_names(name, std::vector<std::string>(known.begin(), known.end()));
    Diagnostic diagnostic{
        .kind = ErrorKind::Recipe,
        .code = "K023",
        .message = fmt::format("{} has no package '{}' to update", lock_path(recipe).string(), printable(name))};
    if (!near.empty()) diagnostic.hints.push_back(did_you_mean(near));
    diagnostic.hints.emplace_back("packages of a parent image are updated in its own recipe's lock");
    throw Error(std::move(diagnostic));
  }
}

std::vector<std::string> age_reason(std::int64_t age, const std::optional<std::chrono::hours>& limit,
                                    std::string_view what) {
  if (!limit || age <= std::chrono::duration_cast<std::chrono::seconds>(*limit).count()) return {};
  return {fmt::format("it is {} old, and the recipe's policy wants {} every {}", describe_age(age), what,
                      describe_age(std::chrono::duration_cast<std::chrono::seconds>(*limit).count()))};
}

}  // namespace

Error lock_does_not_fit(const recipe::Recipe& recipe, const std::vector<std::string>& reasons) {
  const std::string path = lock_path(recipe).string();
  return Error({.kind = ErrorKind::Recipe,
                .code = "K020",
                .message = reasons.empty() ? fmt::format("{} does not exist", path)
                                           : fmt::format("{} is stale: {}", path, join(reasons, "; ")),
                .hints = {fmt::format("run 'blueprint lock {}' and commit the file", recipe.file)}});
}

std::optional<Digest> pinned_in(const packages::Lock& lock, const std::string& image) {
  const auto found = lock.images.find(image);
  return found == lock.images.end() ? std::nullopt : Digest::parse(found->second);
}

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

std::vector<std::string> staleness(const packages::Lock& lock, const LockRequest& request, ParentKnown parent) {
  std::vector<std::string> reasons;
  if (lock.recipe != locked_part(request.recipe)) reasons.emplace_back("the recipe's distribution or packages changed");
  if (parent == ParentKnown::No) return reasons;
  compare_images(lock, request, reasons);
  return reasons;
}

std::string describe_age(std::int64_t seconds) {
  const std::int64_t hours = seconds / 3600;
  const bool in_days = hours >= 48;
  const std::int64_t count = in_days ? hours / 24 : hours;
  return fmt::format("{} {}{}", count, in_days ? "day" : "hour", count == 1 ? "" : "s");
}

std::optional<std::int64_t> lock_age(const packages::Lock& lock, std::int64_t now) {
  std::optional<std::int64_t> newest;
  for (const auto& repository : lock.repositories) newest = std::max(newest.value_or(repository.date), repository.date);
  if (!newest) return std::nullopt;
  return std::max<std::int64_t>(0, now - *newest);
}

std::vector<std::string> overdue(const packages::Lock& lock, const recipe::Policy& policy, std::int64_t now) {
  const auto age = lock_age(lock, now);
  if (!age) return {};
  auto reasons = age_reason(*age, policy.refresh_security, "security updates");
  for (auto& reason : age_reason(*age, policy.refresh_all, "a fresh lock")) reasons.push_back(std::move(reason));
  return reasons;
}

std::optional<packages::Lock> load_lock(const recipe::Recipe& recipe) {
  const fs::path path = lock_path(recipe);
  const auto text = read_file_if_exists(path);
  if (!text) return std::nullopt;
  return packages::parse_lock(*text, path.string());
}

Relocked resolve_lock(const LockRequest& request, const packages::Lock* before, const packages::UpdateScope& scope,
                      const layers::Store& store, ThreadPool& pool, Events& events, std::stop_token stop) {
  if (before != nullptr) check_names(*before, scope, request.recipe);
  Relocked result;
  packages::Lock& lock = result.lock;
  lock.recipe = locked_part(request.recipe);
  lock.from = parent_digest(request);
  lock.images = named_images(request);
  if (has_packages(request.recipe)) {
    auto resolve = make_request(request, store);
    resolve.before = before;
    resolve.scope = scope;
    auto resolution = packages::resolve_packages(resolve, pool, events, std::move(stop));
    lock.repositories = std::move(resolution.repositories);
    lock.packages = std::move(resolution.packages);
    lock.epoch = resolution.epoch;
    result.facts = std::move(resolution.facts);
  }
  // A child is never older than what it is made of: its files would go back in time.
  for (const auto& [name, image] : request.images) lock.epoch = std::max(lock.epoch, image->record().config.epoch);
  return result;
}

LockUpdate update_lock(const LockRequest& request, layers::Store& store, ThreadPool& pool, Events& events,
                       std::stop_token stop) {
  using What = packages::UpdateScope::What;
  LockUpdate update{.path = lock_path(request.recipe), .before = std::nullopt, .now = {}, .facts = {}};
  const auto scope = request.mode == LockMode::Refresh ? request.scope : packages::UpdateScope{.what = What::Nothing};
  try {
    update.before = load_lock(request.recipe);
  } catch (const Error& damaged) {
    // To make a lock anew is the way out of a damaged one. To keep some of its versions is not possible then.
    if (scope.what != What::Everything) throw;
    events.note(render(damaged.first()));
  }
  auto made = resolve_lock(request, update.before ? &*update.before : nullptr, scope, store, pool, events, stop);
  update.now = std::move(made.lock);
  update.facts = std::move(made.facts);
  try {
    write_file_atomic(update.path, packages::format_lock(update.now));
  } catch (Error& failure) {
    failure.add_hint(
        "a lock is written beside its recipe, to be committed with it: make it where that directory may be "
        "written, or build a copy of the recipe");
    throw;
  }
  return update;
}

packages::Lock ensure_lock(const LockRequest& request, layers::Store& store, ThreadPool& pool, Events& events,
                           std::stop_token stop) {
  const std::string path = lock_path(request.recipe).string();
  auto before = load_lock(request.recipe);
  const auto reasons = before ? staleness(*before, request) : std::vector<std::string>{};
  const auto with_epoch = [&](packages::Lock lock) {
    if (request.epoch) lock.epoch = *request.epoch;
    return lock;
  };
  if (before && reasons.empty() && request.mode != LockMode::Refresh) {
    if (request.now > 0) {
      for (const auto& reason : overdue(*before, request.recipe.policy, request.now))
        events.note(fmt::format("{}: {}; see 'blueprint lock --check'", path, reason));
    }
    return with_epoch(std::move(*before));
  }
  if (request.mode == LockMode::Locked) {
    throw lock_does_not_fit(request.recipe, before ? reasons : std::vector<std::string>{});
  }
  auto update = update_lock(request, store, pool, events, std::move(stop));
  report(update, reasons, events);
  return with_epoch(std::move(update.now));
}

}  // namespace blueprint::builder
