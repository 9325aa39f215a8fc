// What others do, where the specifications leave room: the scope is the challenge's, else the one that the request
// needs (containerd). A token without 'expires_in' is good for 60 seconds, as Docker's specification has it; the clock
// of the server is not believed, so the time runs from when we asked. Identity tokens go by POST, all else by GET,
// which every service knows. A password is shown to the service that the challenge names, but never over plain HTTP
// when the registry itself is reached by TLS.

#include "registry_client/registry_auth.h"

#include <algorithm>
#include <cctype>

#include <fmt/format.h>

#include "base/base64.h"
#include "base/json.h"
#include "registry_client/http_errors.h"

namespace blueprint::registry_client {
namespace {

constexpr std::uint64_t kMaxTokenAnswer = 256 << 10;
constexpr std::chrono::seconds kDefaultLifetime(60);
/// A transfer that begins now should not meet the end of its token: a tenth of its life, at most this.
constexpr std::chrono::seconds kMargin(30);
constexpr const char* kClientId = "blueprint";

std::string percent_encode(std::string_view text) {
  std::string encoded;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0 || std::string_view("-._~").find(c) != std::string_view::npos) {
      encoded += c;
    } else {
      encoded += fmt::format("%{:02X}", byte);
    }
  }
  return encoded;
}

std::string form_of(const std::vector<std::pair<std::string, std::string>>& fields) {
  std::string form;
  for (const auto& [name, value] : fields) {
    if (value.empty()) continue;
    form += fmt::format("{}{}={}", form.empty() ? "" : "&", name, percent_encode(value));
  }
  return form;
}

HttpHeader basic_header(const Credential& credential) {
  return {"Authorization", "Basic " + encode_base64(credential.user + ":" + credential.password.reveal())};
}

/// The text of a form as the body of a request.
class FormSource final : public BodySource {
 public:
  explicit FormSource(std::string form) : form_(std::move(form)) {}
  void rewind() override { at_ = 0; }
  std::size_t read(std::span<std::byte> into) override {
    const std::size_t count = std::min(into.size(), form_.size() - at_);
    std::copy_n(reinterpret_cast<const std::byte*>(form_.data()) + at_, count, into.data());
    at_ += count;
    return count;
  }
  [[nodiscard]] std::optional<std::uint64_t> size_bytes() const override { return form_.size(); }

 private:
  std::string form_;
  std::size_t at_ = 0;
};

