#pragma once

#include <cstdint>
#include <string_view>

namespace blueprint::recipe {

enum class ModeOf { File, Directory };

/// The permission bits `mode` of a file after `change`, as chmod(1) has it: clauses such as "u=rwX" and "go-w" joined
/// by
/// ','; a clause that names nobody means all. `X` is execute for directories and for what somebody can execute already.
/// `change` must match the pattern of the recipe language.
[[nodiscard]] std::uint32_t apply_mode_change(std::string_view change, std::uint32_t mode, ModeOf of);

/// Whether `change` has that form.
[[nodiscard]] bool is_mode_change(std::string_view change);

}  // namespace blueprint::recipe
