#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/digest.h"

namespace blueprint::registry_client {

/// The host that plain names such as "debian:12" mean to Docker; its API answers under another name.
inline constexpr std::string_view kDockerHub = "docker.io";

/// The name of an image in a registry.
///
///     reference  = host "/" repository [":" tag] ["@" digest]
///     host       = (name | "[" IPv6 "]") [":" port]       with a '.' or a port, or "localhost"
///     repository = component ("/" component)*              distribution-spec, "Pulling manifests"
///     component  = [a-z0-9]+ (("." | "_" | "__" | "-"+) [a-z0-9]+)*
///     tag        = [a-zA-Z0-9_] [a-zA-Z0-9._-]{0,127}
///     digest     = "sha256:" 64 hexadecimal digits
struct Reference {
  std::string host;              ///< as written; "docker.io" for its other names
  std::string repository;        ///< "library/debian" for "debian" of docker.io
  std::string tag;               ///< "latest" when neither tag nor digest is said; may be empty beside a digest
  std::optional<Digest> digest;  ///< says more than a tag beside it

  bool operator==(const Reference&) const = default;
  /// "HOST/REPOSITORY".
  [[nodiscard]] std::string name() const { return host + "/" + repository; }
  [[nodiscard]] std::string to_string() const;
};

/// Throws Error N020 that says what is wrong with `text`.
[[nodiscard]] Reference parse_reference(std::string_view text);

/// Whether `text` begins with what can only be the host of a registry, as Docker decides it: a first word before a '/'
/// with a '.' or a ':' in it, or "localhost".
[[nodiscard]] bool names_registry(std::string_view text);

}  // namespace blueprint::registry_client