bool fits_a_header(std::string_view token) {
  return std::all_of(token.begin(), token.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

}  // namespace

RegistryAuth::RegistryAuth(Http& http, Endpoint endpoint, std::string repository, std::string actions,
                           FindCredential find, Clock clock)
    : http_(http),
      endpoint_(std::move(endpoint)),
      repository_(std::move(repository)),
      actions_(std::move(actions)),
      find_(std::move(find)),
      clock_(std::move(clock)) {}

const std::optional<Credential>& RegistryAuth::credential() {
  if (!lookup_)
    lookup_ =
        find_ ? find_(endpoint_.credential_host, repository_) : CredentialLookup{.credential = {}, .looked_in = "none"};
  return lookup_->credential;
}

std::string RegistryAuth::looked_in() {
  (void)credential();
  return lookup_->looked_in;
}

std::optional<HttpHeader> RegistryAuth::header(const std::stop_token& stop) {
  if (!challenge_) return std::nullopt;
  if (challenge_->scheme == "basic") return basic_header(*credential());
  if (clock_() >= expires_) fetch_token(stop);
  return HttpHeader{"Authorization", "Bearer " + token_.reveal()};
}

bool RegistryAuth::answer(const HttpResponse& unauthorized, const std::stop_token& stop) {
  // Somebody else's challenge, behind a redirect, is not for our credentials.
  if (authority_of(unauthorized.url) != authority_of(endpoint_.url)) return false;
  std::vector<Challenge> challenges;
  for (const auto& header : unauthorized.headers) {
    if (!HttpResponse{.headers = {header}}.header("www-authenticate")) continue;
    for (auto& challenge : parse_challenges(header.value)) challenges.push_back(std::move(challenge));
  }
  const auto find = [&](std::string_view scheme) {
    return std::find_if(challenges.begin(), challenges.end(),
                        [&](const Challenge& challenge) { return challenge.scheme == scheme; });
  };
  if (const auto bearer = find("bearer"); bearer != challenges.end()) {
    challenge_ = *bearer;
    fetch_token(stop);
    return true;
  }
  if (find("basic") == challenges.end()) {
    if (challenges.empty()) return false;
    throw bad_token_service(endpoint_.credential_host,
                            fmt::format("it asks for '{}', which is not known here", challenges.front().scheme));
  }
  const bool tried = challenge_ && challenge_->scheme == "basic";
  if (tried || !credential() || credential()->password.empty()) return false;
  challenge_ = *find("basic");
  return true;
}

std::string RegistryAuth::scope() const {
  const std::string asked = challenge_->parameter("scope");
  return asked.empty() ? fmt::format("repository:{}:{}", repository_, actions_) : asked;
}

HttpRequest RegistryAuth::token_request() {
  HttpRequest request{.url = challenge_->parameter("realm"), .max_body_bytes = kMaxTokenAnswer};
  const bool by_tls = request.url.starts_with("https://");
  const bool plain_is_fine = request.url.starts_with("http://") &&
                             (endpoint_.url.starts_with("http://") || is_loopback(authority_of(request.url)));
  if (authority_of(request.url).empty() || !(by_tls || plain_is_fine)) {
    throw bad_token_service(endpoint_.credential_host,
                            fmt::format("its token service is at '{}'", redact_url(request.url)));
  }
  const auto& known = credential();
  if (known && !known->identity_token.empty()) {
    request.method = Method::Post;
    request.headers = {{"Content-Type", "application/x-www-form-urlencoded"}};
    return request;
  }
  const std::string query = form_of({{"service", challenge_->parameter("service")},
                                     {"scope", scope()},
                                     {"account", known ? known->user : std::string()}});
  request.url += (request.url.find('?') == std::string::npos ? "?" : "&") + query;
  if (known && !known->password.empty()) request.headers = {basic_header(*known)};
  return request;
}

void RegistryAuth::fetch_token(const std::stop_token& stop) {
  HttpRequest request = token_request();
  FormSource form(request.method == Method::Post ? form_of({{"grant_type", "refresh_token"},
                                                            {"service", challenge_->parameter("service")},
                                                            {"client_id", kClientId},
                                                            {"scope", scope()},
                                                            {"refresh_token", credential()->identity_token.reveal()}})
                                                 : std::string());
  if (request.method == Method::Post) request.source = &form;
  const auto asked_at = clock_();
  const HttpResponse response = http_.send(request, stop);
  if (response.status == 401 || response.status == 403) {
    const Reference reference{.host = endpoint_.credential_host, .repository = repository_, .tag = {}, .digest = {}};
    throw access_denied(reference, response, shown(), looked_in());
  }
  if (!response.success()) throw registry_failed(request, response);
  expires_ = asked_at;
  read_token(response);
}

void RegistryAuth::read_token(const HttpResponse& response) {
  const Json json = Json::parse(response.body, nullptr, false);
  const auto text_at = [&](const char* key) {
    const auto found = json.is_object() ? json.find(key) : json.end();
    return json.is_object() && found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  std::string token = text_at("token");
  if (token.empty()) token = text_at("access_token");
  if (token.empty() || !fits_a_header(token))
    throw bad_token_service(endpoint_.credential_host, "its token service answered with no token");
  auto lifetime = kDefaultLifetime;
  if (const auto said = json.find("expires_in"); said != json.end() && said->is_number_integer()) {
    constexpr std::int64_t kLongest = 24 * 60 * 60;
    lifetime = std::chrono::seconds(std::clamp<std::int64_t>(said->get<std::int64_t>(), 1, kLongest));
  }
  token_ = Secret(std::move(token));
  expires_ += lifetime - std::min<std::chrono::milliseconds>(kMargin, std::chrono::milliseconds(lifetime) / 10);
}

}  // namespace blueprint::registry_client
