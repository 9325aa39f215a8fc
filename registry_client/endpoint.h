#pragma once

#include <map>
#include <string>
#include <string_view>

namespace blueprint::registry_client {

/// Where the API of a registry answers, and by which name its credentials are known.
struct Endpoint {
  std::string url;              ///< "https://registry.example", no '/' at its end
  std::string credential_host;  ///< "registry.example:5000"; "docker.io" for Docker Hub's own endpoint

  bool operator==(const Endpoint&) const = default;
};

/// https, unless the host is this machine. `by_host` are the endpoints that the site set (host → URL), which go before:
/// a mirror, or a registry that speaks plain HTTP. Throws Error N005 for a URL of theirs that is none.
[[nodiscard]] Endpoint endpoint_of(const std::string& host, const std::map<std::string, std::string>& by_host);

/// "registry.example:5000" of "https://user@registry.example:5000/path"; empty when there is none.
[[nodiscard]] std::string authority_of(std::string_view url);

/// Whether what is said to `authority` stays on this machine: localhost, 127.0.0.0/8, ::1; with a port or without.
[[nodiscard]] bool is_loopback(std::string_view authority);

}  // namespace blueprint::registry_client
