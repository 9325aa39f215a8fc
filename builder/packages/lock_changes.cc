#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

#include "base/text.h"
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

std::string reason(const LockedPackage& package) {
  return package.why == "asked for" || package.why == "essential" ? package.why
                                                                  : fmt::format("needed by {}", package.why);
}

std::string layer_changes(const Lock& before, const Lock& after, const std::string& layer) {
  std::vector<std::string> lines[4];  // upgraded, downgraded, added, removed
  const auto old_packages = by_name(before, layer);
  const auto new_packages = by_name(after, layer);
  for (const auto& [key, package] : new_packages) {
    const auto found = old_packages.find(key);
    if (found == old_packages.end()) {
      lines[2].push_back(fmt::format("- added `{}` {} ({})", key.first, package->version, reason(*package)));
    } else if (found->second->version != package->version) {
      const bool newer = compare_versions(found->second->version, package->version) < 0;
      lines[newer ? 0 : 1].push_back(fmt::format("- {} `{}` {} → {}{}", newer ? "upgraded" : "**downgraded**",
                                                 key.first, found->second->version, package->version,
                                                 newer && from_security(after, *package) ? " (security)" : ""));
    } else if (found->second->sha256 != package->sha256) {
      lines[1].push_back(
          fmt::format("- **replaced** `{}` {}: the same version with other content", key.first, package->version));
    }
  }
  for (const auto& [key, package] : old_packages) {
    if (!new_packages.contains(key)) lines[3].push_back(fmt::format("- removed `{}` {}", key.first, package->version));
  }
  std::string text;
  for (const auto& group : lines) {
    for (const auto& line : group) text += line + "\n";
  }
  return text;
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

std::string format_lock_changes(const Lock& before, const Lock& after) {
  std::string text = repository_changes(before, after);
  if (!before.from.empty() && before.from != after.from)
    text += fmt::format("- parent image {} → {}\n", before.from, after.from);
  if (!text.empty()) text += "\n";
  std::set<std::string> layers;
  for (const auto& [layer, packages] : before.packages) layers.insert(layer);
  for (const auto& [layer, packages] : after.packages) layers.insert(layer);
  for (const auto& layer : layers) {
    const auto changes = layer_changes(before, after, layer);
    if (!changes.empty()) text += fmt::format("### {}\n\n{}\n", layer, changes);
  }
  while (text.ends_with("\n\n")) text.pop_back();
  return text;
}

}  // namespace blueprint::packages
