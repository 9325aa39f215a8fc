#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace blueprint::test {

/// Fills `root` with the host's `programs` and the libraries that they load: enough of a system to run commands in,
/// without a network. Makes the usual directories and a root user.
void make_small_root(const std::filesystem::path& root, const std::vector<std::string>& programs);

}  // namespace blueprint::test
