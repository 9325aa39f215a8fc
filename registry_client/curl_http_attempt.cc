#include "registry_client/curl_http_attempt.h"

#include <charconv>

#include <fmt/format.h>

#include "base/text.h"
#include "registry_client/http_errors.h"

namespace blueprint::registry_client {
namespace {

/// A body that no sink takes is for reading by a program (a token, an error in JSON), never for content.
constexpr std::uint64_t kMaxBodyInMemory = 64ULL << 20;
constexpr std::uint64_t kMaxErrorBody = 64ULL << 10;

bool is_file(const HttpRequest& request) { return request.url.starts_with("file:"); }

/// "bytes 100-199/200" → 100 and 200.
struct ContentRange {
  std::uint64_t first = 0;
  std::optional<std::uint64_t> total;
};

std::optional<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<ContentRange> parse_content_range(std::string_view text) {
  if (!text.starts_with("bytes ")) return std::nullopt;
  text.remove_prefix(6);
  const auto dash = text.find('-');
  const auto slash = text.find('/');
  if (dash == std::string_view::npos || slash == std::string_view::npos || dash > slash) return std::nullopt;
  const auto first = parse_number(text.substr(0, dash));
  if (!first) return std::nullopt;
  return ContentRange{.first = *first, .total = parse_number(text.substr(slash + 1))};
}

std::string range_text(std::uint64_t first, std::optional<std::uint64_t> length) {
  return length ? fmt::format("{}-{}", first, first + *length - 1) : fmt::format("{}-", first);
}

template <typename Value>
void set(CURL* easy, CURLoption option, Value value) {
  curl_easy_setopt(easy, option, value);
}

}  // namespace

Attempt::Attempt(CURL* easy, const HttpOptions& options, TransferState& state) : easy_(easy), state_(state) {
  set_up(options);
}

Attempt::~Attempt() {
  curl_slist_free_all(headers_);
  curl_easy_cleanup(easy_);
}

void Attempt::set_up(const HttpOptions& options) {
  const auto& request = state_.transfer->request;
  const bool file_urls = options.file_urls == HttpOptions::FileUrls::Allow;
  set(easy_, CURLOPT_URL, request.url.c_str());
  set(easy_, CURLOPT_PRIVATE, this);
  set(easy_, CURLOPT_NOSIGNAL, 1L);
  set(easy_, CURLOPT_ERRORBUFFER, error_);
  set(easy_, CURLOPT_PROTOCOLS_STR, file_urls ? "http,https,file" : "http,https");
  set(easy_, CURLOPT_REDIR_PROTOCOLS_STR, request.url.starts_with("https:") ? "https" : "http,https");
  set(easy_, CURLOPT_FOLLOWLOCATION, 1L);
  set(easy_, CURLOPT_MAXREDIRS, static_cast<long>(options.max_redirects));
  set(easy_, CURLOPT_POSTREDIR, static_cast<long>(CURL_REDIR_POST_ALL));
  set(easy_, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options.connect_timeout.count()));
  set(easy_, CURLOPT_LOW_SPEED_TIME, static_cast<long>(options.low_speed_time.count()));
  set(easy_, CURLOPT_LOW_SPEED_LIMIT, static_cast<long>(options.low_speed_bytes));
  // An empty string, unlike no setting, keeps curl from reading http_proxy of the environment.
  set(easy_, CURLOPT_PROXY, options.proxy.c_str());
  set(easy_, CURLOPT_NOPROXY, options.no_proxy.c_str());
  if (!options.ca_file.empty()) set(easy_, CURLOPT_CAINFO, options.ca_file.c_str());
  set(easy_, CURLOPT_USERAGENT, options.user_agent.c_str());
  set(easy_, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_2TLS));
  set(easy_, CURLOPT_PIPEWAIT, 1L);
  set(easy_, CURLOPT_BUFFERSIZE, 256L << 10);
  set(easy_, CURLOPT_HEADERFUNCTION, &Attempt::header_callback);
  set(easy_, CURLOPT_HEADERDATA, this);
  set(easy_, CURLOPT_WRITEFUNCTION, &Attempt::body_callback);
  set(easy_, CURLOPT_WRITEDATA, this);
  set_up_body();
  set_up_headers();
}

