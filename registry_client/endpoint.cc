#include "registry_client/endpoint.h"

#include <algorithm>
#include <cctype>

#include "base/text.h"
#include "registry_client/http_errors.h"
#include "registry_client/reference.h"

namespace blueprint::registry_client {
namespace {

constexpr std::string_view kHubEndpoint = "registry-1.docker.io";

/// 127.1.2.3, and no name that only begins like it.
bool is_loopback_v4(std::string_view host) {
  return host.starts_with("127.") && std::count(host.begin(), host.end(), '.') == 3 &&
         host.find_first_not_of("0123456789.") == std::string_view::npos;
}

}  // namespace

std::string authority_of(std::string_view url) {
  const std::size_t scheme = url.find("://");
  if (scheme == std::string_view::npos) return {};
  std::string_view rest = url.substr(scheme + 3);
  rest = rest.substr(0, rest.find_first_of("/?#"));
  if (const std::size_t at = rest.rfind('@'); at != std::string_view::npos) rest = rest.substr(at + 1);
  std::string authority(rest);
  std::transform(authority.begin(), authority.end(), authority.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return authority;
}

bool is_loopback(std::string_view authority) {
  const std::string_view host = authority.starts_with('[') ? authority.substr(0, authority.find(']') + 1)
                                                           : authority.substr(0, authority.find(':'));
  return host == "localhost" || host == "[::1]" || is_loopback_v4(host);
}

Endpoint endpoint_of(const std::string& host, const std::map<std::string, std::string>& by_host) {
  if (const auto set = by_host.find(host); set != by_host.end()) {
    std::string url = set->second;
    while (url.ends_with('/')) url.pop_back();
    const bool is_http = url.starts_with("http://") || url.starts_with("https://");
    if (!is_http || authority_of(url).empty()) throw bad_url(url, "a registry is at an http: or https: URL");
    return {.url = url, .credential_host = authority_of(url)};
  }
  if (host == kDockerHub) return {.url = "https://" + std::string(kHubEndpoint), .credential_host = host};
  return {.url = (is_loopback(host) ? "http://" : "https://") + host, .credential_host = host};
}

}  // namespace blueprint::registry_client
