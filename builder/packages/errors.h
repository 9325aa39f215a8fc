#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/digest.h"
#include "base/error.h"

// The wordings of what can go wrong while packages are resolved and fetched (P0xx). URLs are shown redacted.

namespace blueprint::packages {

// Mirrors, pockets and keyrings.
[[nodiscard]] Error unknown_mirror(std::string_view name);                                  // P001
[[nodiscard]] Error bad_snapshot(std::string_view text);                                    // P002
[[nodiscard]] Error unknown_pocket(std::string_view pocket, const SourceSpan& where);       // P003
[[nodiscard]] Error keyring_missing(std::string_view distribution, std::string_view path);  // P010
[[nodiscard]] Error keyring_not_found(std::string_view path, const SourceSpan& where);      // P011

// Release files.
[[nodiscard]] Error release_expired(std::string_view url, std::int64_t valid_until, std::int64_t now);         // P012
[[nodiscard]] Error bad_release(std::string_view url, std::string_view reason);                                // P013
[[nodiscard]] Error wrong_suite(std::string_view url, std::string_view asked, std::string_view found);         // P014
[[nodiscard]] Error no_such_suite(std::string_view url, std::string_view suite, const SourceSpan& where);      // P015
[[nodiscard]] Error bad_signature(std::string_view url, std::string_view key);                                 // P020
[[nodiscard]] Error unknown_key_signed(std::string_view url, std::string_view key, std::string_view keyring);  // P021
[[nodiscard]] Error signed_by_another(std::string_view url, std::string_view wanted, std::string_view signer,
                                      const SourceSpan& where);                                         // P025
[[nodiscard]] Error expired_key(std::string_view url, std::string_view key, std::string_view keyring);  // P022
[[nodiscard]] Error not_signed(std::string_view url, std::string_view messages);                        // P023
[[nodiscard]] Error revoked_key(std::string_view url, std::string_view key);                            // P024

// Package indices.
[[nodiscard]] Error no_such_component(std::string_view url, std::string_view component, std::string_view architecture,
                                      const std::vector<std::string>& offered, const SourceSpan& where);  // P030
[[nodiscard]] Error index_mismatch(std::string_view url, const Digest& expected, const Digest& got);      // P031
[[nodiscard]] Error index_not_cached(std::string_view url);                                               // P032
[[nodiscard]] Error damaged_index(std::string_view url, std::string_view reason);                         // P033

// The solver as a program (what it finds wrong with the words of a recipe is worded in solver_faults.cc).
[[nodiscard]] Error solver_broke(std::string_view reason, std::string_view output);  // P040
[[nodiscard]] Error solver_missing(const std::vector<std::string>& places);          // P041

// Downloading.
[[nodiscard]] Error deb_gone(std::string_view package, std::string_view url);  // P050
[[nodiscard]] Error deb_mismatch(std::string_view package, std::string_view url, const Digest& expected,
                                 const Digest& got);                              // P051
[[nodiscard]] Error debs_missing_offline(const std::vector<std::string>& files);  // P052

/// "2026-07-11 10:16:37 UTC".
[[nodiscard]] std::string format_time(std::int64_t seconds);

}  // namespace blueprint::packages
