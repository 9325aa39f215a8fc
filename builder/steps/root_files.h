#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "builder/steps/accounts.h"
#include "builder/steps/step.h"

namespace blueprint::steps {

/// The bytes of a file of the parent image, symbolic links followed inside it; nothing when it is not a regular file
/// there.
[[nodiscard]] std::optional<std::string> read_parent_file(const StepContext& context, std::string_view path);

/// The users and groups that the parent image has.
[[nodiscard]] Accounts load_accounts(const StepContext& context);

}  // namespace blueprint::steps
