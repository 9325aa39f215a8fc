#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace blueprint::packages {

/// One stanza of a .sources file or one line of a .list file (sources.list(5)).
struct AptSource {
  std::vector<std::string> types;  ///< "deb", "deb-src"
  std::vector<std::string> uris;
  std::vector<std::string> suites;
  std::vector<std::string> components;
  std::string signed_by;  ///< a path, fingerprints, or empty; an embedded key is left out
};

/// Reads deb822 stanzas; those with `Enabled: no` are left out. Never throws: what cannot be understood is skipped,
/// since a fault in the host's sources is not the recipe's.
[[nodiscard]] std::vector<AptSource> parse_deb822_sources(std::string_view text);
/// Reads one-line entries, `deb [options] uri suite components`; the same rule.
[[nodiscard]] std::vector<AptSource> parse_one_line_sources(std::string_view text);

/// All of sources.list and sources.list.d/*.{list,sources} under `apt`, in apt's order; unreadable files are skipped.
[[nodiscard]] std::vector<AptSource> read_apt_sources(const std::filesystem::path& apt);

/// The entry that serves `archive` ("debian", "debian-security", "ubuntu") for a host whose codename is `codename`:
/// nullptr when none fits. Third-party repositories also use codenames as suites, so an entry must also carry the
/// distribution's keyring or end in the archive's usual path, or offer the pocket family (X and X-updates) itself.
[[nodiscard]] const AptSource* find_archive(const std::vector<AptSource>& sources, std::string_view archive,
                                            std::string_view codename);

}  // namespace blueprint::packages
