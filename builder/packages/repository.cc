#include "builder/packages/repository.h"

#include <algorithm>
#include <cctype>

#include "base/text.h"
#include "builder/packages/errors.h"
#include "registry_client/http.h"

namespace blueprint::packages {
namespace fs = std::filesystem;
namespace {

struct Pocket {
  std::string archive;
  std::string suite;
};

Pocket pocket_of(const recipe::Distribution& distribution, const std::string& pocket) {
  const auto& release = distribution.release;
  if (pocket == "release") return {distribution.id, release};
  if (pocket == "updates" || pocket == "backports" || pocket == "proposed")
    return {distribution.id, release + "-" + pocket};
  if (pocket == "security") {
    // Debian publishes security updates from an archive of its own, Ubuntu from the same one.
    return {distribution.id == "debian" ? "debian-security" : distribution.id, release + "-security"};
  }
  throw unknown_pocket(pocket, distribution.where);
}

/// 40 hexadecimal digits, in capitals as gpgv writes them; empty for a path.
std::string fingerprint_of(std::string_view key) {
  constexpr std::size_t kDigits = 40;
  if (key.size() != kDigits || key.find_first_not_of("0123456789abcdefABCDEF") != std::string_view::npos) return "";
  std::string text(key);
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return text;
}

/// A path of the recipe is relative to the file that says it.
fs::path beside(const recipe::Text& path) { return fs::path(path.where.file).parent_path() / path.value; }

fs::path keyring_of(const recipe::Distribution& distribution, const Mirrors& mirrors) {
  if (distribution.keyring.value.empty()) return mirrors.keyring(distribution.id);
  fs::path path = beside(distribution.keyring);
  if (!fs::exists(path)) throw keyring_not_found(path.string(), distribution.keyring.where);
  return path;
}

}  // namespace

std::string RepositorySource::release_url(std::string_view file) const {
  const bool flat = suite.ends_with('/');
  const std::string directory = flat ? (suite == "./" || suite == "/" ? "" : suite) : "dists/" + suite + "/";
  return registry_client::join_url(url, directory + std::string(file));
}

std::vector<RepositorySource> plan_repositories(const recipe::Distribution& distribution, const Mirrors& mirrors) {
  auto pockets = distribution.pockets;
  if (pockets.empty()) pockets = {"release", "updates", "security"};
  auto components = distribution.components;
  if (components.empty()) {
    components =
        distribution.id == "ubuntu" ? std::vector<std::string>{"main", "universe"} : std::vector<std::string>{"main"};
  }
  std::vector<RepositorySource> sources;
  const fs::path keyring = keyring_of(distribution, mirrors);
  for (const auto& name : pockets) {
    const Pocket pocket = pocket_of(distribution, name);
    sources.push_back({.name = pocket.archive,
                       .url = distribution.snapshot.empty()
                                  ? mirrors.url(pocket.archive)
                                  : mirrors.snapshot_url(pocket.archive, distribution.snapshot),
                       .suite = pocket.suite,
                       .components = components,
                       .keyrings = {keyring},
                       .fingerprint = {},
                       .snapshot = distribution.snapshot,
                       .where = distribution.where});
  }
  for (const auto& repository : distribution.repositories) {
    const std::string fingerprint = fingerprint_of(repository.key.value);
    const auto keyrings = fingerprint.empty() ? std::vector{beside(repository.key)} : mirrors.keyrings();
    if (fingerprint.empty() && !fs::exists(keyrings.front()))
      throw keyring_not_found(keyrings.front().string(), repository.key.where);
    for (const auto& suite : repository.suites) {
      sources.push_back({.name = repository.uri.value,
                         .url = repository.uri.value,
                         .suite = suite,
                         .components = repository.components,
                         .keyrings = keyrings,
                         .fingerprint = fingerprint,
                         .snapshot = {},
                         .where = repository.where});
    }
  }
  return sources;
}

}  // namespace blueprint::packages
