#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/digest.h"
#include "builder/packages/repository.h"

namespace blueprint::packages {

/// What a Release file says. Built only from text whose signature was verified.
struct Release {
  struct File {
    Digest sha256;
    std::uint64_t size_bytes = 0;
  };
  std::string suite;
  std::string codename;
  std::vector<std::string> architectures;
  std::vector<std::string> components;
  std::int64_t date = 0;
  std::optional<std::int64_t> valid_until;
  bool by_hash = false;
  /// Whether the index of each architecture holds the packages of architecture "all" too: it does unless
  /// `Architectures` names "all" and No-Support-for-Architecture-all does not take that back (the rule of apt).
  bool all_included = false;
  std::map<std::string, File> files;  ///< by path relative to the Release file
};

/// Throws Error P013 naming `url` when a field that we depend on is missing or malformed.
[[nodiscard]] Release parse_release(std::string_view text, std::string_view url);

/// Throws Error P014 when `release` is for another suite than was asked for (a mirror that answers with the wrong file)
/// and P012 when it has expired at `now`, seconds since 1970. A snapshot never expires.
void check_release(const Release& release, const RepositorySource& source, std::int64_t now);

/// Seconds since 1970 of "Sat, 11 Jul 2026 10:16:37 UTC" (RFC 5322, as dists use it); nothing when it is not such a
/// date.
[[nodiscard]] std::optional<std::int64_t> parse_release_date(std::string_view text);

}  // namespace blueprint::packages
