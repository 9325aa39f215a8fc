#pragma once

#include <cstdint>
#include <filesystem>
#include <stop_token>
#include <string>

#include "base/error.h"
#include "builder/steps/accounts.h"
#include "builder/steps/placement.h"

namespace blueprint::steps {

struct UnpackRequest {
  std::filesystem::path archive;  ///< tar (gzip, bzip2, xz, zstd) or zip
  std::filesystem::path data;     ///< an empty directory; the bytes of members are put there under names of ours
  std::uint32_t strip = 0;        ///< leading components of names to drop
  std::string to;                 ///< directory in the image
  Accounts::Owner owner;          ///< of everything: an archive's own owners mean nothing in another system
  SourceSpan where;
};

/// Plans the members of a foreign archive as files below `to`. Nothing is written under a name that the archive chose,
/// so no member can reach outside. Modes are kept without setuid and setgid, times become the build's epoch. Throws
/// Error X124 for an archive that cannot be read, X125 for a member that cannot be placed (outside of the archive's own
/// directory, a device); Interrupted.
void unpack_archive(const UnpackRequest& request, Placement& placement, std::stop_token stop);

}  // namespace blueprint::steps
