#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace blueprint::registry_client {

enum class Method { Get, Head, Put, Post, Patch, Delete };
[[nodiscard]] std::string_view method_name(Method method);

struct HttpHeader {
  std::string name;
  std::string value;
};

/// Bytes [first, first + length) of a resource; no length = to its end.
struct ByteRange {
  std::uint64_t first = 0;
  std::optional<std::uint64_t> length;
};

struct HttpResponse {
  int status = 0;                   ///< 200, 404, …; a file: URL gives 200 or 404
  std::vector<HttpHeader> headers;  ///< of the last response, after redirects
  std::string url;                  ///< where the last redirect led
  std::string body;                 ///< filled only when the request had no sink

  [[nodiscard]] bool success() const { return status >= 200 && status < 300; }
  /// Value of the first header of that name (case does not matter).
  [[nodiscard]] std::optional<std::string_view> header(std::string_view name) const;
};

/// Takes the body of a successful (2xx) response as it comes. Called by the thread that called perform(). What a sink
/// throws ends its transfer and is the transfer's failure.
class BodySink {
 public:
  virtual ~BodySink() = default;
  /// The body that follows starts at byte `offset` of what was asked for. Called again when a broken transfer is
  /// retried: with 0 everything written so far is void, else `offset` is exactly what has been written so far.
  virtual void begin(const HttpResponse& head, std::uint64_t offset) = 0;
  virtual void write(std::span<const std::byte> bytes) = 0;
};

/// Gives the body of a request. Called by the thread that called perform().
class BodySource {
 public:
  virtual ~BodySource() = default;
  /// Starts over; called before each attempt.
  virtual void rewind() = 0;
  /// Fills at most `into.size()` bytes; 0 = end.
  virtual std::size_t read(std::span<std::byte> into) = 0;
  /// Nothing = not known; then it is sent chunked.
  [[nodiscard]] virtual std::optional<std::uint64_t> size_bytes() const = 0;
};

struct HttpRequest {
  Method method = Method::Get;
  std::string url;  ///< http:, https:, or file: where the client allows it; user:password@ is sent and never shown
  std::vector<HttpHeader> headers;
  std::optional<ByteRange> range;
  BodySource* source = nullptr;                 ///< borrowed
  BodySink* sink = nullptr;                     ///< borrowed; nothing = the body goes to HttpResponse::body
  std::optional<std::uint64_t> max_body_bytes;  ///< a longer body is an error (N006)
};

/// A request and what came of it.
struct HttpTransfer {
  HttpRequest request;
  HttpResponse response;
  /// Set when no response came, even after retries: an Error (kind Network, codes N0xx), or what the sink or source
  /// threw. A status such as 404 is a response, not a failure.
  std::exception_ptr failure;
};

struct HttpOptions {
  std::chrono::milliseconds connect_timeout{15'000};
  /// A transfer that moves fewer than `low_speed_bytes` a second for this long is broken off (and retried).
  std::chrono::seconds low_speed_time{30};
  std::uint32_t low_speed_bytes = 100;
  int max_redirects = 8;
  std::uint32_t max_connections = 16;
  std::uint32_t max_connections_per_host = 8;
  int attempts = 5;                               ///< for what may be repeated: not a POST or PATCH that had begun
  std::chrono::milliseconds backoff{500};         ///< before the second attempt; doubled each time, with jitter
  std::chrono::milliseconds max_backoff{20'000};  ///< also the longest Retry-After that is obeyed
  std::string proxy;                              ///< URL; empty = none. The environment is not read
  std::string no_proxy;                           ///< comma-separated hosts
  std::string ca_file;                            ///< empty = the system's
  std::string user_agent = "blueprint";
  enum class FileUrls { Refuse, Allow } file_urls = FileUrls::Refuse;
};

/// An HTTP client: one connection cache, kept between calls. One thread at a time.
class Http {
 public:
  virtual ~Http() = default;

  /// Performs all transfers, in parallel within the limits, started in the given order; retries connection failures,
  /// broken bodies (resumed by a range when the server can), 429 and 5xx. Returns when each has a response or a
  /// failure. `on_done`, when given, hears of each as it ends; what it throws stops everything and leaves perform().
  /// Throws Interrupted soon after a stop is requested.
  virtual void perform(std::span<HttpTransfer> transfers, std::stop_token stop,
                       const std::function<void(HttpTransfer&)>& on_done = {}) = 0;

  /// One request; throws its failure.
  HttpResponse send(HttpRequest request, std::stop_token stop);
};

/// The real one, over libcurl (HTTP/2 where TLS offers it).
[[nodiscard]] std::unique_ptr<Http> make_curl_http(HttpOptions options);

/// `url` without user name, password and the values of its query: what messages show.
[[nodiscard]] std::string redact_url(std::string_view url);

/// `base` and `path` with exactly one '/' between; `path` is percent-encoded where a URL needs it ('/' stays).
[[nodiscard]] std::string join_url(std::string_view base, std::string_view path);

}  // namespace blueprint::registry_client
