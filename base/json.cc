#include "base/json.h"

#include <fmt/format.h>

#include "base/error.h"

namespace blueprint {

Json parse_json(std::string_view text, std::string_view what) {
  try {
    return Json::parse(text);
  } catch (const Json::parse_error& failure) {
    throw Error({.kind = ErrorKind::Store,
                 .code = "S020",
                 .message = fmt::format("{} is not valid JSON (at byte {})", what, failure.byte)});
  }
}

std::string compact_json(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }
std::string format_json(const Json& json) { return json.dump(2, ' ', false, Json::error_handler_t::replace); }

}  // namespace blueprint
