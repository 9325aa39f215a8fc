#pragma once

#include <cstdint>
#include <optional>

#include "layers/changeset.h"

namespace blueprint::layers {

/// What makes the times of files independent of when a step ran, and of a host whose clock is wrong: times later than
/// the epoch become the epoch, and so do those of the while in which the step ran. A clock that is before the epoch
/// would else be seen in whatever the step wrote; what it kept the time of (`cp -p`, an archive) has its own.
struct TimeClamp {
  /// By the clock of the file system, as it stamps what is written.
  struct While {
    Timestamp began;
    Timestamp ended;
  };
  std::int64_t epoch = 0;
  std::optional<While> ran;

  [[nodiscard]] Timestamp operator()(const Timestamp& time) const {
    const Timestamp latest{.seconds = epoch, .nanoseconds = 0};
    const bool is_of_the_run = ran && ran->began <= time && time <= ran->ended;
    return time > latest || is_of_the_run ? latest : time;
  }
};

}  // namespace blueprint::layers
