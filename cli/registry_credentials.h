#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "registry_client/credentials.h"

namespace blueprint::cli {

/// The credential for a repository of a registry: of the first of `files` that has one, where helpers that a file names
/// are asked. Throws Error N028 for a file or helper that cannot be read; a file that is not there is none.
[[nodiscard]] registry_client::CredentialLookup find_registry_credential(
    const std::vector<std::filesystem::path>& files, const std::string& host, const std::string& repository);

}  // namespace blueprint::cli
