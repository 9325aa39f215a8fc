#pragma once

#include <string_view>

namespace blueprint::layers {

/// Throws Error S013 when `name` cannot be a tag, as Store::tag would: before work is done for it.
void check_tag_name(std::string_view name);

}  // namespace blueprint::layers
