#pragma once

#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "registry_client/http.h"

// The wordings of what can go wrong with an HTTP transfer: kind Network, codes N0xx. URLs are shown redacted.

namespace blueprint::registry_client {

[[nodiscard]] Error cannot_reach(std::string_view url, std::string_view reason);
[[nodiscard]] Error connection_broke(std::string_view url, std::string_view reason, int attempts);
[[nodiscard]] Error tls_failed(std::string_view url, std::string_view reason);
[[nodiscard]] Error redirect_refused(std::string_view url, std::string_view reason);
[[nodiscard]] Error bad_url(std::string_view url, std::string_view reason);
[[nodiscard]] Error body_too_long(std::string_view url, std::uint64_t max_bytes);
[[nodiscard]] Error ranges_not_supported(std::string_view url);

/// For callers to whom a status that is not 2xx means failure.
[[nodiscard]] Error unexpected_status(Method method, std::string_view url, const HttpResponse& response);

}  // namespace blueprint::registry_client
