// https://in-toto.io/Statement/v1 and https://slsa.dev/provenance/v1.

#include "builder/provenance.h"

#include <filesystem>
#include <optional>

#include <fmt/format.h>

#include "base/json.h"
#include "base/utc.h"
#include "builder/parent_image.h"

namespace blueprint::builder {
namespace {

constexpr const char* kStatementType = "https://in-toto.io/Statement/v1";
constexpr const char* kPredicateType = "https://slsa.dev/provenance/v1";
constexpr const char* kBuildType = "urn:blueprint:build:v1";
constexpr const char* kBuilder = "urn:blueprint:builder";

Json sha256_set(const Digest& digest) { return Json{{"sha256", digest.hex()}}; }

/// Resource descriptors of all that went into the image.
Json dependencies(const ProvenanceInputs& inputs) {
  Json list = Json::array();
  if (inputs.parent != nullptr) {
    list.push_back(Json{{"name", inputs.recipe.from.value}, {"digest", sha256_set(inputs.parent->digest)}});
  }
  for (const auto& [name, digest] : inputs.lock.images) {
    if (const auto pinned = Digest::parse(digest))
      list.push_back(Json{{"name", name}, {"digest", sha256_set(*pinned)}});
  }
  for (const auto& repository : inputs.lock.repositories) {
    list.push_back(Json{{"name", fmt::format("{} {} InRelease", repository.name, repository.suite)},
                        {"digest", sha256_set(repository.inrelease)},
                        {"annotations", Json{{"key", repository.key}, {"date", format_utc(repository.date)}}}});
  }
  const auto distribution = distribution_of(inputs.image.config);
  for (const auto& [layer, packages] : inputs.lock.packages) {
    for (const auto& package : packages) {
      list.push_back(Json{{"name", std::filesystem::path(package.filename).filename().string()},
                          {"uri", package_url(distribution ? &*distribution : nullptr, package.name, package.version,
                                              package.architecture)},
                          {"digest", sha256_set(package.sha256)},
                          {"annotations", Json{{"layer", layer}}}});
    }
  }
  for (const auto& material : inputs.materials) {
    const bool fetched = material.kind == Material::Kind::Fetched;
    Json entry{{fetched ? "uri" : "name", material.source}};
    // A tree of files has no SHA-256 of its own: the digest is that of our record of its files, under a name of ours.
    entry["digest"] = fetched ? sha256_set(material.digest) : Json{{"blueprintInputs", material.digest.hex()}};
    entry["annotations"] = Json{{"layer", material.layer}};
    list.push_back(std::move(entry));
  }
  return list;
}

Json external_parameters(const ProvenanceInputs& inputs) {
  Json recipe{{"name", inputs.recipe.name.value}, {"digest", sha256_set(sha256(recipe::format_recipe(inputs.recipe)))}};
  Json parameters{{"recipe", std::move(recipe)},
                  {"lock", Json{{"digest", sha256_set(sha256(packages::format_lock(inputs.lock)))}}}};
  parameters["params"] = Json::object();
  for (const auto& [name, value] : inputs.params) parameters["params"][name] = value;
  return parameters;
}

}  // namespace

std::string format_provenance(const ProvenanceInputs& inputs) {
  Json subject{{"name", inputs.image.config.name}, {"digest", sha256_set(inputs.image.digest)}};
  Json definition{{"buildType", kBuildType},
                  {"externalParameters", external_parameters(inputs)},
                  {"internalParameters", Json{{"epoch", inputs.image.config.epoch}}},
                  {"resolvedDependencies", dependencies(inputs)}};
  Json builder{{"id", kBuilder}, {"version", Json{{"blueprint", inputs.version}}}};
  Json predicate{{"buildDefinition", std::move(definition)}, {"runDetails", Json{{"builder", std::move(builder)}}}};
  const Json statement{{"_type", kStatementType},
                       {"subject", Json::array({std::move(subject)})},
                       {"predicateType", kPredicateType},
                       {"predicate", std::move(predicate)}};
  return format_json(statement) + "\n";
}

}  // namespace blueprint::builder
