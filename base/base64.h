#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace blueprint {

/// Base64 of RFC 4648 §4, padded.
[[nodiscard]] std::string encode_base64(std::string_view bytes);

/// Nothing when `text` is anything else; missing padding is allowed.
[[nodiscard]] std::optional<std::string> decode_base64(std::string_view text);

}  // namespace blueprint