void Attempt::set_up_body() {
  const auto& request = state_.transfer->request;
  const bool sends = request.method == Method::Put || request.method == Method::Post || request.method == Method::Patch;
  if (request.method == Method::Head) {
    set(easy_, CURLOPT_NOBODY, 1L);
  } else if (sends) {
    set(easy_, CURLOPT_READFUNCTION, &Attempt::read_callback);
    set(easy_, CURLOPT_READDATA, this);
    set(easy_, CURLOPT_SEEKFUNCTION, &Attempt::seek_callback);
    set(easy_, CURLOPT_SEEKDATA, this);
    const auto size = request.source == nullptr ? std::optional<std::uint64_t>(0) : request.source->size_bytes();
    set(easy_, CURLOPT_UPLOAD, 1L);
    set(easy_, CURLOPT_INFILESIZE_LARGE, size ? static_cast<curl_off_t>(*size) : curl_off_t{-1});
    if (request.method != Method::Put) set(easy_, CURLOPT_CUSTOMREQUEST, method_name(request.method).data());
  } else if (request.method == Method::Delete) {
    set(easy_, CURLOPT_CUSTOMREQUEST, "DELETE");
  }
}

void Attempt::set_up_headers() {
  const auto& request = state_.transfer->request;
  const auto add = [&](const std::string& line) {
    if (curl_slist* longer = curl_slist_append(headers_, line.c_str())) headers_ = longer;
  };
  for (const auto& header : request.headers) add(fmt::format("{}: {}", header.name, header.value));
  add("Expect:");  // no 100-continue round trip
  const std::uint64_t first = request.range ? request.range->first : 0;
  std::optional<std::uint64_t> length = request.range ? request.range->length : std::nullopt;
  if (state_.delivered_bytes > 0) {
    if (length) *length -= state_.delivered_bytes;
    set(easy_, CURLOPT_RANGE, range_text(first + state_.delivered_bytes, length).c_str());
    if (!state_.validator.empty()) add(fmt::format("If-Range: {}", state_.validator));
  } else if (request.range) {
    set(easy_, CURLOPT_RANGE, range_text(first, length).c_str());
  }
  set(easy_, CURLOPT_HTTPHEADER, headers_);
}

void Attempt::on_header(std::string_view line) {
  line = trim(line);
  if (line.starts_with("HTTP/")) {  // the head of another response: after a redirect, a proxy's CONNECT or 100
    response_.headers.clear();
    return;
  }
  const auto colon = line.find(':');
  if (colon == std::string_view::npos) return;
  response_.headers.push_back({std::string(trim(line.substr(0, colon))), std::string(trim(line.substr(colon + 1)))});
}

void Attempt::note_resumability() {
  const auto ranges = response_.header("accept-ranges");
  state_.resumable = response_.status == 206 || (ranges && *ranges == "bytes") || is_file(state_.transfer->request);
  const auto etag = response_.header("etag");
  const auto modified = response_.header("last-modified");
  state_.validator.clear();
  if (etag && !etag->starts_with("W/")) {
    state_.validator = *etag;
  } else if (modified) {
    state_.validator = *modified;
  }
  state_.total_bytes.reset();
  if (response_.status == 206) {
    const auto range = parse_content_range(response_.header("content-range").value_or(""));
    if (range) state_.total_bytes = range->total;
  } else if (const auto length = response_.header("content-length")) {
    state_.total_bytes = parse_number(*length);
  }
}

