#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace blueprint::registry_client {

/// One way in which a server would let a client in (RFC 7235, WWW-Authenticate).
struct Challenge {
  std::string scheme;                             ///< lower case: "bearer", "basic"
  std::map<std::string, std::string> parameters;  ///< by name in lower case: realm, service, scope, error

  bool operator==(const Challenge&) const = default;
  /// Empty when it is not there.
  [[nodiscard]] std::string parameter(const std::string& name) const;
};

/// Every challenge of one WWW-Authenticate header, which may hold several. What cannot be read ends the list.
[[nodiscard]] std::vector<Challenge> parse_challenges(std::string_view header);

}  // namespace blueprint::registry_client
