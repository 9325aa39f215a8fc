#include "registry_client/registry_errors.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/json.h"
#include "base/text.h"
#include "registry_client/http_errors.h"

namespace blueprint::registry_client {
namespace {

constexpr std::size_t kMostTagsShown = 10;

Diagnostic network(const char* code, std::string message) {
  return {.kind = ErrorKind::Network, .code = code, .message = std::move(message)};
}

std::string image_of(const Reference& reference) { return printable(reference.to_string()); }

/// The first error that a registry names in its answer (distribution-spec, "Error Codes"); empty when it names none.
std::string words_of(const HttpResponse& response) {
  const Json json = Json::parse(response.body, nullptr, false);
  const auto errors = json.is_object() ? json.find("errors") : json.end();
  if (!json.is_object() || errors == json.end() || !errors->is_array() || errors->empty()) return {};
  const Json& first = errors->front();
  if (!first.is_object()) return {};
  for (const char* key : {"message", "code"}) {
    const auto found = first.find(key);
    constexpr std::size_t kMostBytes = 200;
    if (found != first.end() && found->is_string() && !found->get<std::string>().empty())
      return printable(found->get<std::string>().substr(0, kMostBytes));
  }
  return {};
}

void add_words(Diagnostic& diagnostic, const HttpResponse& response) {
  if (const auto words = words_of(response); !words.empty())
    diagnostic.context.push_back(fmt::format("the registry says: {}", words));
}

}  // namespace

Error bad_reference(std::string_view text, std::string_view why, std::string_view hint) {
  Diagnostic diagnostic{.kind = ErrorKind::Recipe,
                        .code = "N020",
                        .message = fmt::format("'{}' is no image of a registry: {}", printable(text), why)};
  if (!hint.empty()) diagnostic.hints.emplace_back(hint);
  return Error(std::move(diagnostic));
}

Error access_denied(const Reference& reference, const HttpResponse& response, Shown shown, std::string_view looked_in) {
  auto diagnostic = network("N021", fmt::format("{} does not let us have '{}' (status {})", printable(reference.host),
                                                printable(reference.repository), response.status));
  if (shown == Shown::Credential) {
    diagnostic.hints.push_back(fmt::format("it refuses what {} has for it: 'docker login {}' renews that",
                                           printable(looked_in), printable(reference.host)));
  } else {
    diagnostic.hints.push_back(
        fmt::format("there are no credentials for it in {}: 'docker login {}' or 'skopeo login {}' writes them",
                    printable(looked_in), printable(reference.host), printable(reference.host)));
  }
  diagnostic.hints.emplace_back("many registries say the same of an image that they do not have: check its name");
  add_words(diagnostic, response);
  return Error(std::move(diagnostic));
}

Error no_such_tag(const Reference& reference, std::span<const std::string> known) {
  auto diagnostic =
      network("N022", fmt::format("{} has no tag '{}'", printable(reference.name()), printable(reference.tag)));
  std::vector<std::string> shown = near_names(reference.tag, known);
  if (!shown.empty()) {
    diagnostic.hints.push_back(printable(did_you_mean(shown)));
  } else if (!known.empty()) {
    shown.assign(known.begin(), known.begin() + static_cast<std::ptrdiff_t>(std::min(known.size(), kMostTagsShown)));
    diagnostic.hints.push_back(
        fmt::format("it has {}{}", printable(join(shown, ", ")), known.size() > shown.size() ? ", and more" : ""));
  }
  if (known.empty()) diagnostic.hints.emplace_back("check the tag; the registry does not say which it has");
  return Error(std::move(diagnostic));
}

Error no_such_repository(const Reference& reference) {
  auto diagnostic = network(
      "N022", fmt::format("{} has no repository '{}'", printable(reference.host), printable(reference.repository)));
  diagnostic.hints.emplace_back("check the name; some registries hide what needs credentials");
  return Error(std::move(diagnostic));
}

Error no_such_content(const Reference& reference, const Digest& digest) {
  auto diagnostic =
      network("N022", fmt::format("{} has no content {}", printable(reference.name()), digest.to_string()));
  diagnostic.hints.emplace_back(
      "it was removed there, or never pushed whole; a store or a mirror that has it still serves");
  return Error(std::move(diagnostic));
}

Error wrong_content(const Reference& reference, const Digest& digest, std::string_view came) {
  auto diagnostic =
      network("N023", fmt::format("{} did not send what {} names", printable(reference.host), digest.to_string()));
  diagnostic.hints.emplace_back("the registry, or a proxy before it, is damaged or lies: nothing of it was kept");
  diagnostic.context = {fmt::format("what came: {}", printable(came)),
                        fmt::format("while reading '{}'", image_of(reference))};
  return Error(std::move(diagnostic));
}

Error rate_limited(const Reference& reference, const HttpResponse& response, Shown shown) {
  auto diagnostic =
      network("N024", fmt::format("{} answers no more requests for now (status 429)", printable(reference.host)));
  if (const auto after = response.header("retry-after"))
    diagnostic.hints.push_back(fmt::format("it wants to be asked again after: {}", printable(*after)));
  if (shown == Shown::Nothing)
    diagnostic.hints.push_back(
        fmt::format("who logs in may ask more often: 'docker login {}'", printable(reference.host)));
  diagnostic.hints.emplace_back("run the same command again later: what has been downloaded is kept");
  add_words(diagnostic, response);
  return Error(std::move(diagnostic));
}

Error unusable_manifest(const Reference& reference, std::string_view why) {
  auto diagnostic =
      network("N025", fmt::format("the manifest of '{}' cannot be used: {}", image_of(reference), printable(why)));
  diagnostic.hints.emplace_back("an image has a manifest or an index of OCI, or of Docker's schema 2");
  return Error(std::move(diagnostic));
}

Error manifest_too_large(const Reference& reference, std::uint64_t max_bytes) {
  auto diagnostic = network(
      "N026", fmt::format("the manifest of '{}' is larger than {}", image_of(reference), format_size(max_bytes)));
  diagnostic.hints.emplace_back("no registry takes such a manifest: do not trust what sends it");
  return Error(std::move(diagnostic));
}

Error bad_token_service(std::string_view host, std::string_view why) {
  auto diagnostic = network("N027", fmt::format("cannot log in to {}: {}", printable(host), printable(why)));
  diagnostic.hints.emplace_back("known are Basic, and Bearer with a token service that is reached by https");
  return Error(std::move(diagnostic));
}

Error bad_credentials(std::string_view where, std::string_view why) {
  return Error({.kind = ErrorKind::Usage,
                .code = "N028",
                .message = fmt::format("cannot read credentials of registries from {}: {}", printable(where), why),
                .hints = {"'docker login' and 'skopeo login' write what can be read"}});
}

Error registry_failed(const HttpRequest& request, const HttpResponse& response) {
  Diagnostic diagnostic = unexpected_status(request.method, request.url, response).first();
  add_words(diagnostic, response);
  return Error(std::move(diagnostic));
}

}  // namespace blueprint::registry_client
