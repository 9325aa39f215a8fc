// The HTTP client over libcurl's multi interface.
//
// perform() is one loop on the caller's thread: start what may start, let curl move bytes, collect what ended, put what
// failed for a passing reason back into the queue with a time before which it is not tried again. Curl keeps
// connections alive between attempts and calls and opens new ones within the limits. A broken body is resumed: the
// state of a transfer knows how many bytes its sink has, and the next attempt asks for the rest, guarded by If-Range
// and by the total size. Nothing here sleeps: curl_multi_poll waits for sockets, for the next retry, or for the wake-up
// that a stop request sends.

#include <algorithm>
#include <charconv>
#include <deque>
#include <memory>
#include <mutex>
#include <random>
#include <vector>

#include <curl/curl.h>

#include "base/error.h"
#include "registry_client/curl_http_attempt.h"
#include "registry_client/http.h"
#include "registry_client/http_errors.h"

namespace blueprint::registry_client {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

struct Pending {
  TransferState* state;
  Clock::time_point not_before;
};

/// Whether a transfer that ended with `code` may succeed when it is tried again.
bool is_passing(CURLcode code) {
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_PARTIAL_FILE:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM: return true;
    default: return false;
  }
}

bool never_reached(CURLcode code) {
  return code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_COULDNT_RESOLVE_PROXY || code == CURLE_COULDNT_CONNECT;
}

bool is_passing_status(int status) {
  return status == 408 || status == 429 || (status >= 500 && status != 501 && status != 505);
}

/// A repeated POST or PATCH could act twice.
bool may_repeat(Method method) { return method != Method::Post && method != Method::Patch; }

Error describe(CURLcode code, const Attempt& attempt) {
  const auto& url = attempt.state().transfer->request.url;
  const std::string reason = attempt.error_text()[0] != '\0' ? attempt.error_text() : curl_easy_strerror(code);
  switch (code) {
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CONNECT_ERROR: return tls_failed(url, reason);
    case CURLE_TOO_MANY_REDIRECTS: return redirect_refused(url, reason);
    case CURLE_UNSUPPORTED_PROTOCOL: return bad_url(url, reason);
    case CURLE_URL_MALFORMAT: return bad_url(url, reason);
    default: break;
  }
  if (never_reached(code)) return cannot_reach(url, reason);
  return connection_broke(url, reason, attempt.state().attempts);
}

class CurlHttp final : public Http {
 public:
  explicit CurlHttp(HttpOptions options) : options_(std::move(options)), multi_(curl_multi_init()) {
    if (multi_ == nullptr) throw bug("curl_multi_init failed");
    curl_multi_setopt(multi_, CURLMOPT_MAX_TOTAL_CONNECTIONS, static_cast<long>(options_.max_connections));
    curl_multi_setopt(multi_, CURLMOPT_MAX_HOST_CONNECTIONS, static_cast<long>(options_.max_connections_per_host));
    curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, static_cast<long>(options_.max_connections));
  }
  ~CurlHttp() override {
    active_.clear();
    curl_multi_cleanup(multi_);
  }
  CurlHttp(const CurlHttp&) = delete;
  CurlHttp& operator=(const CurlHttp&) = delete;

  void perform(std::span<HttpTransfer> transfers, std::stop_token stop,
               const std::function<void(HttpTransfer&)>& on_done) override;

 private:
  void start_ready();
  void collect(const std::function<void(HttpTransfer&)>& on_done);
  /// Decides what becomes of an attempt that ended; true when its transfer has ended too.
  bool settle(Attempt& attempt, CURLcode code);
  bool settle_response(Attempt& attempt);
  void queue_again(TransferState& state, milliseconds at_least);
  [[nodiscard]] int wait_ms() const;

  HttpOptions options_;
  CURLM* multi_;
  std::deque<Pending> pending_;
  std::vector<std::unique_ptr<Attempt>> active_;
  std::minstd_rand jitter_{std::random_device{}()};
};

/// Takes all attempts out of curl's hands and forgets the queue, however perform() ends.
template <typename Function>
class AtEnd {
 public:
  explicit AtEnd(Function function) : function_(std::move(function)) {}
  ~AtEnd() { function_(); }
  AtEnd(const AtEnd&) = delete;
  AtEnd& operator=(const AtEnd&) = delete;

 private:
  Function function_;
};

void CurlHttp::perform(std::span<HttpTransfer> transfers, std::stop_token stop,
                       const std::function<void(HttpTransfer&)>& on_done) {
  std::vector<TransferState> states(transfers.size());
  for (std::size_t i = 0; i < transfers.size(); ++i) {
    states[i].transfer = &transfers[i];
    pending_.push_back({&states[i], {}});
  }
  const AtEnd clean([this] {
    pending_.clear();
    for (const auto& attempt : active_) curl_multi_remove_handle(multi_, attempt->easy());
    active_.clear();
  });
  const std::stop_callback wake(stop, [this] { curl_multi_wakeup(multi_); });
  while (!pending_.empty() || !active_.empty()) {
    if (stop.stop_requested()) throw Interrupted{};
    start_ready();
    int running = 0;
    curl_multi_perform(multi_, &running);
    const auto active_before = active_.size();
    collect(on_done);
    // Something ended, so something may start: do that before waiting.
    if (active_.size() != active_before) continue;
    if (!pending_.empty() || !active_.empty()) curl_multi_poll(multi_, nullptr, 0, wait_ms(), nullptr);
  }
}

