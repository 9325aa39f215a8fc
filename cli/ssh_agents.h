#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace blueprint::cli {

/// The sockets that words of `--ssh` name: "NAME=SOCKET", or "NAME" for the agent of the environment (SSH_AUTH_SOCK).
/// Throws Error U020 for another word, and when the environment has none.
[[nodiscard]] std::map<std::string, std::filesystem::path> ssh_agents(const std::vector<std::string>& words);

}  // namespace blueprint::cli
