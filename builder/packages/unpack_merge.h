#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "base/root_dir.h"
#include "builder/packages/dpkg_database.h"
#include "builder/packages/unpack_staging.h"
#include "builder/packages/unpack_usr_merge.h"

namespace blueprint::packages {

/// Puts staged packages in place and in dpkg's database, one after the other, by dpkg's rules:
/// - an existing directory keeps its mode and owner (the first package wins), and a symbolic link to a directory serves
/// as one;
/// - a path that another package has is an error, unless one of the two Replaces the other (the replacing one wins, in
///   whichever order they come) or both are the same Multi-Arch: same package with the same content;
/// - diversions and statoverrides apply; a conffile that the administrator put there first is kept, the package's
/// beside it as
///   .dpkg-new.
/// Throws Error P103.
class TreeMerger {
 public:
  /// All three must outlive this.
  TreeMerger(const RootDir& root, const RootDir& staging, UsrMerge usr, DpkgDatabase& database);

  void merge(const StagedPackage& package);

 private:
  enum class Claim { Take, Keep };

  [[nodiscard]] std::string destination(const StagedPackage& package, const std::string& shipped) const;
  Claim claim(const StagedPackage& package, const StagedMember& staged, const std::string& path);
  Claim claim_from(const StagedPackage& package, const StagedMember& staged, const std::string& path,
                   const ControlStanza& other, const std::string& other_info_name);
  [[nodiscard]] bool same_content(const StagedPackage& package, const StagedMember& staged,
                                  const std::string& path) const;
  void make_directory(const StagedPackage& package, const DataMember& member, const std::string& path);
  void put(const StagedPackage& package, const StagedMember& staged, const std::string& path);
  void set_owner(const DataMember& member, int directory, const std::string& name, const std::string& path) const;
  /// The open parent directory of `path`, and its last component.
  int parent_of(const std::string& path, std::string& name);

  const RootDir& root_;
  const RootDir& staging_;
  UsrMerge usr_;
  DpkgDatabase& database_;
  AccountNumbers accounts_;
  std::unordered_map<std::string, std::string> claims_;  ///< canonical path of what was put → info name of its package
  UniqueFd parent_;
  std::string parent_path_ = "//";  ///< of parent_; no path at first
};

}  // namespace blueprint::packages
