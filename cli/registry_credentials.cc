#include "cli/registry_credentials.h"

#include <optional>

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "base/process.h"
#include "base/text.h"
#include "registry_client/registry_errors.h"

namespace blueprint::cli {
namespace fs = std::filesystem;
using registry_client::Credential;
using registry_client::CredentialLookup;
using registry_client::HelperFor;
namespace {

/// What `docker-credential-NAME get` answers; nothing when it has nothing for the host.
std::optional<Credential> ask_helper(const std::string& name, const std::string& host) {
  const std::string program = "docker-credential-" + name;
  if (!find_program(program)) throw registry_client::bad_credentials(program, "there is no such program in PATH");
  const Finished finished = run({.argv = {program, "get"}}, registry_client::helper_server(host) + "\n");
  if (finished.status.success()) return registry_client::parse_helper_output(finished.out, program);
  // The words of docker-credential-helpers, which is all that tells this from a failure.
  if ((finished.out + finished.err).find("credentials not found") != std::string::npos) return std::nullopt;
  throw registry_client::bad_credentials(program, fmt::format("it failed with {}", finished.status.to_string()));
}

/// A helper for just this host goes before the file's own entries, one for all hosts behind them.
CredentialLookup look_in(const fs::path& path, const std::string& text, const std::string& host,
                         const std::string& repository) {
  const auto file = registry_client::parse_credential_file(text, path.string());
  const auto by_helper = [&](HelperFor which) -> CredentialLookup {
    const std::string helper = registry_client::find_helper(file, host, which);
    if (helper.empty()) return {};
    return {.credential = ask_helper(helper, host),
            .looked_in = fmt::format("docker-credential-{}, which {} names", helper, path.string())};
  };
  if (auto found = by_helper(HelperFor::ThisHost); found.credential) return found;
  if (const Credential* entry = find_entry(file, host, repository))
    return {.credential = *entry, .looked_in = path.string()};
  return by_helper(HelperFor::AllHosts);
}

}  // namespace

CredentialLookup find_registry_credential(const std::vector<fs::path>& files, const std::string& host,
                                          const std::string& repository) {
  std::vector<std::string> read;
  std::vector<std::string> absent;
  for (const auto& path : files) {
    const auto text = read_file_if_exists(path);
    (text ? read : absent).push_back(path.string());
    if (!text) continue;
    if (auto found = look_in(path, *text, host, repository); found.credential) return found;
  }
  if (!read.empty()) return {.credential = std::nullopt, .looked_in = join(read, ", ")};
  return {
      .credential = std::nullopt,
      .looked_in = absent.empty() ? "any file: HOME is not set" : fmt::format("{} (not there)", join(absent, ", "))};
}

}  // namespace blueprint::cli
