#include "builder/plan_build.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "builder/explain_miss.h"
#include "builder/image_assembly.h"
#include "builder/make_step.h"
#include "builder/oci_image.h"
#include "builder/recipe_tests.h"
#include "builder/resolve_image.h"

namespace blueprint::builder {
namespace {

using Fate = PlannedLayerReport::Fate;
using KnownImage = std::optional<layers::ImageRecord>;  ///< nothing when the image is made anew

/// Walks recipes as a build does, as far as keys are known.
class Planner {
 public:
  Planner(layers::Store& store, const BuildOptions& options)
      : store_(store), options_(options), digests_(store.root() / "input-digests") {}

  /// Plans the nodes of a graph, in its order.
  RecipePlan next(const RecipeNode& node);
  /// Every image that the node's recipe names; nothing when one of them is made anew.
  std::optional<steps::Images> images_of(const RecipeNode& node, RecipePlan& plan);

 private:
  KnownImage image_of(const recipe::Text& name, const RecipeNode& node, RecipePlan& plan);
  std::optional<packages::Lock> usable_lock(const recipe::Recipe& recipe, const steps::Images& images,
                                            RecipePlan& plan) const;
  KnownImage walk(const recipe::Recipe& recipe, steps::Images images, RecipePlan& plan);
  KnownImage walk_layers(const recipe::Recipe& whole, const recipe::Recipe& recipe, const packages::Lock& lock,
                         const steps::Images& images, RecipePlan& plan);
  void plan_tests(const recipe::Recipe& recipe, const KnownImage& image, RecipePlan& plan) const;
  /// The layers of a recipe whose own keys cannot be told.
  void add_unknown(const recipe::Recipe& recipe, const std::string& reason, RecipePlan& plan) const;
  std::uint64_t missing_bytes(const packages::Lock& lock, const std::string& layer) const;

