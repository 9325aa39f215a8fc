#include "builder/plan_build.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "builder/image_assembly.h"
#include "builder/make_step.h"
#include "builder/oci_image.h"
#include "builder/resolve_image.h"

namespace blueprint::builder {
namespace {

using Fate = PlannedLayerReport::Fate;

/// Walks recipes as a build does, as far as keys are known.
class Planner {
 public:
  Planner(layers::Store& store, const BuildOptions& options)
      : store_(store), options_(options), digests_(store.root() / "input-digests") {}

  /// Plans the recipe and answers its image when every layer of it is cached.
  std::optional<layers::ImageRecord> walk(const recipe::Recipe& recipe, BuildPlan& plan);
  /// Every image that the recipe names; nothing when a layer of one would run.
  std::optional<steps::Images> images_of(const recipe::Recipe& recipe, BuildPlan& plan);

 private:
  std::optional<layers::ImageRecord> image_of(const recipe::Text& name, const recipe::Recipe& recipe, BuildPlan& plan);
  std::optional<packages::Lock> usable_lock(const recipe::Recipe& recipe, const steps::Images& images,
                                            BuildPlan& plan) const;
  std::optional<layers::ImageRecord> walk_layers(const recipe::Recipe& whole, const recipe::Recipe& recipe,
                                                 const packages::Lock& lock, const steps::Images& images,
                                                 BuildPlan& plan);
  void unknown(const recipe::Recipe& recipe, const std::string& reason, BuildPlan& plan) const;
  void explain(const plan::KeyRecord& key, PlannedLayerReport& report) const;
  std::uint64_t missing_bytes(const packages::Lock& lock, const std::string& layer) const;

