#include "base/utc.h"

#include <ctime>

#include <fmt/chrono.h>

namespace blueprint {

std::string format_utc(std::int64_t seconds) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(static_cast<std::time_t>(seconds)));
}

}  // namespace blueprint
