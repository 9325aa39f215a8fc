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
  /// The image that `from` stands for, when it is there or all its layers are cached.
  std::optional<layers::ImageRecord> parent_of(const recipe::Recipe& recipe, BuildPlan& plan);

 private:
  std::optional<packages::Lock> usable_lock(const recipe::Recipe& recipe, const layers::ImageRecord* parent,
                                            BuildPlan& plan) const;
  void unknown(const recipe::Recipe& recipe, const std::string& reason, BuildPlan& plan) const;
  void explain(const plan::KeyRecord& key, PlannedLayerReport& report) const;
  std::uint64_t missing_bytes(const packages::Lock& lock, const std::string& layer) const;

  layers::Store& store_;
  const BuildOptions& options_;
  steps::InputDigests digests_;
  std::vector<std::filesystem::path> walking_;
};

std::optional<layers::ImageRecord> Planner::parent_of(const recipe::Recipe& recipe, BuildPlan& plan) {
  const std::string& from = recipe.from.value;
  if (!from.starts_with("sha256:")) {
    if (const auto file = recipe::find_recipe(from, recipe.directory, options_.search)) {
      return walk(recipe::load_recipe(*file, options_.search), plan);
    }
  }
  return store_.load_image(store_.resolve(from));
}

std::optional<packages::Lock> Planner::usable_lock(const recipe::Recipe& recipe, const layers::ImageRecord* parent,
                                                   BuildPlan& plan) const {
  const auto path = lock_path(recipe);
  const auto text = read_file_if_exists(path);
  if (!text) {
    plan.lock_changes.push_back(fmt::format("{} does not exist", path.string()));
    return std::nullopt;
  }
  auto lock = packages::parse_lock(*text, path.string());
  const auto reasons = staleness(lock, {.recipe = recipe, .parent = parent});
  for (const auto& reason : reasons) plan.lock_changes.push_back(fmt::format("{} is stale: {}", path.string(), reason));
  if (!reasons.empty()) return std::nullopt;
  if (options_.epoch) lock.epoch = *options_.epoch;
  return lock;
}

void Planner::unknown(const recipe::Recipe& recipe, const std::string& reason, BuildPlan& plan) const {
  const auto add = [&](const std::string& name, std::string kind) {
    plan.layers.push_back({.image = recipe.name.value,
                           .name = name,
                           .kind = std::move(kind),
                           .fate = Fate::Unknown,
                           .reasons = {reason}});
  };
  if (recipe.distribution) add(kBaseLayer, "distribution");
  for (const auto& layer : recipe.layers) add(layer.name, std::string(recipe::kind_name(layer)));
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
  std::optional<layers::ImageRecord> parent;
  if (!recipe.from.value.empty()) {
    parent = parent_of(recipe, plan);
    if (!parent) {
      unknown(recipe, "its parent is built anew", plan);
      return std::nullopt;
    }
  }
  const auto lock = usable_lock(recipe, parent ? &*parent : nullptr, plan);
  if (!lock) {
    unknown(recipe, "its lock is made anew", plan);
    return std::nullopt;
  }
  std::vector<layers::LayerRef> refs = parent ? parent->layers : std::vector<layers::LayerRef>{};
  const StepInputs inputs{.recipe = recipe,
                          .parent_env = parent ? parent->config.env : std::map<std::string, std::string>{},
                          .lock = *lock,
                          .mirrors = options_.mirrors,
                          .offline = options_.offline,
                          .digests = digests_,
                          .secret = {}};
  bool known = true;
  for (const auto& layer : plan_layers(inputs, parent ? HasParent::Yes : HasParent::No)) {
    PlannedLayerReport report{.image = recipe.name.value, .name = layer.name, .kind = layer.kind};
    if (!known) {
      report.fate = Fate::Unknown;
      report.reasons = {"a layer below it runs"};
    } else {
      const auto key = layer_key(recipe.name.value, layer, refs, lock->epoch);
      if (const auto entry = store_.find_key(key.digest())) {
        refs.push_back(entry->layer);
        refs.back().name = layer.name;
      } else {
        known = false;
        report.fate = Fate::Runs;
        explain(key, report);
      }
    }
    if (report.fate != Fate::Cached) report.download_bytes = missing_bytes(*lock, layer.name);
    plan.layers.push_back(std::move(report));
  }
  if (!known) return std::nullopt;
  return assemble_image({.recipe = recipe, .parent = parent ? &*parent : nullptr, .layers = refs, .epoch = lock->epoch},
                        store_);
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

std::optional<layers::ImageRecord> find_parent(const recipe::Recipe& recipe, layers::Store& store,
                                               const BuildOptions& options) {
  BuildPlan ignored;
  return Planner(store, options).parent_of(recipe, ignored);
}

}  // namespace blueprint::builder
