#include "cli/secret_source.h"

#include <cstdlib>
#include <filesystem>

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "base/process.h"

namespace blueprint::cli {
namespace {

Error unreadable(const recipe::SecretSource& secret, std::string message) {
  Diagnostic diagnostic{
      .kind = ErrorKind::Usage, .code = "U013", .message = fmt::format("secret '{}': {}", secret.name, message)};
  if (secret.value.where.line > 0) diagnostic.where = secret.value.where;
  return Error(std::move(diagnostic));
}

std::string read_source(const recipe::Recipe& recipe, const recipe::SecretSource& secret) {
  switch (secret.kind) {
    case recipe::SecretSource::Kind::Env: {
      const char* value = std::getenv(secret.value.value.c_str());
      if (value == nullptr)
        throw unreadable(secret, fmt::format("the environment has no variable {}", secret.value.value));
      return value;
    }
    case recipe::SecretSource::Kind::File: {
      const auto path = std::filesystem::path(recipe.directory) / secret.value.value;
      auto text = read_file_if_exists(path);
      if (!text) throw unreadable(secret, fmt::format("there is no file {}", path.string()));
      return std::move(*text);
    }
    case recipe::SecretSource::Kind::Command: {
      auto finished = blueprint::run({.argv = {"/bin/sh", "-c", secret.value.value}, .directory = recipe.directory});
      if (!finished.status.success())
        throw unreadable(secret, fmt::format("its command failed with {}", finished.status.to_string()));
      return std::move(finished.out);
    }
  }
  return {};
}

}  // namespace

std::string read_secret(const recipe::Recipe& recipe, const recipe::SecretSource& secret) {
  std::string value = read_source(recipe, secret);
  if (value.ends_with('\n')) value.pop_back();
  return value;
}

}  // namespace blueprint::cli
