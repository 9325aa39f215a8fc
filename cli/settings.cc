#include "cli/settings.h"

#include <charconv>
#include <cstdlib>

#include <fmt/format.h>
#include <unistd.h>
#include <yaml-cpp/yaml.h>

#include "base/error.h"
#include "base/file.h"

namespace blueprint::cli {
namespace fs = std::filesystem;
namespace {

std::optional<std::string> variable(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr || *value == '\0') return std::nullopt;
  return value;
}

Error bad_setting(std::string message) {
  return Error({.kind = ErrorKind::Usage, .code = "U010", .message = std::move(message)});
}

fs::path find_config() {
  if (const auto named = variable("BLUEPRINT_CONFIG")) return *named;
  std::vector<fs::path> places;
  if (const auto xdg = variable("XDG_CONFIG_HOME")) places.emplace_back(*xdg);
  if (const auto home = variable("HOME")) places.emplace_back(fs::path(*home) / ".config");
  places.emplace_back("/etc");
  // Somebody else's HOME, as after sudo -u, may not be ours to look into: then there is no configuration in it.
  std::error_code unreadable;
  for (const auto& place : places) {
    if (const fs::path file = place / "blueprint/config.yaml"; fs::exists(file, unreadable)) return file;
  }
  return {};
}

void read_config(const fs::path& file, Settings& settings) {
  try {
    const YAML::Node config = YAML::Load(read_file(file));
    if (config.IsNull()) return;
    if (!config.IsMap()) throw bad_setting(fmt::format("{}: not a map of settings", file.string()));
    for (const auto& entry : config) {
      const auto key = entry.first.as<std::string>();
      if (key == "store") {
        settings.store = entry.second.as<std::string>();
      } else if (key == "accel") {
        settings.accel = entry.second.as<std::string>();
      } else if (key == "mirrors") {
        settings.mirrors = entry.second.as<std::map<std::string, std::string>>();
      } else if (key == "aliases") {
        settings.aliases = entry.second.as<std::map<std::string, std::string>>();
      } else if (key == "registries") {
        settings.registries = entry.second.as<std::map<std::string, std::string>>();
      } else if (key == "catalogs") {
        for (const auto& catalog : entry.second) {
          settings.catalogs.push_back(fs::absolute(file).parent_path() / catalog.as<std::string>());
        }
      } else {
        throw bad_setting(
            fmt::format("{}:{}: unknown setting '{}' (known: store, mirrors, catalogs, aliases, registries, accel)",
                        file.string(), entry.first.Mark().line + 1, key));
      }
    }
  } catch (const YAML::Exception& failure) {
    throw bad_setting(fmt::format("{}:{}: {}", file.string(), failure.mark.line + 1, failure.msg));
  }
}

/// As Docker, and podman and skopeo, look for them; a file that is named goes before all others.
std::vector<fs::path> find_credential_files() {
  if (const auto named = variable("REGISTRY_AUTH_FILE")) return {*named};
  std::vector<fs::path> files;
  const auto home = variable("HOME");
  if (const auto docker = variable("DOCKER_CONFIG")) {
    files.push_back(fs::path(*docker) / "config.json");
  } else if (home) {
    files.push_back(fs::path(*home) / ".docker/config.json");
  }
  if (const auto runtime = variable("XDG_RUNTIME_DIR")) files.push_back(fs::path(*runtime) / "containers/auth.json");
  if (const auto config = variable("XDG_CONFIG_HOME")) {
    files.push_back(fs::path(*config) / "containers/auth.json");
  } else if (home) {
    files.push_back(fs::path(*home) / ".config/containers/auth.json");
  }
  return files;
}

fs::path default_store() {
  if (const auto xdg = variable("XDG_DATA_HOME")) return fs::path(*xdg) / "blueprint";
  if (::geteuid() == 0) return "/var/lib/blueprint";
  if (const auto home = variable("HOME")) return fs::path(*home) / ".local/share/blueprint";
  throw bad_setting("no place for the store: set BLUEPRINT_STORE or HOME");
}

}  // namespace

Settings load_settings() {
  Settings settings;
  settings.config_file = find_config();
  if (!settings.config_file.empty()) read_config(settings.config_file, settings);
  if (const auto store = variable("BLUEPRINT_STORE")) settings.store = *store;
  if (settings.store.empty()) settings.store = default_store();
  constexpr std::string_view kMirror = "BLUEPRINT_MIRROR_";
  for (char** pair = environ; *pair != nullptr; ++pair) {
    const std::string_view text = *pair;
    const std::size_t equals = text.find('=');
    if (!text.starts_with(kMirror) || equals == std::string_view::npos || equals + 1 == text.size()) continue;
    std::string name(text.substr(kMirror.size(), equals - kMirror.size()));
    for (char& c : name) c = c == '_' ? '-' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    settings.mirrors[name] = text.substr(equals + 1);
  }
  if (const auto epoch = variable("SOURCE_DATE_EPOCH")) {
    std::int64_t value = 0;
    const auto [end, failure] = std::from_chars(epoch->data(), epoch->data() + epoch->size(), value);
    if (failure != std::errc() || end != epoch->data() + epoch->size() || value < 0) {
      throw bad_setting(fmt::format("SOURCE_DATE_EPOCH is '{}', not a number of seconds since 1970", *epoch));
    }
    settings.epoch = value;
  }
  for (const char* name : {"https_proxy", "HTTPS_PROXY", "http_proxy"}) {
    if (settings.proxy.empty()) settings.proxy = variable(name).value_or("");
  }
  settings.credential_files = find_credential_files();
  settings.no_proxy = variable("no_proxy").value_or(variable("NO_PROXY").value_or(""));
  if (const auto accel = variable("BLUEPRINT_ACCEL")) settings.accel = *accel;
  settings.terminal = variable("TERM").value_or("dumb");
  return settings;
}

Installation find_installation() {
  const fs::path bin = fs::read_symlink("/proc/self/exe").parent_path();
  const fs::path prefix = bin.parent_path();
  const auto first = [](std::initializer_list<fs::path> candidates) {
    for (const auto& candidate : candidates) {
      if (fs::exists(candidate)) return candidate;
    }
    return *candidates.begin();
  };
  return {
      .solver = first({bin / "blueprint-solve", prefix / "libexec/blueprint/blueprint-solve"}),
      .agent = first({bin / "blueprint-agent", prefix / "libexec/blueprint/blueprint-agent"}),
      .nbd_plugin = first({bin / "nbdkit-blueprint-plugin.so", prefix / "lib/blueprint/nbdkit-blueprint-plugin.so"}),
      .catalog = first({prefix / "share/blueprint/recipes", prefix.parent_path().parent_path() / "recipes"})};
}

}  // namespace blueprint::cli
