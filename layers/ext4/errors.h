#pragma once

// The words of this folder's errors; each code has a row in docs/errors.md.

#include <string_view>

#include "base/error.h"

namespace blueprint::layers::ext4 {

/// L020: the parent's ext4 cannot be read or continued.
[[nodiscard]] Error bad_filesystem(std::string_view reason);
/// L021: no free blocks, or no free inodes, are left on the device.
[[nodiscard]] Error device_full(std::string_view path, std::string_view of_what);
/// L022: a change that its parent does not allow (a file put below a file, metadata of a path that is not there).
[[nodiscard]] Error change_does_not_fit(std::string_view path, std::string_view reason);
/// L023: what ext4 cannot hold (a value, a name, a count over its limit).
[[nodiscard]] Error not_representable(std::string_view path, std::string_view reason);

}  // namespace blueprint::layers::ext4
