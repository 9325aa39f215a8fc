#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/error.h"
#include "builder/steps/accounts.h"
#include "builder/steps/file_source.h"
#include "builder/steps/placement.h"

namespace blueprint::steps {

struct ArchiveRequest {
  std::filesystem::path archive;  ///< tar (gzip, bzip2, xz, zstd) or zip
  std::filesystem::path data;     ///< an empty directory; the bytes of members are put there under names of ours
  std::uint32_t strip = 0;        ///< leading components of names to drop
  std::vector<std::string> include = {};  ///< patterns of members that are meant; empty = all
  std::vector<std::string> exclude;       ///< patterns of members to leave out
  SourceSpan where;
};

/// The members of a foreign archive: directories, then files, then symbolic links, each by name. Nothing is written
/// under a name that the archive chose, so no member can reach outside. Throws Error X124 for an archive that cannot be
/// read, X125 for a member that cannot be placed (outside of the archive's own directory, a device); Interrupted.
[[nodiscard]] std::vector<SourceFile> read_archive(const ArchiveRequest& request, std::stop_token stop);

struct MemberPlace {
  std::string to;  ///< directory in the image
  /// Of everything. Nothing: owners, setuid and setgid are the archive's own, which mean something only when it was
  /// made for this very system, such as a root file system.
  std::optional<Accounts::Owner> owner;
  SourceSpan where;
};

/// Plans the members of an archive as files below `to`. Times become the build's epoch.
void place_members(const std::vector<SourceFile>& members, const MemberPlace& place, Placement& placement);

}  // namespace blueprint::steps
