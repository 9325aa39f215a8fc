#pragma once

#include <memory>
#include <string_view>

#include "base/events.h"

namespace blueprint::cli {

enum class ProgressView {
  Auto,  ///< Terminal when stderr is one, else Plain
  Terminal,
  Plain,
  Json,   ///< one JSON object a line on stderr
  Quiet,  ///< notes only
};

enum class Verbosity { Normal, Verbose };

/// A view of events on stderr. Verbose also shows the output of commands as it comes; normally it is shown only when
/// one fails.
[[nodiscard]] std::unique_ptr<Events> make_progress(ProgressView view, Verbosity verbosity);

}  // namespace blueprint::cli
