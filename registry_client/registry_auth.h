#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <stop_token>
#include <string>

#include "base/secret.h"
#include "registry_client/challenge.h"
#include "registry_client/credentials.h"
#include "registry_client/endpoint.h"
#include "registry_client/http.h"
#include "registry_client/registry_errors.h"

namespace blueprint::registry_client {

using Clock = std::function<std::chrono::steady_clock::time_point()>;

/// Lets requests into one repository of a registry, as the registry asks for it: nothing at first; after a 401 Basic,
/// or a Bearer token from the service that the challenge names (Docker's token authentication, also its OAuth2 form for
/// identity tokens). A token serves one scope and is renewed before it expires. Borrows `http`. One thread at a time.
class RegistryAuth {
 public:
  /// `actions` are what the scope asks for: "pull".
  RegistryAuth(Http& http, Endpoint endpoint, std::string repository, std::string actions, FindCredential find,
               Clock clock);

  /// What to send with a request; nothing as long as nobody asked. Fetches a new token when the last one has expired.
  [[nodiscard]] std::optional<HttpHeader> header(const std::stop_token& stop);

  /// Learns from a 401. False when there is nothing to show that was not refused already. Throws Error N021, N027, and
  /// what the token service's transfer throws.
  [[nodiscard]] bool answer(const HttpResponse& unauthorized, const std::stop_token& stop);

  [[nodiscard]] Shown shown() const { return lookup_ && lookup_->credential ? Shown::Credential : Shown::Nothing; }
  /// Where credentials were looked for: for messages.
  [[nodiscard]] std::string looked_in();

 private:
  const std::optional<Credential>& credential();
  void fetch_token(const std::stop_token& stop);
  [[nodiscard]] HttpRequest token_request();
  [[nodiscard]] std::string scope() const;
  void read_token(const HttpResponse& response);

  Http& http_;
  Endpoint endpoint_;
  std::string repository_;
  std::string actions_;
  FindCredential find_;
  Clock clock_;
  std::optional<CredentialLookup> lookup_;
  std::optional<Challenge> challenge_;  ///< that is answered now
  Secret token_;
  std::chrono::steady_clock::time_point expires_;
};

}  // namespace blueprint::registry_client
