#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/root_dir.h"
#include "builder/packages/deb_archive.h"
#include "builder/packages/deb_control.h"
#include "builder/packages/lock.h"

namespace blueprint::packages {

/// A member of data.tar whose bytes, for a regular file, lie in the staging directory.
struct StagedMember {
  DataMember member;
  std::uint32_t file = 0;  ///< regular files: the name, a number, in the package's own staging directory
  std::string md5;         ///< hexadecimal; of conffiles, and of all regular files of a package without md5sums
};

/// A package of which everything has been read: what remains to be done with it is cheap and has an order.
struct StagedPackage {
  LockedPackage package;
  ControlStanza control;
  std::vector<ControlFile> control_files;  ///< without "control"
  std::vector<StagedMember> members;       ///< in the order of the archive
  std::vector<std::string> conffiles;      ///< clean relative paths
  std::string directory;                   ///< in the staging directory
  bool runs_preinst = false;               ///< has a preinst that does something on a first install

  /// The name of its files in var/lib/dpkg/info: "libc6:amd64" for Multi-Arch: same, else "curl".
  [[nodiscard]] std::string info_name() const;
  [[nodiscard]] bool multi_arch_same() const { return control.get("Multi-Arch") == "same"; }
  /// Null when absent.
  [[nodiscard]] const ControlFile* find_control_file(std::string_view name) const;
};

/// Reads the control files of a .deb: all of StagedPackage but members and directory. Thread-safe. Throws Error P101
/// (also when the file is not the package that the lock says).
[[nodiscard]] StagedPackage read_package(const std::filesystem::path& deb, const LockedPackage& package);

/// Decompresses and checks the rest: file data goes to `staging`/`directory`, made here, with mode, owner and mtime
/// set; names and links are only noted. Thread-safe for different directories. Throws Error P101, P102.
void stage_members(const std::filesystem::path& deb, StagedPackage& package, const RootDir& staging,
                   const std::string& directory);

/// Whether a preinst only calls dpkg-maintscript-helper, which does nothing on a first install.
[[nodiscard]] bool preinst_is_idle(std::string_view script);

}  // namespace blueprint::packages
