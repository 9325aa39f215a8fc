#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include <fmt/format.h>

#include "builder/packages/lock.h"
#include "builder/packages/lock_version_order.h"

namespace blueprint::packages {
namespace {

using ByName = std::map<std::pair<std::string, std::string>, const LockedPackage*>;

ByName by_name(const Lock& lock, const std::string& layer) {
  ByName names;
  const auto found = lock.packages.find(layer);
  if (found == lock.packages.end()) return names;
  for (const auto& package : found->second) names[{package.name, package.architecture}] = &package;
  return names;
}

bool from_security(const Lock& lock, const LockedPackage& package) {
  return package.repository < lock.repositories.size() &&
         lock.repositories[package.repository].suite.ends_with("-security");
}

void compare_layer(const Lock& before, const Lock& after, const std::string& layer,
                   std::vector<PackageChange>& changes) {
  using Kind = PackageChange::Kind;
  const auto old_packages = by_name(before, layer);
  const auto new_packages = by_name(after, layer);
  for (const auto& [key, package] : new_packages) {
    PackageChange change{
        .layer = layer, .name = key.first, .architecture = key.second, .to = package->version, .why = package->why};
    if (const auto found = old_packages.find(key); found != old_packages.end()) {
      const int order = compare_versions(found->second->version, package->version);
      if (order == 0 && found->second->sha256 == package->sha256) continue;
      change.kind = order < 0 ? Kind::Upgraded : order > 0 ? Kind::Downgraded : Kind::Replaced;
      change.from = found->second->version;
      change.security = order < 0 && from_security(after, *package);
    }
    changes.push_back(std::move(change));
  }
  for (const auto& [key, package] : old_packages) {
    if (new_packages.contains(key)) continue;
    changes.push_back({.kind = Kind::Removed,
                       .layer = layer,
                       .name = key.first,
                       .architecture = key.second,
                       .from = package->version,
                       .why = package->why});
  }
}

std::string line_of(const PackageChange& change) {
  const bool root = change.why == "asked for" || change.why == "essential";
  switch (change.kind) {
    case PackageChange::Kind::Upgraded:
      return fmt::format("- upgraded `{}` {} → {}{}\n", change.name, change.from, change.to,
                         change.security ? " (security)" : "");
    case PackageChange::Kind::Downgraded:
      return fmt::format("- **downgraded** `{}` {} → {}\n", change.name, change.from, change.to);
    case PackageChange::Kind::Replaced:
      return fmt::format("- **replaced** `{}` {}: the same version with other content\n", change.name, change.to);
    case PackageChange::Kind::Added:
      return fmt::format("- added `{}` {} ({}{})\n", change.name, change.to, root ? "" : "needed by ", change.why);
    case PackageChange::Kind::Removed: return fmt::format("- removed `{}` {}\n", change.name, change.from);
  }
  return "";
}

std::string repository_changes(const Lock& before, const Lock& after) {
  std::string text;
  const auto title = [](const LockedRepository& repository) {
    return fmt::format("`{}` {}", repository.name, repository.suite);
  };
  for (const auto& repository : after.repositories) {
    const auto same = std::find_if(
        before.repositories.begin(), before.repositories.end(),
        [&](const LockedRepository& old) { return old.name == repository.name && old.suite == repository.suite; });
    if (same == before.repositories.end()) {
      text += fmt::format("- added repository {}\n", title(repository));
    } else if (same->key != repository.key) {
      text += fmt::format("- **another key** signs {}: {} → {}\n", title(repository), same->key, repository.key);
    }
  }
  for (const auto& old : before.repositories) {
    const bool kept =
        std::any_of(after.repositories.begin(), after.repositories.end(), [&](const LockedRepository& repository) {
          return old.name == repository.name && old.suite == repository.suite;
        });
    if (!kept) text += fmt::format("- removed repository {}\n", title(old));
  }
  return text;
}

}  // namespace

std::vector<PackageChange> compare_locks(const Lock& before, const Lock& after) {
  std::set<std::string> layers;
  for (const auto& [layer, packages] : before.packages) layers.insert(layer);
  for (const auto& [layer, packages] : after.packages) layers.insert(layer);
  std::vector<PackageChange> changes;
  for (const auto& layer : layers) compare_layer(before, after, layer, changes);
  std::stable_sort(changes.begin(), changes.end(), [](const PackageChange& a, const PackageChange& b) {
    return std::tie(a.layer, a.kind) < std::tie(b.layer, b.kind);
  });
  return changes;
}

std::string format_lock_changes(const Lock& before, const Lock& after) {
  std::string text = repository_changes(before, after);
  if (!before.from.empty() && before.from != after.from)
    text += fmt::format("- parent image {} → {}\n", before.from, after.from);
  std::string layer;
  for (const auto& change : compare_locks(before, after)) {
    if (change.layer != layer) text += fmt::format("{}### {}\n\n", text.empty() ? "" : "\n", change.layer);
    layer = change.layer;
    text += line_of(change);
  }
  return text;
}

}  // namespace blueprint::packages
