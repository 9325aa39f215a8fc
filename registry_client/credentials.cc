// What is read is what docker login, podman login and skopeo login write; see containers-auth.json(5). Keys are hosts
// for all of them, addresses with a scheme and "/v1/" from Docker's early days, and namespaces of a host for podman.

#include "registry_client/credentials.h"

#include <fmt/format.h>

#include "base/base64.h"
#include "base/json.h"
#include "registry_client/reference.h"
#include "registry_client/registry_errors.h"

namespace blueprint::registry_client {
namespace {

constexpr std::string_view kHubServer = "https://index.docker.io/v1/";

/// "index.docker.io" for "https://index.docker.io/v1/".
std::string plain_key(std::string_view key) {
  for (const std::string_view scheme : {"https://", "http://"}) {
    if (!key.starts_with(scheme)) continue;
    key.remove_prefix(scheme.size());
    key = key.substr(0, key.find('/'));
  }
  while (key.ends_with('/')) key.remove_suffix(1);
  return std::string(key);
}

std::string text_at(const Json& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
}

Credential parse_entry(const Json& entry, std::string_view path) {
  Credential credential{.user = text_at(entry, "username"),
                        .password = Secret(text_at(entry, "password")),
                        .identity_token = Secret(text_at(entry, "identitytoken"))};
  const std::string encoded = text_at(entry, "auth");
  if (encoded.empty()) return credential;
  auto pair = decode_base64(encoded);
  const std::size_t colon = pair ? pair->find(':') : std::string::npos;
  if (colon == std::string::npos) throw bad_credentials(path, "an 'auth' in it is no base64 of USER:PASSWORD");
  while (pair->ends_with('\0')) pair->pop_back();  // some tools pad it
  credential.user = pair->substr(0, colon);
  credential.password = Secret(pair->substr(colon + 1));
  return credential;
}

std::vector<std::string> names_of(std::string_view host) {
  if (host != kDockerHub) return {std::string(host)};
  return {std::string(host), "index.docker.io", "registry-1.docker.io"};
}

std::string checked_helper(const std::string& name, std::string_view path) {
  constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
  if (name.find_first_not_of(kAllowed) != std::string::npos)
    throw bad_credentials(path, "the name of a credential helper in it is no word");
  return name;
}

}  // namespace

CredentialFile parse_credential_file(std::string_view text, std::string_view path) {
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) throw bad_credentials(path, "it is no JSON object");
  CredentialFile file;
  if (const auto auths = json.find("auths"); auths != json.end() && auths->is_object()) {
    for (const auto& [key, entry] : auths->items()) {
      if (!entry.is_object()) continue;
      // An entry without a secret only says that a helper has it.
      Credential credential = parse_entry(entry, path);
      if (!credential.password.empty() || !credential.identity_token.empty())
        file.entries.insert_or_assign(plain_key(key), std::move(credential));
    }
  }
  if (const auto helpers = json.find("credHelpers"); helpers != json.end() && helpers->is_object()) {
    for (const auto& [key, name] : helpers->items()) {
      if (name.is_string()) file.helpers[plain_key(key)] = checked_helper(name.get<std::string>(), path);
    }
  }
  file.store = checked_helper(text_at(json, "credsStore"), path);
  return file;
}

const Credential* find_entry(const CredentialFile& file, std::string_view host, std::string_view repository) {
  for (const std::string& name : names_of(host)) {
    std::string key = fmt::format("{}/{}", name, repository);
    while (true) {
      if (const auto found = file.entries.find(key); found != file.entries.end()) return &found->second;
      if (key.size() == name.size()) break;
      key.erase(key.rfind('/'));
    }
  }
  return nullptr;
}

std::string find_helper(const CredentialFile& file, std::string_view host, HelperFor which) {
  if (which == HelperFor::AllHosts) return file.store;
  for (const std::string& name : names_of(host)) {
    if (const auto found = file.helpers.find(name); found != file.helpers.end()) return found->second;
  }
  return {};
}

std::string helper_server(std::string_view host) { return std::string(host == kDockerHub ? kHubServer : host); }

Credential parse_helper_output(std::string_view text, std::string_view helper) {
  const Json json = Json::parse(text, nullptr, false);
  const std::string user = json.is_object() ? text_at(json, "Username") : std::string();
  const std::string secret = json.is_object() ? text_at(json, "Secret") : std::string();
  if (secret.empty()) throw bad_credentials(helper, "it answered with no secret");
  if (user == "<token>") return {.user = {}, .password = {}, .identity_token = Secret(secret)};
  return {.user = user, .password = Secret(secret), .identity_token = {}};
}

}  // namespace blueprint::registry_client
