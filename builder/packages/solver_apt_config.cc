#include "builder/packages/solver_apt_config.h"

#include <string>

#include <apt-pkg/configuration.h>
#include <apt-pkg/error.h>
#include <fmt/format.h>

namespace blueprint::packages {
namespace fs = std::filesystem;

Error apt_failed(std::string_view what) {
  std::string messages;
  std::string message;
  while (!_error->empty()) {
    _error->PopMessage(message);
    messages += fmt::format("{}{}", messages.empty() ? "" : "; ", message);
  }
  return Error(
      {.kind = ErrorKind::Machine, .code = "P042", .message = fmt::format("apt cannot {}: {}", what, messages)});
}

void configure_apt(const SolverRequest& request, const fs::path& scratch) {
  auto& config = *_config;
  for (const char* name : {"Dir::Etc::main", "Dir::Etc::parts", "Dir::Etc::sourceparts", "Dir::Etc::preferences",
                           "Dir::Etc::preferencesparts", "Dir::Etc::trusted", "Dir::Etc::trustedparts",
                           "Dir::Etc::netrc", "Dir::Etc::netrcparts"}) {
    config.Set(name, "/dev/null");
  }
  config.Set("Dir", "/");
  config.Set("Dir::Etc", scratch.string());
  config.Set("Dir::Etc::sourcelist", (request.state / "sources.list").string());
  config.Set("Dir::State", scratch.string());
  config.Set("Dir::State::lists", (request.state / "lists").string());
  config.Set("Dir::State::status", (scratch / "status").string());
  config.Set("Dir::State::extended_states", (scratch / "extended_states").string());
  config.Set("Dir::Cache", request.state.string());
  config.Set("Dir::Cache::srcpkgcache", "srcpkgcache.bin");
  config.Set("Dir::Log", scratch.string());
  config.Set("APT::Architecture", request.architecture);
  config.Set("APT::Architectures::", request.architecture);
  config.Set("APT::Sandbox::User", "root");
  config.Set("APT::Install-Recommends", "false");
  config.Set("APT::Install-Suggests", "false");
  config.Set("APT::Get::Always-Include-Phased-Updates", "true");
  config.Set("Acquire::Languages", "none");
  // apt counts itself as essential unless this is something that no package is called.
  config.Set("pkgCacheGen::ForceEssential", ",");
  config.Set("APT::Cache-Start", std::to_string(64 << 20));
}

}  // namespace blueprint::packages
