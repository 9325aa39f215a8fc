#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/digest.h"
#include "base/error.h"
#include "registry_client/http.h"
#include "registry_client/reference.h"

// The wordings of what can go wrong with a registry: codes N020 to N028. Registries are named as references name them.

namespace blueprint::registry_client {

[[nodiscard]] Error bad_reference(std::string_view text, std::string_view why, std::string_view hint);  // N020

/// Whether we had a user name and password, or a token, to show.
enum class Shown { Nothing, Credential };
/// `looked_in` is where credentials were looked for.
[[nodiscard]] Error access_denied(const Reference& reference, const HttpResponse& response, Shown shown,
                                  std::string_view looked_in);  // N021

/// `known` are the tags that the repository has, as far as they are known.
[[nodiscard]] Error no_such_tag(const Reference& reference, std::span<const std::string> known);  // N022
[[nodiscard]] Error no_such_repository(const Reference& reference);                               // N022
[[nodiscard]] Error no_such_content(const Reference& reference, const Digest& digest);            // N022

/// `came` says what came instead: "4 of 1,234 bytes", "sha256:…".
[[nodiscard]] Error wrong_content(const Reference& reference, const Digest& digest, std::string_view came);  // N023
[[nodiscard]] Error rate_limited(const Reference& reference, const HttpResponse& response, Shown shown);     // N024
[[nodiscard]] Error unusable_manifest(const Reference& reference, std::string_view why);                     // N025
[[nodiscard]] Error manifest_too_large(const Reference& reference, std::uint64_t max_bytes);                 // N026
[[nodiscard]] Error bad_token_service(std::string_view host, std::string_view why);                          // N027
/// `where` is the file or helper. Kind Usage.
[[nodiscard]] Error bad_credentials(std::string_view where, std::string_view why);  // N028

/// Any other status that is no success: N010, with what the registry says of it.
[[nodiscard]] Error registry_failed(const HttpRequest& request, const HttpResponse& response);

}  // namespace blueprint::registry_client
