#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/digest.h"
#include "base/json.h"

// Private to the readers of OCI documents: foreign JSON, of which every access is checked.

namespace blueprint::layers {

/// Throws Error O007 for what is neither an object nor a list.
[[nodiscard]] Json parse_oci_json(std::string_view text, std::string_view what);

/// Empty when it is not there or no text.
[[nodiscard]] std::string text_at(const Json& json, const char* key);
/// Throws Error O007 when it is not there.
[[nodiscard]] const Json& array_at(const Json& json, const char* key, std::string_view what);
/// An empty one when it is not there.
[[nodiscard]] const Json& object_at(const Json& json, const char* key);
/// The texts of a list.
[[nodiscard]] std::vector<std::string> texts(const Json& json);
/// Nothing when it is no list, or an empty one.
[[nodiscard]] std::optional<std::vector<std::string>> texts_at(const Json& json, const char* key);
/// Throws Error O007.
[[nodiscard]] Digest digest_at(const Json& descriptor, std::string_view what);
/// What images are for.
inline constexpr const char* kOciPlatform = "linux/amd64";
/// What BuildKit lists attestations under, beside the manifests that they are about.
inline constexpr const char* kUnknownPlatform = "unknown/unknown";

/// "linux/amd64" of a platform or a config.
[[nodiscard]] std::string platform_of(const Json& json);
/// The one of several descriptors that is for linux/amd64. Each must say its platform; `known` are names by which the
/// images can be told apart else. Throws Error O003, O004.
[[nodiscard]] Json choose_oci_platform(const std::vector<Json>& candidates, std::string_view image,
                                       const std::vector<std::string>& known);

}  // namespace blueprint::layers