  layers::Store& store_;
  const BuildOptions& options_;
  steps::InputDigests digests_;
  std::vector<KnownImage> images_;  ///< of the nodes so far
};

KnownImage Planner::image_of(const recipe::Text& name, const RecipeNode& node, RecipePlan& plan) {
  if (const auto need = node.needs.find(name.value); need != node.needs.end()) return images_[need->second];
  if (!is_oci_reference(name.value)) return load_named_image(name, *node.recipe, store_, options_.search);
  const auto lock = is_registry_reference(name.value) ? load_lock(*node.recipe) : std::nullopt;
  auto image = find_oci_image({.name = name,
                               .directory = node.recipe->directory,
                               .pinned = lock ? pinned_in(*lock, name.value) : std::nullopt,
                               .registries = options_.registries},
                              store_);
  plan.layers.push_back({.name = name.value, .kind = "oci"});
  if (!image) {
    plan.layers.back().fate = Fate::Runs;
    plan.layers.back().reasons = {"it was not read into this store before"};
  }
  return image;
}

std::optional<steps::Images> Planner::images_of(const RecipeNode& node, RecipePlan& plan) {
  steps::Images images;
  bool all_known = true;
  for (const auto& name : images_named_by(*node.recipe)) {
    auto image = image_of(name, node, plan);
    all_known = all_known && image;
    if (image) images.emplace(name.value, std::make_shared<steps::SourceImage>(store_, std::move(*image)));
  }
  return all_known ? std::optional(std::move(images)) : std::nullopt;
}

std::optional<packages::Lock> Planner::usable_lock(const recipe::Recipe& recipe, const steps::Images& images,
                                                   RecipePlan& plan) const {
  const std::string path = lock_path(recipe).string();
  auto lock = load_lock(recipe);
  if (!lock) {
    plan.lock_changes.push_back(fmt::format("{} does not exist", path));
    return std::nullopt;
  }
  const auto reasons = staleness(*lock, {.recipe = recipe, .images = images});
  for (const auto& reason : reasons) plan.lock_changes.push_back(fmt::format("{} is stale: {}", path, reason));
  if (!reasons.empty()) return std::nullopt;
  if (options_.epoch) lock->epoch = *options_.epoch;
  return lock;
}

void Planner::add_unknown(const recipe::Recipe& recipe, const std::string& reason, RecipePlan& plan) const {
  const auto add = [&](const recipe::Recipe& of, const std::string& name, std::string kind) {
    plan.layers.push_back({.name = reported_name(recipe, of, name),
                           .kind = std::move(kind),
                           .fate = Fate::Unknown,
                           .reasons = {reason},
                           .estimated_seconds = seconds_last_time(store_, of.name.value, name)});
  };
  for (const auto& stage : recipe.stages) {
    for (const auto& layer : stage.layers) add(stage, layer.name, std::string(recipe::kind_name(layer)));
  }
  if (recipe.distribution) add(recipe, kBaseLayer, "distribution");
  for (const auto& layer : recipe.layers) add(recipe, layer.name, std::string(recipe::kind_name(layer)));
}

std::uint64_t Planner::missing_bytes(const packages::Lock& lock, const std::string& layer) const {
  std::uint64_t bytes = 0;
  const auto found = lock.packages.find(layer);
  if (found == lock.packages.end()) return 0;
  for (const auto& package : found->second) {
    if (!std::filesystem::exists(store_.deb_path(package.sha256))) bytes += package.size_bytes;
  }
  return bytes;
}

KnownImage Planner::walk(const recipe::Recipe& recipe, steps::Images images, RecipePlan& plan) {
  const auto lock = usable_lock(recipe, images, plan);
  if (!lock) {
    add_unknown(recipe, "its lock is made anew", plan);
    return std::nullopt;
  }
  for (const auto& stage : recipe.stages) {
    auto image = walk_layers(recipe, stage, *lock, images, plan);
    images[stage.name.value] = image ? std::make_shared<steps::SourceImage>(store_, std::move(*image)) : nullptr;
  }
  return walk_layers(recipe, recipe, *lock, images, plan);
}

KnownImage Planner::walk_layers(const recipe::Recipe& whole, const recipe::Recipe& recipe, const packages::Lock& lock,
                                const steps::Images& images, RecipePlan& plan) {
  const auto from = images.find(recipe.from.value);
  const bool stands_on_unknown = from != images.end() && from->second == nullptr;
  const auto* parent = from == images.end() || stands_on_unknown ? nullptr : &from->second->record();
  std::vector<layers::LayerRef> refs = parent ? parent->layers : std::vector<layers::LayerRef>{};
  const StepInputs inputs{.recipe = recipe,
                          .parent_env = parent ? parent->config.env : std::map<std::string, std::string>{},
                          .lock = lock,
                          .mirrors = options_.mirrors,
                          .offline = options_.offline,
                          .images = images,
                          .digests = digests_,
                          .host = {}};
  bool known = !stands_on_unknown;
  for (const auto& layer : plan_layers(inputs)) {
    PlannedLayerReport report{.name = reported_name(whole, recipe, layer.name), .kind = layer.kind};
    if (!known || layer.step == nullptr) {
      report.fate = Fate::Unknown;
      report.reasons = {known ? fmt::format("a stage of '{}' that it reads runs", whole.name.value)
                              : std::string("a layer below it runs")};
      report.estimated_seconds = seconds_last_time(store_, recipe.name.value, layer.name);
      known = false;
    } else {
      const auto key = layer_key(recipe.name.value, layer, refs, lock.epoch);
      if (const auto entry = store_.find_key(key.digest())) {
        refs.push_back(entry->layer);
        refs.back().name = layer.name;
      } else {
        known = false;
        report.fate = Fate::Runs;
        auto miss = explain_miss(store_, key);
        report.reasons = std::move(miss.reasons);
        report.estimated_seconds = miss.seconds;
      }
    }
    if (report.fate != Fate::Cached) report.download_bytes = missing_bytes(lock, layer.name);
    plan.layers.push_back(std::move(report));
  }
  if (!known || refs.empty()) return std::nullopt;
  const AssemblyInputs assembly{.recipe = recipe, .parent = parent, .layers = refs, .epoch = lock.epoch};
  auto image = find_image(assembly, store_);
  if (!image) {
    plan.layers.push_back({.name = reported_name(whole, recipe, "image"),
                           .kind = "image",
                           .fate = Fate::Runs,
                           .reasons = explain_miss(store_, image_key(assembly)).reasons});
  }
  return image;
}

void Planner::plan_tests(const recipe::Recipe& recipe, const KnownImage& image, RecipePlan& plan) const {
  if (recipe.tests.empty() || options_.tests == TestUse::Skip) return;
  plan.tests.emplace();
  for (const auto& test : recipe.tests) plan.tests->scripts.push_back(test.run.value);
  if (!image) {
    plan.tests->fate = Fate::Unknown;
  } else if (!tests_passed(recipe, *image, store_)) {
    plan.tests->fate = Fate::Runs;
  }
}

RecipePlan Planner::next(const RecipeNode& node) {
  RecipePlan plan{.recipe = node.name, .file = node.file, .asked = node.asked};
  auto images = images_of(node, plan);
  KnownImage image;
  if (images) {
    image = walk(*node.recipe, std::move(*images), plan);
  } else {
    add_unknown(*node.recipe, "an image that it is made of is made anew", plan);
  }
  plan_tests(*node.recipe, image, plan);
  images_.push_back(std::move(image));
  return plan;
}

bool is_cached(const PlannedLayerReport& layer) { return layer.fate == Fate::Cached; }

}  // namespace

bool RecipePlan::nothing_to_do() const {
  return lock_changes.empty() && std::all_of(layers.begin(), layers.end(), is_cached) &&
         (!tests || tests->fate == Fate::Cached);
}

std::uint64_t RecipePlan::download_bytes() const {
  std::uint64_t bytes = 0;
  for (const auto& layer : layers) bytes += layer.download_bytes;
  return bytes;
}

double RecipePlan::estimated_seconds() const {
  double seconds = 0;
  for (const auto& layer : layers) seconds += layer.estimated_seconds.value_or(0);
  return seconds;
}

std::vector<RecipePlan> plan_build(const RecipeGraph& graph, layers::Store& store, const BuildOptions& options) {
  graph.throw_faults();
  Planner planner(store, options);
  std::vector<RecipePlan> plans;
  for (const RecipeNode& node : graph.nodes) plans.push_back(planner.next(node));
  return plans;
}

std::optional<steps::Images> find_images(const recipe::Recipe& recipe, layers::Store& store,
                                         const BuildOptions& options) {
  RecipeGraph graph = recipe_graph_of(recipe, options.search);
  graph.throw_faults();
  const RecipeNode self = std::move(graph.nodes.back());
  graph.nodes.pop_back();
  Planner planner(store, options);
  for (const RecipeNode& node : graph.nodes) (void)planner.next(node);
  RecipePlan ignored;
  return planner.images_of(self, ignored);
}

}  // namespace blueprint::builder
