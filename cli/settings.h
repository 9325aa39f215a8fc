#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace blueprint::cli {

/// What the site and the user set outside of recipes and flags: the environment, then the configuration file. The only
/// reader of the environment.
///
///   $BLUEPRINT_CONFIG, else $XDG_CONFIG_HOME/blueprint/config.yaml, else ~/.config/blueprint/config.yaml, else
///   /etc/blueprint/config.yaml:
///     store: /srv/blueprint
///     mirrors: {ubuntu: http://mirror.example/ubuntu}
///     catalogs: [/srv/recipes]
///     aliases: {"debian:12": debian-12-x86_64}
///     registries: {"registry.example:5000": "http://registry.example:5000"}
///     accel: auto
struct Settings {
  std::filesystem::path store;
  std::map<std::string, std::string> mirrors;
  std::vector<std::filesystem::path> catalogs;
  std::map<std::string, std::string> aliases;           ///< what FROM in a Dockerfile says → what to build on
  std::map<std::string, std::string> registries;        ///< host of a registry → URL where its API answers
  std::vector<std::filesystem::path> credential_files;  ///< of registries, the first with an entry counts
  std::string accel = "auto";
  std::string proxy;                  ///< for downloads; empty = none
  std::string no_proxy;               ///< hosts that are asked without it
  std::optional<std::int64_t> epoch;  ///< SOURCE_DATE_EPOCH
  std::string terminal;               ///< TERM
  std::filesystem::path config_file;  ///< that was read; empty when there is none
};

/// Throws Error U010 (kind Usage) for a configuration file or variable that is not valid.
[[nodiscard]] Settings load_settings();

/// Where this program's own parts lie: the directory of the executable when run from the build tree, or
/// PREFIX/{libexec,lib,share}/blueprint beside PREFIX/bin.
struct Installation {
  std::filesystem::path solver;      ///< blueprint-solve
  std::filesystem::path agent;       ///< blueprint-agent
  std::filesystem::path nbd_plugin;  ///< nbdkit-blueprint-plugin.so
  std::filesystem::path catalog;     ///< recipes/
};
[[nodiscard]] Installation find_installation();

}  // namespace blueprint::cli
