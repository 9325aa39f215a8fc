#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace blueprint::packages {

/// Where the site keeps its mirrors: "ubuntu" → URL, from --mirror, the environment or the configuration file. Where
/// the host is the same distribution its own apt sources serve; Ubuntu has a built-in default.
///
/// Names are "ubuntu", "debian", "debian-security", and "ubuntu-snapshot", "debian-snapshot" for the bases under which
/// dated copies lie. "debian-security" is looked for beside "debian" when only that is set.
struct Mirrors {
  std::map<std::string, std::string> by_name;
  std::filesystem::path host_sources = "/etc/apt";  ///< the host's apt configuration, read for URIs and keyrings only
  std::filesystem::path host_os_release = "/etc/os-release";
  std::filesystem::path host_keyrings = "/usr/share/keyrings";
  std::string proxy;     ///< URL of an HTTP proxy; empty = none
  std::string no_proxy;  ///< comma-separated hosts that are reached directly

  /// Throws Error P001 that says how to set it when no URL is known for `name`.
  [[nodiscard]] std::string url(std::string_view name) const;
  /// The archive as it was at `snapshot` ("20260801T000000Z"). Throws Error P001, or P002 for a malformed time.
  [[nodiscard]] std::string snapshot_url(std::string_view name, std::string_view snapshot) const;
  /// The distribution's own keyring on this host ("ubuntu" or "debian"): what the host's apt sources say, else the
  /// usual place. Throws Error P010 that names the package to install when there is none.
  [[nodiscard]] std::filesystem::path keyring(std::string_view distribution) const;
  /// All keyrings of this host, for keys that are named by fingerprint: those that packages bring and those that its
  /// administrator put beside the apt sources. Sorted.
  [[nodiscard]] std::vector<std::filesystem::path> keyrings() const;
};

}  // namespace blueprint::packages