  layers::Store& store_;
  const BuildOptions& options_;
  steps::InputDigests digests_;
  std::vector<std::filesystem::path> walking_;
};

std::optional<layers::ImageRecord> Planner::image_of(const recipe::Text& name, const recipe::Recipe& recipe,
                                                     BuildPlan& plan) {
  if (is_oci_reference(name.value)) {
    auto image = find_oci_image(name, recipe.directory, store_);
    plan.layers.push_back({.image = name.value, .name = kBaseLayer, .kind = "oci"});
    if (!image) {
      plan.layers.back().fate = Fate::Runs;
      plan.layers.back().reasons = {"it was not read into this store before"};
    }
    return image;
  }
  if (!name.value.starts_with("sha256:")) {
    if (const auto file = recipe::find_recipe(name.value, recipe.directory, options_.search)) {
      return walk(recipe::load_recipe(*file, options_.search), plan);
    }
  }
  return load_named_image(name, recipe, store_, options_.search);
}

std::optional<steps::Images> Planner::images_of(const recipe::Recipe& recipe, BuildPlan& plan) {
  steps::Images images;
  bool all_known = true;
  for (const auto& name : images_named_by(recipe)) {
    auto image = image_of(name, recipe, plan);
    all_known = all_known && image;
    if (image) images.emplace(name.value, std::make_shared<steps::SourceImage>(store_, std::move(*image)));
  }
  return all_known ? std::optional(std::move(images)) : std::nullopt;
}

std::optional<packages::Lock> Planner::usable_lock(const recipe::Recipe& recipe, const steps::Images& images,
                                                   BuildPlan& plan) const {
  const auto path = lock_path(recipe);
  const auto text = read_file_if_exists(path);
  if (!text) {
    plan.lock_changes.push_back(fmt::format("{} does not exist", path.string()));
    return std::nullopt;
  }
  auto lock = packages::parse_lock(*text, path.string());
  const auto reasons = staleness(lock, {.recipe = recipe, .images = images});
  for (const auto& reason : reasons) plan.lock_changes.push_back(fmt::format("{} is stale: {}", path.string(), reason));
  if (!reasons.empty()) return std::nullopt;
  if (options_.epoch) lock.epoch = *options_.epoch;
  return lock;
}

void Planner::unknown(const recipe::Recipe& recipe, const std::string& reason, BuildPlan& plan) const {
  const auto add = [&](const std::string& image, const std::string& name, std::string kind) {
    plan.layers.push_back(
        {.image = image, .name = name, .kind = std::move(kind), .fate = Fate::Unknown, .reasons = {reason}});
  };
  for (const auto& stage : recipe.stages) {
    for (const auto& layer : stage.layers) add(stage.name.value, layer.name, std::string(recipe::kind_name(layer)));
  }
  if (recipe.distribution) add(recipe.name.value, kBaseLayer, "distribution");
  for (const auto& layer : recipe.layers) add(recipe.name.value, layer.name, std::string(recipe::kind_name(layer)));
}

void Planner::explain(const plan::KeyRecord& key, PlannedLayerReport& report) const {
  const auto recent = store_.recent_keys(key.recipe(), key.layer());
  if (recent.empty()) {
    report.reasons = {"it was not built in this store before"};
    return;
  }
  report.reasons = plan::explain_difference(plan::KeyRecord::from_json(recent.front().record), key);
  if (report.reasons.empty()) report.reasons = {"its stored layer is gone from the store"};
  const Json facts = Json::parse(recent.front().facts, nullptr, false);
  if (facts.is_object() && facts.contains("seconds") && facts["seconds"].is_number())
    report.estimated_seconds = facts["seconds"].get<double>();
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

std::optional<layers::ImageRecord> Planner::walk(const recipe::Recipe& recipe, BuildPlan& plan) {
  const auto file = std::filesystem::weakly_canonical(recipe.file);
  if (std::find(walking_.begin(), walking_.end(), file) != walking_.end()) {
    throw Error({.kind = ErrorKind::Recipe,
                 .code = "R105",
                 .message = fmt::format("a recipe cannot be its own parent: {}", recipe.name.value)});
  }
  walking_.push_back(file);
  auto images = images_of(recipe, plan);
  walking_.pop_back();
  if (!images) {
    unknown(recipe, "an image that it is made of is built anew", plan);
    return std::nullopt;
  }
  const auto lock = usable_lock(recipe, *images, plan);
  if (!lock) {
    unknown(recipe, "its lock is made anew", plan);
    return std::nullopt;
  }
  for (const auto& stage : recipe.stages) {
    auto image = walk_layers(recipe, stage, *lock, *images, plan);
    (*images)[stage.name.value] = image ? std::make_shared<steps::SourceImage>(store_, std::move(*image)) : nullptr;
  }
  return walk_layers(recipe, recipe, *lock, *images, plan);
}

std::optional<layers::ImageRecord> Planner::walk_layers(const recipe::Recipe& whole, const recipe::Recipe& recipe,
                                                        const packages::Lock& lock, const steps::Images& images,
                                                        BuildPlan& plan) {
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
                          .secret = {}};
  bool known = !stands_on_unknown;
  for (const auto& layer : plan_layers(inputs)) {
    PlannedLayerReport report{.image = recipe.name.value, .name = layer.name, .kind = layer.kind};
    if (!known) {
      report.fate = Fate::Unknown;
      report.reasons = {"a layer below it runs"};
    } else if (layer.step == nullptr) {
      known = false;
      report.fate = Fate::Unknown;
      report.reasons = {fmt::format("a stage of '{}' that it reads runs", whole.name.value)};
    } else {
      const auto key = layer_key(recipe.name.value, layer, refs, lock.epoch);
      if (const auto entry = store_.find_key(key.digest())) {
        refs.push_back(entry->layer);
        refs.back().name = layer.name;
      } else {
        known = false;
        report.fate = Fate::Runs;
        explain(key, report);
      }
    }
    if (report.fate != Fate::Cached) report.download_bytes = missing_bytes(lock, layer.name);
    plan.layers.push_back(std::move(report));
  }
  if (!known || refs.empty()) return std::nullopt;
  return assemble_image({.recipe = recipe, .parent = parent, .layers = refs, .epoch = lock.epoch}, store_);
}

}  // namespace

bool BuildPlan::nothing_to_do() const {
  return lock_changes.empty() &&
         std::all_of(layers.begin(), layers.end(), [](const auto& layer) { return layer.fate == Fate::Cached; });
}

BuildPlan plan_build(const recipe::Recipe& recipe, layers::Store& store, const BuildOptions& options) {
  BuildPlan plan;
  (void)Planner(store, options).walk(recipe, plan);
  return plan;
}

std::optional<steps::Images> find_images(const recipe::Recipe& recipe, layers::Store& store,
                                         const BuildOptions& options) {
  BuildPlan ignored;
  return Planner(store, options).images_of(recipe, ignored);
}

}  // namespace blueprint::builder
