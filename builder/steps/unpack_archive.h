#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/error.h"
#include "builder/steps/accounts.h"
#include "builder/steps/placement.h"

namespace blueprint::steps {

struct UnpackRequest {
  std::filesystem::path archive;  ///< tar (gzip, bzip2, xz, zstd) or zip
  std::filesystem::path data;     ///< an empty directory; the bytes of members are put there under names of ours
  std::uint32_t strip = 0;        ///< leading components of names to drop
  std::string to;                 ///< directory in the image
  /// Of everything. Nothing: owners, setuid and setgid are the archive's own, which mean something only when it was
  /// made for this very system, such as a root file system.
  std::optional<Accounts::Owner> owner;
  std::vector<std::string> exclude;  ///< patterns of members to leave out
  SourceSpan where;
};

/// Plans the members of a foreign archive as files below `to`. Nothing is written under a name that the archive chose,
/// so no member can reach outside. Times become the build's epoch. Throws
/// Error X124 for an archive that cannot be read, X125 for a member that cannot be placed (outside of the archive's own
/// directory, a device); Interrupted.
void unpack_archive(const UnpackRequest& request, Placement& placement, std::stop_token stop);

}  // namespace blueprint::steps
