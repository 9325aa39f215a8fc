#pragma once

#include <filesystem>
#include <string_view>

#include "base/error.h"

namespace blueprint::rootfs {

/// X001: this process is not root.
[[nodiscard]] Error needs_root();
/// X002: the OCI runtime did not start the command. `reason` is what it said.
[[nodiscard]] Error runtime_failed(std::string_view runtime, std::string_view reason);
/// X003: the overlay of the parents' trees cannot be mounted.
[[nodiscard]] Error overlay_refused(const std::filesystem::path& work, int error_number);
/// X004: more lower trees than overlayfs stacks.
[[nodiscard]] Error too_many_trees(std::size_t count, std::size_t limit);
/// X005: a mount namespace cannot be made or entered.
[[nodiscard]] Error namespace_refused(std::string_view action, int error_number);

}  // namespace blueprint::rootfs
