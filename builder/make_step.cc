#include "builder/make_step.h"

#include <algorithm>
#include <filesystem>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "builder/steps/copy_step.h"
#include "builder/steps/fetch_step.h"
#include "builder/steps/files_step.h"
#include "builder/steps/packages_step.h"
#include "builder/steps/run_step.h"
#include "builder/steps/services_step.h"
#include "builder/steps/users_step.h"

namespace blueprint::builder {
namespace fs = std::filesystem;
namespace {

/// Ubuntu's public archive is in every image made of it, as in Ubuntu's own. Debian has no built-in mirror here, so its
/// images get their apt sources by a 'files' layer of the site.
std::string apt_sources(const recipe::Distribution& distribution) {
  if (distribution.id != "ubuntu") return {};
  std::string suites = distribution.release;
  for (const auto& pocket : distribution.pockets) {
    if (pocket != "release") suites += fmt::format(" {}-{}", distribution.release, pocket);
  }
  return fmt::format(
      "Types: deb\nURIs: http://archive.ubuntu.com/ubuntu\nSuites: {}\nComponents: {}\n"
      "Signed-By: /usr/share/keyrings/ubuntu-archive-keyring.gpg\n",
      suites, join(distribution.components, " "));
}

std::vector<packages::LockedPackage> locked(const packages::Lock& lock, const std::string& layer) {
  const auto found = lock.packages.find(layer);
  if (found == lock.packages.end()) {
    throw Error({.kind = ErrorKind::Recipe,
                 .code = "K022",
                 .message = fmt::format("the lock has no packages for layer '{}'", layer),
                 .hints = {"run 'blueprint lock' to make it anew"}});
  }
  return found->second;
}

steps::PackagesStep::Inputs package_inputs(const StepInputs& inputs, const std::string& layer) {
  return {.packages = locked(inputs.lock, layer),
          .repositories = inputs.lock.repositories,
          .mirrors = inputs.mirrors,
          .offline = inputs.offline};
}

void refuse_cycle(const recipe::Recipe& parent, const std::vector<fs::path>& building, const SourceSpan& where) {
  const auto found = std::find(building.begin(), building.end(), fs::weakly_canonical(parent.file));
  if (found == building.end()) return;
  std::string chain;
  for (auto file = found; file != building.end(); ++file) chain += file->filename().string() + " → ";
  Diagnostic diagnostic{
      .kind = ErrorKind::Recipe,
      .code = "R105",
      .message = fmt::format("a recipe cannot be its own parent: {}{}", chain, found->filename().string())};
  if (where.line > 0) diagnostic.where = where;
  throw Error(std::move(diagnostic));
}

std::unique_ptr<steps::Step> make_base_step(const StepInputs& inputs) {
  auto base = package_inputs(inputs, kBaseLayer);
  base.kind = steps::PackagesStep::Inputs::Kind::Bootstrap;
  base.apt_sources = apt_sources(*inputs.recipe.distribution);
  base.sources_name = inputs.recipe.distribution->id;
  return std::make_unique<steps::PackagesStep>(std::move(base));
}

std::unique_ptr<steps::Step> make_step(const recipe::Layer& layer, const StepInputs& inputs) {
  struct Maker {
    const recipe::Layer& layer;
    const StepInputs& inputs;
    std::unique_ptr<steps::Step> operator()(const recipe::PackagesStep&) const {
      return std::make_unique<steps::PackagesStep>(package_inputs(inputs, layer.name));
    }
    std::unique_ptr<steps::Step> operator()(const recipe::FilesStep& files) const {
      return std::make_unique<steps::FilesStep>(files);
    }
    std::unique_ptr<steps::Step> operator()(const recipe::CopyStep& copy) const {
      return std::make_unique<steps::CopyStep>(copy, layer.directory, inputs.digests);
    }
    std::unique_ptr<steps::Step> operator()(const recipe::RunStep& run) const {
      auto env = inputs.recipe.env;
      env.insert(inputs.parent_env.begin(), inputs.parent_env.end());
      return std::make_unique<steps::RunStep>(run, std::move(env), inputs.secret);
    }
    std::unique_ptr<steps::Step> operator()(const recipe::UsersStep& users) const {
      return std::make_unique<steps::UsersStep>(users);
    }
    std::unique_ptr<steps::Step> operator()(const recipe::ServicesStep& services) const {
      return std::make_unique<steps::ServicesStep>(services);
    }
    std::unique_ptr<steps::Step> operator()(const recipe::FetchStep& fetch) const {
      return std::make_unique<steps::FetchStep>(fetch, inputs.offline ? steps::Network::Offline : steps::Network::Use);
    }
  };
  return std::visit(Maker{layer, inputs}, layer.step);
}

}  // namespace

std::vector<ReadyLayer> plan_layers(const StepInputs& inputs, HasParent has_parent) {
  std::vector<ReadyLayer> planned;
  if (has_parent == HasParent::No)
    planned.push_back({kBaseLayer, "distribution", make_base_step(inputs), inputs.recipe.distribution->where});
  for (const auto& layer : inputs.recipe.layers) {
    planned.push_back({layer.name, std::string(recipe::kind_name(layer)), make_step(layer, inputs), layer.where});
  }
  return planned;
}

plan::KeyRecord layer_key(const std::string& recipe, const ReadyLayer& layer,
                          const std::vector<layers::LayerRef>& below, std::int64_t epoch) {
  plan::KeyRecord key(recipe, layer.name);
  // The number is raised when a step of this kind comes to do something else with the same inputs.
  key.add("kind", layer.kind + " 1");
  key.add("parent", below.empty() ? "none" : below.back().content_digest.to_string());
  key.add("epoch", std::to_string(epoch));
  layer.step->add_key_fields(key);
  return key;
}

layers::ImageRecord resolve_from(const recipe::Recipe& recipe, layers::Store& store, const BuildOptions& options,
                                 ThreadPool& pool, Events& events, std::stop_token stop) {
  const std::string& from = recipe.from.value;
  const bool is_digest = from.starts_with("sha256:");
  std::optional<recipe::Recipe> parent;
  if (const auto file = is_digest ? std::nullopt : recipe::find_recipe(from, recipe.directory, options.search)) {
    parent = recipe::load_recipe(*file, options.search);
  }
  if (parent) {
    BuildOptions parent_options = options;
    parent_options.building.push_back(fs::weakly_canonical(recipe.file));
    refuse_cycle(*parent, parent_options.building, recipe.from.where);
    parent_options.tag.reset();
    parent_options.params.clear();
    parent_options.cache = options.cache == CacheUse::Require ? CacheUse::Require : CacheUse::Use;
    if (options.lock == LockMode::Refresh) parent_options.lock = LockMode::Update;
    try {
      return build(*parent, store, parent_options, pool, events, stop).record;
    } catch (Error& failure) {
      failure.add_context(fmt::format("while building the parent '{}' of '{}'", from, recipe.name.value));
      throw;
    }
  }
  try {
    return store.load_image(store.resolve(from));
  } catch (const Error& failure) {
    if (failure.first().code != "S011") throw;
    Diagnostic diagnostic{.kind = ErrorKind::Recipe,
                          .code = "R104",
                          .message = fmt::format("there is no recipe and no image '{}' to build from", printable(from)),
                          .hints = failure.first().hints};
    if (recipe.from.where.line > 0) diagnostic.where = recipe.from.where;
    throw Error(std::move(diagnostic));
  }
}

}  // namespace blueprint::builder
