#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace blueprint::packages {

/// P101: the .deb cannot be read.
[[nodiscard]] Error damaged_package(std::string_view package, std::string_view reason);
/// P102: a member that must not be unpacked.
[[nodiscard]] Error hostile_member(std::string_view package, std::string_view member, std::string_view reason);
/// P103: two packages, or a package and the root, want different things at one path.
[[nodiscard]] Error file_conflict(std::string_view package, std::string_view path, std::string_view reason);
/// P104: a maintainer script, or dpkg itself, failed. `last_lines` is the end of what it printed.
[[nodiscard]] Error configure_failed(std::string_view package, std::string_view what,
                                     const std::vector<std::string>& last_lines);
/// P105: dpkg --audit finds packages that are not wholly installed.
[[nodiscard]] Error audit_failed(std::string_view report);
/// P106: the packages lack something that every root needs, such as dpkg.
[[nodiscard]] Error incomplete_set(std::string_view reason);
/// P107: the parent's dpkg database cannot be understood.
[[nodiscard]] Error damaged_database(std::string_view file, std::string_view reason);

}  // namespace blueprint::packages
