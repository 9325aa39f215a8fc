#include "registry_client/http_errors.h"

#include <fmt/format.h>

#include "base/text.h"

namespace blueprint::registry_client {
namespace {

Diagnostic network(std::string code, std::string message) {
  return {.kind = ErrorKind::Network, .code = std::move(code), .message = std::move(message)};
}

std::string_view meaning(int status) {
  switch (status) {
    case 400: return "bad request";
    case 401: return "authentication required";
    case 403: return "forbidden";
    case 404: return "not found";
    case 407: return "the proxy asks for authentication";
    case 410: return "gone";
    case 429: return "too many requests";
    case 500: return "internal server error";
    case 502: return "bad gateway";
    case 503: return "service unavailable";
    case 504: return "gateway timeout";
    default: return "";
  }
}

}  // namespace

Error cannot_reach(std::string_view url, std::string_view reason) {
  auto diagnostic = network("N001", fmt::format("cannot reach {}: {}", redact_url(url), printable(reason)));
  diagnostic.hints = {"check the network, the host name and the proxy setting, then run the same command again"};
  return Error(std::move(diagnostic));
}

Error connection_broke(std::string_view url, std::string_view reason, int attempts) {
  auto diagnostic =
      network("N002", fmt::format("the transfer of {} broke off: {}{}", redact_url(url), printable(reason),
                                  attempts > 1 ? fmt::format(" (tried {} times)", attempts) : ""));
  diagnostic.hints = {"run the same command again: what has been downloaded is kept"};
  return Error(std::move(diagnostic));
}

Error tls_failed(std::string_view url, std::string_view reason) {
  auto diagnostic =
      network("N003", fmt::format("the identity of {} cannot be verified: {}", redact_url(url), printable(reason)));
  diagnostic.hints = {"if a private authority signed its certificate, install that in the system's ca-certificates",
                      "check the clock of this machine"};
  return Error(std::move(diagnostic));
}

Error redirect_refused(std::string_view url, std::string_view reason) {
  return Error(
      network("N004", fmt::format("the redirect of {} is not followed: {}", redact_url(url), printable(reason))));
}

Error bad_url(std::string_view url, std::string_view reason) {
  return Error(network("N005", fmt::format("cannot use the URL {}: {}", redact_url(url), printable(reason))));
}

Error body_too_long(std::string_view url, std::uint64_t max_bytes) {
  return Error(
      network("N006", fmt::format("{} sends more than the {} bytes that it should have", redact_url(url), max_bytes)));
}

Error ranges_not_supported(std::string_view url) {
  return Error(network("N007", fmt::format("the server of {} does not serve parts of a file", redact_url(url))));
}

Error unexpected_status(Method method, std::string_view url, const HttpResponse& response) {
  const auto words = meaning(response.status);
  auto diagnostic = network("N010", fmt::format("{} {} failed: status {}{}", method_name(method), redact_url(url),
                                                response.status, words.empty() ? "" : fmt::format(" ({})", words)));
  return Error(std::move(diagnostic));
}

}  // namespace blueprint::registry_client
