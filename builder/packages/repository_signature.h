#pragma once

#include <filesystem>
#include <stop_token>
#include <string>
#include <string_view>

#include "builder/packages/repository.h"

namespace blueprint::packages {

struct VerifiedText {
  std::string text;         ///< exactly the bytes that the signature covers
  std::string fingerprint;  ///< of the key that signed
};

/// Verifies a clear-signed InRelease file with gpgv and `source`'s keyring, as apt does: one good signature is enough,
/// one bad one is fatal; where the source names a fingerprint, only a signature by that key is. Throws Error P020 (bad
/// signature), P021 (unknown key), P022 (expired key or signature), P023 (not signed), P025 (signed by another key).
/// `scratch` is a directory for temporary files.
[[nodiscard]] VerifiedText verify_inrelease(std::string_view inrelease, const RepositorySource& source,
                                            const std::filesystem::path& scratch, std::stop_token stop);

/// The same for Release with a detached signature.
[[nodiscard]] VerifiedText verify_detached(std::string_view release, std::string_view signature,
                                           const RepositorySource& source, const std::filesystem::path& scratch,
                                           std::stop_token stop);

}  // namespace blueprint::packages
