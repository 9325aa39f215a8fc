#include "builder/parent_image.h"

#include "base/error.h"
#include "base/json.h"

namespace blueprint::builder {
std::string format_distribution(const recipe::Distribution& distribution) {
  Json json{{"id", distribution.id},
            {"release", distribution.release},
            {"architecture", distribution.architecture},
            {"components", distribution.components},
            {"pockets", distribution.pockets},
            {"variant", distribution.variant}};
  if (!distribution.snapshot.empty()) json["snapshot"] = distribution.snapshot;
  Json repositories = Json::array();
  for (const auto& repository : distribution.repositories) {
    repositories.push_back({{"uri", repository.uri.value},
                            {"suites", repository.suites},
                            {"components", repository.components},
                            {"key", repository.key.value}});
  }
  if (!repositories.empty()) json["repositories"] = repositories;
  return json.dump();
}

void set_distribution(layers::ImageConfig& config, const recipe::Distribution& distribution) {
  config.labels[kDistributionLabel] = format_distribution(distribution);
}

std::optional<recipe::Distribution> distribution_of(const layers::ImageConfig& config) {
  const auto found = config.labels.find(kDistributionLabel);
  if (found == config.labels.end()) return std::nullopt;
  const Json json = parse_json(found->second, "the distribution in the image's config");
  try {
    recipe::Distribution distribution;
    distribution.id = json.at("id");
    distribution.release = json.at("release");
    distribution.architecture = json.at("architecture");
    distribution.components = json.at("components");
    distribution.pockets = json.at("pockets");
    distribution.variant = json.at("variant");
    distribution.snapshot = json.value("snapshot", "");
    for (const auto& entry : json.value("repositories", Json::array())) {
      recipe::Repository repository;
      repository.uri.value = entry.at("uri");
      repository.suites = entry.at("suites");
      repository.components = entry.at("components");
      repository.key.value = entry.at("key");
      distribution.repositories.push_back(std::move(repository));
    }
    return distribution;
  } catch (const Json::exception&) {
    throw Error({.kind = ErrorKind::Store,
                 .code = "S042",
                 .message = "the config of the parent image is damaged: its distribution cannot be read"});
  }
}

}  // namespace blueprint::builder
