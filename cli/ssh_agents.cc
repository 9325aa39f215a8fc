#include "cli/ssh_agents.h"

#include <cstdlib>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"

namespace blueprint::cli {
namespace {

Error unusable(std::string message, std::string hint) {
  return Error({.kind = ErrorKind::Usage, .code = "U020", .message = std::move(message), .hints = {std::move(hint)}});
}

std::filesystem::path agent_of_environment(const std::string& name) {
  const char* socket = std::getenv("SSH_AUTH_SOCK");
  if (socket == nullptr || *socket == '\0') {
    throw unusable(fmt::format("--ssh {}: the environment has no SSH_AUTH_SOCK", printable(name)),
                   "start an agent: eval \"$(ssh-agent)\" && ssh-add; or name its socket: --ssh NAME=SOCKET");
  }
  return socket;
}

}  // namespace

std::map<std::string, std::filesystem::path> ssh_agents(const std::vector<std::string>& words) {
  std::map<std::string, std::filesystem::path> agents;
  for (const auto& word : words) {
    const std::size_t equals = word.find('=');
    const std::string name = word.substr(0, equals);
    if (name.empty() || equals + 1 == word.size())
      throw unusable(fmt::format("--ssh wants NAME or NAME=SOCKET, not '{}'", printable(word)),
                     "such as --ssh default");
    agents[name] =
        equals == std::string::npos ? agent_of_environment(name) : std::filesystem::path(word.substr(equals + 1));
  }
  return agents;
}

}  // namespace blueprint::cli
