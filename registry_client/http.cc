#include "registry_client/http.h"

#include <algorithm>
#include <cctype>
#include <exception>

#include <fmt/format.h>

namespace blueprint::registry_client {
namespace {

bool same_name(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

}  // namespace

std::string_view method_name(Method method) {
  switch (method) {
    case Method::Get: return "GET";
    case Method::Head: return "HEAD";
    case Method::Put: return "PUT";
    case Method::Post: return "POST";
    case Method::Patch: return "PATCH";
    case Method::Delete: return "DELETE";
  }
  return "GET";
}

std::optional<std::string_view> HttpResponse::header(std::string_view name) const {
  for (const auto& header : headers) {
    if (same_name(header.name, name)) return header.value;
  }
  return std::nullopt;
}

HttpResponse Http::send(HttpRequest request, std::stop_token stop) {
  HttpTransfer transfer{.request = std::move(request)};
  perform({&transfer, 1}, std::move(stop));
  if (transfer.failure) std::rethrow_exception(transfer.failure);
  return std::move(transfer.response);
}

std::string redact_url(std::string_view url) {
  std::string shown(url);
  const auto scheme = shown.find("://");
  if (scheme != std::string::npos) {
    const auto authority = scheme + 3;
    const auto end = std::min(shown.find_first_of("/?#", authority), shown.size());
    // The last '@': a password may hold an unescaped one.
    const auto at = shown.rfind('@', end);
    if (at != std::string::npos && at >= authority && at < end) shown.erase(authority, at + 1 - authority);
  }
  // Signed URLs of object stores carry their credential in the query.
  if (const auto query = shown.find('?'); query != std::string::npos) shown.replace(query, std::string::npos, "?…");
  return shown;
}

std::string join_url(std::string_view base, std::string_view path) {
  while (base.ends_with('/')) base.remove_suffix(1);
  while (path.starts_with('/')) path.remove_prefix(1);
  std::string url(base);
  url += '/';
  for (const char c : path) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0 || std::string_view("/-._~:@!$&'()*,;=").find(c) != std::string_view::npos) {
      url += c;
    } else {
      url += fmt::format("%{:02X}", byte);
    }
  }
  return url;
}

}  // namespace blueprint::registry_client
