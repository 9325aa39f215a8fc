#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.h"

namespace blueprint::registry_client {

/// What lets a user into a registry: a password, or an identity token that is exchanged for others.
struct Credential {
  std::string user;
  Secret password;
  Secret identity_token;

  bool operator==(const Credential&) const = default;
};

/// What was found for a registry, and where it was looked for: text for messages, such as "/root/.docker/config.json".
struct CredentialLookup {
  std::optional<Credential> credential;
  std::string looked_in;
};

/// Finds the credential for a repository of a registry. Called when the registry asks who we are, at most once for each
/// repository. May throw Error N028.
using FindCredential = std::function<CredentialLookup(const std::string& host, const std::string& repository)>;

/// Docker's config.json, or the auth.json of podman and skopeo, as far as it speaks of credentials.
struct CredentialFile {
  std::map<std::string, Credential> entries;   ///< by host, or host and the beginning of a repository
  std::map<std::string, std::string> helpers;  ///< by host: NAME of a program docker-credential-NAME
  std::string store;                           ///< NAME of the helper for all other hosts; may be empty
};

/// Throws Error N028 naming `path`. The text is in no message.
[[nodiscard]] CredentialFile parse_credential_file(std::string_view text, std::string_view path);

/// The entry for a repository: the one that names most of it. Null when there is none.
[[nodiscard]] const Credential* find_entry(const CredentialFile& file, std::string_view host,
                                           std::string_view repository);

/// NAME of the helper that the file names for the host; empty when there is none. A helper for just this host goes
/// before the file's entries, one for all hosts behind them.
enum class HelperFor { ThisHost, AllHosts };
[[nodiscard]] std::string find_helper(const CredentialFile& file, std::string_view host, HelperFor which);

/// What a helper is asked for: Docker Hub is known to them by an address of old.
[[nodiscard]] std::string helper_server(std::string_view host);

/// What `docker-credential-NAME get` wrote. Throws Error N028.
[[nodiscard]] Credential parse_helper_output(std::string_view text, std::string_view helper);

}  // namespace blueprint::registry_client
