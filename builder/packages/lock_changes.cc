#include <algorithm>
#include <map>
#include <set>
#include <tuple>

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

const LockedRepository* repository_of(const Lock& lock, const LockedPackage& package) {
  return package.repository < lock.repositories.size() ? &lock.repositories[package.repository] : nullptr;
}

std::string suite_of(const Lock& lock, const LockedPackage& package) {
  const auto* repository = repository_of(lock, package);
  return repository == nullptr ? std::string() : repository->suite;
}

bool is_security_update(const LockedPackage& from, const LockedPackage& to, const Lock& after, const LockFacts& facts) {
  const auto published = facts.security.find(to.name + ":" + to.architecture);
  if (published != facts.security.end()) return compare_versions(from.version, published->second) < 0;
  const auto* repository = repository_of(after, to);
  return repository != nullptr && is_security(*repository);
}

std::int64_t signed_size(const LockedPackage& package) { return static_cast<std::int64_t>(package.size_bytes); }

void compare_layer(const Lock& before, const Lock& after, const LockFacts& facts, const std::string& layer,
                   std::vector<PackageChange>& changes) {
  using Kind = PackageChange::Kind;
  const auto old_packages = by_name(before, layer);
  const auto new_packages = by_name(after, layer);
  for (const auto& [key, package] : new_packages) {
    PackageChange change{.layer = layer,
                         .name = key.first,
                         .architecture = key.second,
                         .to = package->version,
                         .suite = suite_of(after, *package),
                         .why = package->why,
                         .size_delta = signed_size(*package)};
    if (const auto found = old_packages.find(key); found != old_packages.end()) {
      const int order = compare_versions(found->second->version, package->version);
      if (order == 0 && found->second->sha256 == package->sha256) continue;
      change.kind = order < 0 ? Kind::Upgraded : order > 0 ? Kind::Downgraded : Kind::Replaced;
      change.from = found->second->version;
      change.size_delta -= signed_size(*found->second);
      change.security = order < 0 && is_security_update(*found->second, *package, after, facts);
      change.gone =
          std::find(facts.gone.begin(), facts.gone.end(), Pin{key.first, change.from, key.second}) != facts.gone.end();
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
                       .suite = suite_of(before, *package),
                       .why = package->why,
                       .size_delta = -signed_size(*package)});
  }
}

std::string size_delta(std::int64_t bytes) {
  const auto size = format_size(static_cast<std::uint64_t>(bytes < 0 ? -bytes : bytes));
  return fmt::format("{}{}", bytes < 0 ? "-" : "+", size);
}

/// What stands in parentheses behind a change.
std::string details_of(const PackageChange& change) {
  using Kind = PackageChange::Kind;
  std::vector<std::string> details{change.suite};
  if (change.security) details.emplace_back("security");
  const bool root = change.why == "asked for" || change.why == "essential";
  if (change.kind == Kind::Added) details.push_back((root ? "" : "needed by ") + change.why);
  if (change.size_delta != 0) details.push_back(size_delta(change.size_delta));
  if (change.gone) details.emplace_back("the archive has the older version no more");
  std::erase(details, "");
  return details.empty() ? "" : fmt::format(" ({})", join(details, ", "));
}

std::string line_of(const PackageChange& change) {
  const auto details = details_of(change);
  switch (change.kind) {
    case PackageChange::Kind::Upgraded:
      return fmt::format("- upgraded `{}` {} → {}{}\n", change.name, change.from, change.to, details);
    case PackageChange::Kind::Downgraded:
      return fmt::format("- **downgraded** `{}` {} → {}{}\n", change.name, change.from, change.to, details);
    case PackageChange::Kind::Replaced:
      return fmt::format("- **replaced** `{}` {}: the same version with other content{}\n", change.name, change.to,
                         details);
    case PackageChange::Kind::Added: return fmt::format("- added `{}` {}{}\n", change.name, change.to, details);
    case PackageChange::Kind::Removed: return fmt::format("- removed `{}` {}{}\n", change.name, change.from, details);
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

bool is_security(const LockedRepository& repository) { return repository.suite.ends_with("-security"); }

std::string_view kind_name(PackageChange::Kind kind) {
  switch (kind) {
    case PackageChange::Kind::Upgraded: return "upgraded";
    case PackageChange::Kind::Downgraded: return "downgraded";
    case PackageChange::Kind::Replaced: return "replaced";
    case PackageChange::Kind::Added: return "added";
    case PackageChange::Kind::Removed: return "removed";
  }
  return "";
}

std::vector<PackageChange> compare_locks(const Lock& before, const Lock& after, const LockFacts& facts) {
  std::set<std::string> layers;
  for (const auto& [layer, packages] : before.packages) layers.insert(layer);
  for (const auto& [layer, packages] : after.packages) layers.insert(layer);
  std::vector<PackageChange> changes;
  for (const auto& layer : layers) compare_layer(before, after, facts, layer, changes);
  std::stable_sort(changes.begin(), changes.end(), [](const PackageChange& a, const PackageChange& b) {
    return std::tie(a.layer, a.kind) < std::tie(b.layer, b.kind);
  });
  return changes;
}

std::string count_changes(const std::vector<PackageChange>& changes) {
  std::map<PackageChange::Kind, std::size_t> counts;
  std::size_t security = 0;
  for (const auto& change : changes) {
    ++counts[change.kind];
    security += change.security ? 1 : 0;
  }
  std::vector<std::string> parts;
  for (const auto& [kind, count] : counts) {
    parts.push_back(fmt::format("{} {}", count, kind_name(kind)));
    if (kind == PackageChange::Kind::Upgraded && security > 0)
      parts.back() += fmt::format(" ({} for security)", security);
  }
  return join(parts, ", ");
}

std::string format_lock_changes(const Lock& before, const Lock& after, const LockFacts& facts) {
  const auto changes = compare_locks(before, after, facts);
  std::string text = repository_changes(before, after);
  bool parent_told = false;  // by its name, as one of a registry is
  for (const auto& [name, digest] : after.images) {
    const auto old = before.images.find(name);
    if (old == before.images.end() || old->second == digest) continue;
    text += fmt::format("- image `{}` {} → {}\n", name, old->second, digest);
    parent_told = parent_told || (old->second == before.from && digest == after.from);
  }
  if (!before.from.empty() && before.from != after.from && !parent_told)
    text += fmt::format("- parent image {} → {}\n", before.from, after.from);
  std::string layer;
  for (const auto& change : changes) {
    if (change.layer != layer) text += fmt::format("{}### {}\n\n", text.empty() ? "" : "\n", change.layer);
    layer = change.layer;
    text += line_of(change);
  }
  if (changes.empty()) return text;
  std::int64_t bytes = 0;
  for (const auto& change : changes) bytes += change.size_delta;
  return fmt::format("{}; {} of packages\n\n{}", count_changes(changes), size_delta(bytes), text);
}

}  // namespace blueprint::packages
