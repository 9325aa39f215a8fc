#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/root_dir.h"
#include "builder/packages/deb_control.h"
#include "builder/packages/unpack_staging.h"
#include "builder/packages/unpack_usr_merge.h"

namespace blueprint::packages {

/// Who in `etc/passwd` and `etc/group` of a root has which number.
class AccountNumbers {
 public:
  explicit AccountNumbers(const RootDir& root);
  [[nodiscard]] std::optional<std::uint32_t> user(std::string_view name) const;
  [[nodiscard]] std::optional<std::uint32_t> group(std::string_view name) const;

 private:
  std::map<std::string, std::uint32_t, std::less<>> users_;
  std::map<std::string, std::uint32_t, std::less<>> groups_;
};

/// dpkg's database (var/lib/dpkg) of a root: read when made, written piece by piece. dpkg must not run while one of
/// these is in use.
class DpkgDatabase {
 public:
  /// Makes the files that an empty database has when there is none. Throws Error P107. `root` must outlive this. Paths
  /// are compared in their canonical form (see UsrMerge).
  DpkgDatabase(const RootDir& root, UsrMerge usr);

  /// dpkg's key of a package: "name:arch".
  using Packages = std::map<std::string, ControlStanza, std::less<>>;

  struct Diversion {
    std::string target;
    std::string owner;  ///< package name, or ":" for the administrator
  };
  /// Null when `path` is not diverted.
  [[nodiscard]] const Diversion* diversion(const std::string& path) const;

  struct StatOverride {
    std::string user;
    std::string group;
    std::uint32_t mode = 0;
  };
  [[nodiscard]] const StatOverride* stat_override(const std::string& path) const;

  /// Installed packages (their info names) whose .list has `path`. Reads all lists at the first call.
  [[nodiscard]] std::vector<std::string> owners(const std::string& path);
  /// The stanza of the package with that info name; null when there is none.
  [[nodiscard]] const ControlStanza* find_info_name(std::string_view info_name) const;
  /// Takes `path` out of a package's .list: another package took the file over.
  void disown(const std::string& info_name, const std::string& path);

  /// Writes the info files of `package`, with `listed` (paths without the leading '/') as its .list, and adds its
  /// stanza in the state "unpacked", with `conffiles` (path → md5 or "newconffile").
  void add_unpacked(const StagedPackage& package, const std::vector<std::string>& listed,
                    const std::vector<std::pair<std::string, std::string>>& conffiles);
  /// Writes var/lib/dpkg/status, sorted by name.
  void write_status() const;

  /// On a root whose triggers have been incorporated before: records the interest of `package`, so that dpkg does not
  /// have to rebuild it, and activates what `listed` and its own `activate` lines trigger. A root where nothing has
  /// been configured (no triggers/Unincorp) needs neither: dpkg then rebuilds everything from the info files.
  void record_triggers(const StagedPackage& package, const std::vector<std::string>& listed);
  void write_triggers();

 private:
  void load_status();
  void load_diversions();
  void load_stat_overrides();
  void load_triggers();
  void load_lists();

  const RootDir& root_;
  UsrMerge usr_;
  Packages packages_;
  std::unordered_map<std::string, Diversion> diversions_;
  std::unordered_map<std::string, StatOverride> stat_overrides_;
  bool lists_loaded_ = false;
  std::unordered_map<std::string, std::vector<std::string>> owners_;
  bool triggers_incorporated_ = false;
  std::vector<std::pair<std::string, std::string>> file_interest_;  ///< path, "package" or "package/noawait"
  std::map<std::string, std::vector<std::string>> name_interest_;   ///< trigger name → the same
  std::set<std::string> activated_;
};

}  // namespace blueprint::packages
