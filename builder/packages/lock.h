#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/digest.h"
#include "builder/packages/pins.h"

namespace blueprint::packages {

/// One .deb. Its place is relative to the mirror: a lock names no host for the distribution's own repositories.
struct LockedPackage {
  std::string name;
  std::string version;
  std::string architecture;
  std::string filename;  ///< pool path, relative to the repository's base
  std::uint64_t size_bytes = 0;
  Digest sha256;
  std::uint32_t repository = 0;  ///< index into Lock::repositories
  bool automatic = false;        ///< came as a dependency
  bool essential = false;
  std::string why;  ///< "asked for", "essential", or the name of a package that depends on it
  bool operator==(const LockedPackage&) const = default;
};

struct LockedRepository {
  std::string name;   ///< "ubuntu", "debian", "debian-security": resolved to a URL by the site (see Mirrors); or a URL
  std::string suite;  ///< "noble-updates"
  std::vector<std::string> components;
  Digest inrelease;       ///< SHA-256 of the InRelease file
  std::string key;        ///< fingerprint of the key that signed it
  std::int64_t date = 0;  ///< its Date, seconds since 1970
  std::string snapshot;   ///< "20260801T000000Z": the dated copy that serves it; empty = the archive as it is now
  bool operator==(const LockedRepository&) const = default;
};

/// What a build of a recipe depends on that its text does not fix (DESIGN §5): NAME.lock.yaml.
///
/// The file is YAML of one fixed layout, one package per line, so that a change of one package is a change of one line:
///
///   lock         = comment* "format: 1" "epoch: SECONDS" "recipe: DIGEST" [ "from: DIGEST" ]
///                  "images:" { "  - {" fields "}" }
///                  "repositories:" { "  - {" fields "}" }  "packages:" { "  LAYER:" { "    - {" fields "}" } }
///   fields       = key ": " value { ", " key ": " value }       in the order in which format_lock writes them
///   value        = plain | quoted | "[" plain { ", " plain } "]"
///   quoted       = '"' characters, with \" and \\ for " and \ '"'
///
/// Optional fields are left out when they have their usual value (auto: false, essential: false, no snapshot).
struct Lock {
  std::int64_t epoch = 0;
  Digest recipe;     ///< of the resolved recipe's part that the lock depends on
  std::string from;  ///< "sha256:…" of the parent image, or empty
  /// By name, "sha256:…": images that the recipe copies from, and its parent when that is one of a registry.
  std::map<std::string, std::string> images;
  std::vector<LockedRepository> repositories;
  std::map<std::string, std::vector<LockedPackage>>
      packages;  ///< by layer name, in the order in which they are configured
  bool operator==(const Lock&) const = default;
};

[[nodiscard]] std::string format_lock(const Lock& lock);

/// Reads what format_lock writes; comments, blank lines and another order of fields are fine. Throws Error (kind
/// Recipe, codes K0xx) with position and every fault at once: a damaged lock, one edited by hand to something
/// impossible, one of a newer format.
[[nodiscard]] Lock parse_lock(std::string_view text, const std::string& file);

/// Whether the repository is a distribution's security suite ("bookworm-security", "noble-security").
[[nodiscard]] bool is_security(const LockedRepository& repository);

/// What is known of a lock when it is made and does not stand in it.
struct LockFacts {
  /// "name:arch" → the newest version up to the locked one that a security suite publishes.
  std::map<std::string, std::string> security;
  /// Packages of the older lock that were to keep their version and could not: the archive has it no more.
  std::vector<Pin> gone;
};

/// How one package differs between two locks.
struct PackageChange {
  enum class Kind {
    Upgraded,
    Downgraded,
    Replaced,
    Added,
    Removed
  };  ///< Replaced: the same version with other content
  Kind kind = Kind::Added;
  std::string layer;
  std::string name;
  std::string architecture;
  std::string from;             ///< version; empty when added
  std::string to;               ///< version; empty when removed
  std::string suite;            ///< that the version comes from; of one removed, came from
  std::string why;              ///< of the newer lock, or of the older one when removed
  std::int64_t size_delta = 0;  ///< bytes of the .deb
  bool security = false;        ///< what a security suite published lies between the two versions
  bool gone = false;            ///< it was to be kept, but the archive has the older version no more
  bool operator==(const PackageChange&) const = default;
};

/// "upgraded", "downgraded", …
[[nodiscard]] std::string_view kind_name(PackageChange::Kind kind);

/// By layer, kind and name. What `lock --check` reports as pending is this for the lock and a fresh resolution.
/// `facts` are those of `after`; without them an upgrade counts as one of security when its suite is.
[[nodiscard]] std::vector<PackageChange> compare_locks(const Lock& before, const Lock& after,
                                                       const LockFacts& facts = {});

/// What changed between two locks, as text for a pull request, in Markdown: a sentence that counts, repositories, then
/// per layer the changes of packages. Empty when nothing changed.
[[nodiscard]] std::string format_lock_changes(const Lock& before, const Lock& after, const LockFacts& facts = {});

/// "3 upgraded (1 for security), 1 added"; empty when there is no change.
[[nodiscard]] std::string count_changes(const std::vector<PackageChange>& changes);

}  // namespace blueprint::packages
