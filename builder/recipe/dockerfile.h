#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "builder/recipe/recipe.h"

namespace blueprint::recipe {

/// What an image hands down to a stage that is FROM it.
struct BaseConfig {
  std::map<std::string, std::string> env;
  std::string workdir;                     ///< empty = "/"
  std::string user;                        ///< empty = root
  std::vector<std::string> triggers = {};  ///< instructions that its ONBUILD holds back
};

struct DockerfileOptions {
  std::map<std::string, std::string> build_args;  ///< values for ARG
  std::map<std::string, std::string>
      aliases;         ///< what FROM says → what the recipe builds on, such as "debian:12" → "debian-12-x86_64"
  std::string target;  ///< stage to build; empty = the last
  std::string name;    ///< of the recipe; empty = the context directory's
  /// Asked for each image that a needed stage is FROM, by what the recipe calls it. Nothing when it is not known: then
  /// the variables that the file does not set count as unset, with a warning. Reading itself has no other window.
  std::function<std::optional<BaseConfig>(const Text& image)> base_config = {};
};

struct DockerfileResult {
  Recipe recipe;
  std::vector<Diagnostic> warnings;  ///< what is recorded or left out because it means nothing here
};

/// The recipe that a Dockerfile amounts to: each instruction becomes one of our layers, so there is no second engine.
///
/// `context` is the directory that COPY reads, of which `ignore` (the text of a .dockerignore) leaves out; only its
/// names are looked at. Throws Error (kind Recipe, R05x) with every fault, each at its line: malformed instructions,
/// and those that no layer of ours can do, such as ADD of a git repository. The other stages that the target needs are
/// Recipe::stages.
[[nodiscard]] DockerfileResult compose_dockerfile(std::string_view text, const std::string& file,
                                                  const std::filesystem::path& context, std::string_view ignore,
                                                  const DockerfileOptions& options = {});

/// The same for files: FILE.dockerignore, else that of the context, counts.
[[nodiscard]] DockerfileResult load_dockerfile(const std::filesystem::path& file, const std::filesystem::path& context,
                                               const DockerfileOptions& options = {});

}  // namespace blueprint::recipe
