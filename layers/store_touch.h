#pragma once

#include <chrono>
#include <filesystem>

namespace blueprint::layers {

/// How much older than its last use a time stamp in the store may be: what was touched within this time is not touched
/// again, so that a build in which nothing changed writes nothing. gc adds it to every age that it compares.
inline constexpr std::chrono::seconds kTouchSlack = std::chrono::hours(1);

/// Notes that `path` is used now, by its modification time. False when it does not exist. A store that cannot be
/// written to is not an error: nobody collects garbage there.
bool touch(const std::filesystem::path& path);

}  // namespace blueprint::layers
