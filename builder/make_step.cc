#include "builder/make_step.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "builder/steps/copy_step.h"
#include "builder/steps/fetch_step.h"
#include "builder/steps/file_source.h"
#include "builder/steps/files_step.h"
#include "builder/steps/packages_step.h"
#include "builder/steps/run_step.h"
#include "builder/steps/services_step.h"
#include "builder/steps/users_step.h"

namespace blueprint::builder {
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

/// The files that a copy or a bind means; null when its image is not known yet.
std::unique_ptr<steps::FileSource> file_source(const recipe::CopyStep& copy, const recipe::Layer& layer,
                                               const StepInputs& inputs) {
  if (copy.image.value.empty()) return std::make_unique<steps::HostFiles>(copy, layer.directory, inputs.digests);
  const auto image = inputs.images.find(copy.image.value);
  if (image == inputs.images.end() || image->second == nullptr) return nullptr;
  return std::make_unique<steps::ImageFiles>(copy, image->second);
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
      if (copy.unpack) return std::make_unique<steps::ArchiveStep>(copy, layer.directory, inputs.digests);
      auto source = file_source(copy, layer, inputs);
      return source ? std::make_unique<steps::CopyStep>(copy, std::move(source)) : nullptr;
    }
    std::unique_ptr<steps::Step> operator()(const recipe::RunStep& run) const {
      auto env = inputs.recipe.env;
      env.insert(inputs.parent_env.begin(), inputs.parent_env.end());
      std::vector<std::unique_ptr<steps::FileSource>> binds;
      for (const auto& bind : run.binds) {
        binds.push_back(file_source(bind, layer, inputs));
        if (!binds.back()) return nullptr;
      }
      return std::make_unique<steps::RunStep>(run, std::move(env), inputs.host, std::move(binds));
    }
    std::unique_ptr<steps::Step> operator()(const recipe::UsersStep& users) const {
      return std::make_unique<steps::UsersStep>(users);
    }
    std::unique_ptr<steps::Step> operator()(const recipe::ServicesStep& services) const {
      return std::make_unique<steps::ServicesStep>(services);
    }
    std::unique_ptr<steps::Step> operator()(const recipe::FetchStep& fetch) const {
      return std::make_unique<steps::FetchStep>(
          fetch, steps::FetchAccess{.network = inputs.offline ? steps::Network::Offline : steps::Network::Use,
                                    .proxy = inputs.mirrors.proxy,
                                    .no_proxy = inputs.mirrors.no_proxy});
    }
  };
  return std::visit(Maker{layer, inputs}, layer.step);
}

}  // namespace

std::vector<ReadyLayer> plan_layers(const StepInputs& inputs) {
  std::vector<ReadyLayer> planned;
  if (inputs.recipe.distribution)
    planned.push_back({kBaseLayer, "distribution", make_base_step(inputs), inputs.recipe.distribution->where});
  for (const auto& layer : inputs.recipe.layers) {
    planned.push_back({layer.name, std::string(recipe::kind_name(layer)), make_step(layer, inputs), layer.where});
  }
  return planned;
}

std::string reported_name(const recipe::Recipe& recipe, const recipe::Recipe& of, const std::string& layer) {
  if (&recipe == &of) return layer;
  return fmt::format("{}/{}", of.name.value.substr(of.name.value.rfind('/') + 1), layer);
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

}  // namespace blueprint::builder
