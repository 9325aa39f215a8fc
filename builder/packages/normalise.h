#pragma once

#include <cstdint>

#include "base/root_dir.h"

namespace blueprint::packages {

/// Takes out of a root what depends on the moment, the machine or the order of work, and what every machine must make
/// for itself: logs, caches, backup copies, host keys, ids, the day of password changes. The table is in normalise.cc.
/// Times of files are not its business: whoever reads the tree clamps them to `epoch`.
void normalise_root(const RootDir& root, std::int64_t epoch);

/// The third field of etc/shadow is the day (since 1970) of the last change. Days from `first` to `last` become `day`.
void replace_password_days(const RootDir& root, std::int64_t first, std::int64_t last, std::int64_t day);

}  // namespace blueprint::packages
