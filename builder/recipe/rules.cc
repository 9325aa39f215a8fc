#include "builder/recipe/rules.h"

#include <algorithm>
#include <cctype>
#include <map>

#include <fmt/format.h>

#include "builder/recipe/errors.h"

namespace blueprint::recipe {
namespace {

void check_secrets(const RunStep& step, const Recipe& recipe, Faults& faults) {
  std::vector<std::string> known;
  for (const SecretSource& secret : recipe.secrets) known.push_back(secret.name);
  for (const Text& asked : step.secrets) {
    if (std::find(known.begin(), known.end(), asked.value) == known.end())
      faults.add(undeclared_secret(asked.where, asked.value, known));
  }
}

/// Whether the script names the file of the secret: /run/secrets/NAME, and not that of another whose name goes on.
bool reads_secret(std::string_view script, std::string_view name) {
  const std::string path = fmt::format("/run/secrets/{}", name);
  for (std::size_t at = script.find(path); at != std::string_view::npos; at = script.find(path, at + 1)) {
    const std::size_t end = at + path.size();
    const auto goes_on = [](char c) {
      return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-';
    };
    if (end == script.size() || !goes_on(script[end])) return true;
  }
  return false;
}

void check_secret_files(const RunStep& step, const Recipe& recipe, Faults& faults) {
  for (const SecretSource& secret : recipe.secrets) {
    const bool asked = std::any_of(step.secrets.begin(), step.secrets.end(),
                                   [&](const Text& name) { return name.value == secret.name; });
    if (!asked && reads_secret(step.script.value, secret.name))
      faults.add(secret_not_asked_for(step.script.where, secret.name));
  }
}

/// Accounts of all layers, by name and by number.
class Accounts {
 public:
  void add(const UserEntry& user, const Layer& layer, Faults& faults) {
    const auto [named, is_new] = by_name_.emplace(user.name.value, Made{user.name.where, &layer});
    // The checker compares accounts of one layer.
    if (!is_new && named->second.layer != &layer) {
      faults.add(conflicting(user.name.where, fmt::format("user '{}' is made by two layers", user.name.value),
                             named->second.where));
    }
    if (!user.uid) return;
    const auto [numbered, is_free] = by_uid_.emplace(*user.uid, user.name);
    if (is_free || numbered->second.value == user.name.value) return;
    faults.add(conflicting(
        user.name.where,
        fmt::format("users '{}' and '{}' have the same uid {}", numbered->second.value, user.name.value, *user.uid),
        numbered->second.where));
  }

 private:
  struct Made {
    SourceSpan where;
    const Layer* layer;
  };
  std::map<std::string, Made> by_name_;
  std::map<std::uint32_t, Text> by_uid_;
};

/// Paths that layers make regular files of: nothing can lie below one.
class RegularFiles {
 public:
  void add(const Text& path, Faults& faults) {
    for (std::size_t slash = path.value.rfind('/'); slash != 0 && slash != std::string::npos;
         slash = path.value.rfind('/', slash - 1)) {
      const auto file = made_.find(path.value.substr(0, slash));
      if (file == made_.end()) continue;
      return faults.add(conflicting(
          path.where, fmt::format("'{}' lies below '{}', which is a file", path.value, file->first), file->second));
    }
    const std::string below = path.value + "/";
    const auto inside = made_.lower_bound(below);
    if (inside != made_.end() && inside->first.starts_with(below)) {
      return faults.add(conflicting(path.where,
                                    fmt::format("'{}' is a directory: '{}' lies below it", path.value, inside->first),
                                    inside->second));
    }
    made_.emplace(path.value, path.where);
  }

 private:
  std::map<std::string, SourceSpan> made_;
};

}  // namespace

void check_rules(const Recipe& recipe, Faults& faults) {
  Accounts accounts;
  RegularFiles files;
  for (const Layer& layer : recipe.layers) {
    const Faults::Context context(faults,
                                  fmt::format("while reading layer '{}' at {}", layer.name, position(layer.where)));
    if (const auto* run = std::get_if<RunStep>(&layer.step)) {
      check_secrets(*run, recipe, faults);
      check_secret_files(*run, recipe, faults);
    }
    if (const auto* users = std::get_if<UsersStep>(&layer.step)) {
      for (const UserEntry& user : users->users) accounts.add(user, layer, faults);
    }
    if (const auto* inlined = std::get_if<FilesStep>(&layer.step)) {
      for (const InlineFile& file : inlined->files) files.add(file.path, faults);
    }
    const auto* fetch = std::get_if<FetchStep>(&layer.step);
    if (fetch != nullptr && !fetch->unpack) files.add(fetch->to, faults);
  }
}

}  // namespace blueprint::recipe