void Attempt::begin_body() {
  begun_ = true;
  const auto& request = state_.transfer->request;
  long status = 0;
  curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &status);
  response_.status = is_file(request) ? 200 : static_cast<int>(status);
  if (!response_.success()) return;
  const std::uint64_t first = request.range ? request.range->first : 0;
  if (state_.delivered_bytes > 0 && !is_file(request)) {
    const auto range = parse_content_range(response_.header("content-range").value_or(""));
    const bool same = response_.status == 206 && range && range->first == first + state_.delivered_bytes &&
                      (!range->total || !state_.total_bytes || *range->total == *state_.total_bytes);
    if (response_.status == 206 && !same) {
      must_restart_ = true;
      throw connection_broke(request.url, "the file changed on the server", state_.attempts);
    }
    if (response_.status == 200) state_.delivered_bytes = 0;
  }
  if (request.range && response_.status == 200 && !is_file(request)) throw ranges_not_supported(request.url);
  if (state_.delivered_bytes == 0) note_resumability();
  if (request.sink != nullptr) {
    request.sink->begin(response_, state_.delivered_bytes);
  } else {
    response_.body.clear();
    state_.delivered_bytes = 0;
  }
}

void Attempt::on_body(std::span<const std::byte> bytes) {
  if (!begun_) begin_body();
  const auto& request = state_.transfer->request;
  if (!response_.success()) {
    if (response_.body.size() < kMaxErrorBody)
      response_.body.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return;
  }
  const std::uint64_t limit = request.sink == nullptr ? request.max_body_bytes.value_or(kMaxBodyInMemory)
                                                      : request.max_body_bytes.value_or(UINT64_MAX);
  const std::uint64_t before = request.sink == nullptr ? response_.body.size() : state_.delivered_bytes;
  if (bytes.size() > limit - std::min(before, limit)) throw body_too_long(request.url, limit);
  if (request.sink == nullptr) {
    response_.body.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return;
  }
  request.sink->write(bytes);
  state_.delivered_bytes += bytes.size();
}

void Attempt::complete() {
  if (!begun_) begin_body();
  char* url = nullptr;
  curl_easy_getinfo(easy_, CURLINFO_EFFECTIVE_URL, &url);
  if (url != nullptr) response_.url = url;
  state_.transfer->response = std::move(response_);
}

std::size_t Attempt::header_callback(char* data, std::size_t size, std::size_t count, void* self) noexcept {
  auto& attempt = *static_cast<Attempt*>(self);
  try {
    attempt.on_header({data, size * count});
    return size * count;
  } catch (...) {
    attempt.failure_ = std::current_exception();
    return 0;
  }
}

std::size_t Attempt::body_callback(char* data, std::size_t size, std::size_t count, void* self) noexcept {
  auto& attempt = *static_cast<Attempt*>(self);
  try {
    attempt.on_body(std::as_bytes(std::span(data, size * count)));
    return size * count;
  } catch (...) {
    attempt.failure_ = std::current_exception();
    return CURL_WRITEFUNC_ERROR;
  }
}

std::size_t Attempt::read_callback(char* data, std::size_t size, std::size_t count, void* self) noexcept {
  auto& attempt = *static_cast<Attempt*>(self);
  auto* source = attempt.state_.transfer->request.source;
  if (source == nullptr) return 0;
  try {
    if (!attempt.reading_) source->rewind();
    attempt.reading_ = true;
    return source->read(std::as_writable_bytes(std::span(data, size * count)));
  } catch (...) {
    attempt.failure_ = std::current_exception();
    return CURL_READFUNC_ABORT;
  }
}

int Attempt::seek_callback(void* self, curl_off_t offset, int origin) noexcept {
  auto& attempt = *static_cast<Attempt*>(self);
  auto* source = attempt.state_.transfer->request.source;
  if (offset != 0 || origin != SEEK_SET) return CURL_SEEKFUNC_CANTSEEK;
  try {
    if (source != nullptr) source->rewind();
    return CURL_SEEKFUNC_OK;
  } catch (...) {
    attempt.failure_ = std::current_exception();
    return CURL_SEEKFUNC_FAIL;
  }
}

}  // namespace blueprint::registry_client