void CurlHttp::start_ready() {
  const auto now = Clock::now();
  for (auto next = pending_.begin(); next != pending_.end() && active_.size() < options_.max_connections;) {
    if (next->not_before > now) {
      ++next;
      continue;
    }
    TransferState& state = *next->state;
    next = pending_.erase(next);
    ++state.attempts;
    CURL* easy = curl_easy_init();
    if (easy == nullptr) throw bug("curl_easy_init failed");
    active_.push_back(std::make_unique<Attempt>(easy, options_, state));
    if (curl_multi_add_handle(multi_, easy) != CURLM_OK) throw bug("curl_multi_add_handle failed");
  }
}

int CurlHttp::wait_ms() const {
  int wait = 1000;
  if (active_.size() >= options_.max_connections) return wait;
  for (const auto& pending : pending_) {
    const auto left = std::chrono::ceil<milliseconds>(pending.not_before - Clock::now()).count();
    wait = std::clamp(static_cast<int>(left), 0, wait);
  }
  return wait;
}

void CurlHttp::collect(const std::function<void(HttpTransfer&)>& on_done) {
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    // The message dies with remove_handle.
    CURL* const easy = message->easy_handle;
    const CURLcode code = message->data.result;
    const auto found =
        std::find_if(active_.begin(), active_.end(), [&](const auto& attempt) { return attempt->easy() == easy; });
    curl_multi_remove_handle(multi_, easy);
    const std::unique_ptr<Attempt> attempt = std::move(*found);
    active_.erase(found);
    if (settle(*attempt, code) && on_done) on_done(*attempt->state().transfer);
  }
}

bool CurlHttp::settle(Attempt& attempt, CURLcode code) {
  TransferState& state = attempt.state();
  HttpTransfer& transfer = *state.transfer;
  const bool is_file = transfer.request.url.starts_with("file:");
  if (is_file && code == CURLE_FILE_COULDNT_READ_FILE) {
    transfer.response.status = 404;
    transfer.response.url = transfer.request.url;
    return true;
  }
  if (code == CURLE_OK) return settle_response(attempt);
  const bool restart = attempt.must_restart();
  if (attempt.failure() && !restart) {
    transfer.failure = attempt.failure();
    return true;
  }
  // What a sink has may be kept only if the server can go on from there.
  const bool kept = !restart && state.resumable && state.delivered_bytes > 0;
  if (!kept) state.delivered_bytes = 0;
  // A line that breaks again and again but moves on each time is worth going on with.
  if (kept && state.delivered_bytes > state.kept_bytes) state.fruitless = 0;
  state.kept_bytes = state.delivered_bytes;
  ++state.fruitless;
  const bool repeatable = may_repeat(transfer.request.method) || never_reached(code);
  if ((restart || is_passing(code)) && repeatable && state.fruitless < options_.attempts) {
    queue_again(state, milliseconds(0));
    return false;
  }
  transfer.failure = std::make_exception_ptr(describe(code, attempt));
  return true;
}

bool CurlHttp::settle_response(Attempt& attempt) {
  TransferState& state = attempt.state();
  HttpTransfer& transfer = *state.transfer;
  try {
    attempt.complete();
  } catch (...) {
    transfer.failure = std::current_exception();
    return true;
  }
  const int status = transfer.response.status;
  if (status == 416 && state.delivered_bytes > 0) {  // the file became shorter: from the start
    state.delivered_bytes = 0;
    ++state.fruitless;
    if (state.fruitless < options_.attempts) {
      queue_again(state, milliseconds(0));
      return false;
    }
  }
  if (!is_passing_status(status)) return true;
  if (!may_repeat(transfer.request.method) && status != 429) return true;
  if (++state.fruitless >= options_.attempts) return true;
  milliseconds at_least{0};
  if (const auto after = transfer.response.header("retry-after")) {
    int seconds = 0;  // the form with a date is rare and only means "later"
    std::from_chars(after->data(), after->data() + after->size(), seconds);
    at_least = std::clamp(milliseconds(1000LL * std::clamp(seconds, 0, 3600)), milliseconds(0), options_.max_backoff);
  }
  queue_again(state, at_least);
  return false;
}

void CurlHttp::queue_again(TransferState& state, milliseconds at_least) {
  const int doublings = std::clamp(state.fruitless - 1, 0, 16);
  const auto wait = std::min(options_.max_backoff, options_.backoff * (1L << doublings));
  // Jitter between half and all of it, so that many clients of a mirror that came back do not return together.
  const auto count = static_cast<long>(wait.count());
  const milliseconds jittered(
      count / 2 + (count > 0 ? static_cast<long>(jitter_() % static_cast<unsigned long>(count / 2 + 1)) : 0));
  pending_.push_back({&state, Clock::now() + std::max(at_least, jittered)});
}

}  // namespace

std::unique_ptr<Http> make_curl_http(HttpOptions options) {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
  return std::make_unique<CurlHttp>(std::move(options));
}

}  // namespace blueprint::registry_client
