#include "builder/resolve_image.h"

#include <algorithm>
#include <filesystem>
#include <optional>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "builder/oci_image.h"
#include "builder/recipe_graph.h"

namespace blueprint::builder {
namespace fs = std::filesystem;
namespace {

void refuse_cycle(const recipe::Recipe& parent, const std::vector<fs::path>& building, const SourceSpan& where) {
  const auto found = std::find(building.begin(), building.end(), fs::weakly_canonical(parent.file));
  if (found == building.end()) return;
  throw recipe_cycle({found, building.end()}, where);
}

layers::ImageRecord build_first(const recipe::Recipe& parent, const recipe::Text& name, const recipe::Recipe& recipe,
                                layers::Store& store, const BuildOptions& options, ThreadPool& pool, Events& events,
                                std::stop_token stop) {
  BuildOptions parent_options = options;
  parent_options.building.push_back(fs::weakly_canonical(recipe.file));
  refuse_cycle(parent, parent_options.building, name.where);
  parent_options.tag.reset();
  parent_options.params.clear();
  parent_options.cache = options.cache == CacheUse::Require ? CacheUse::Require : CacheUse::Use;
  if (options.lock == LockMode::Refresh) parent_options.lock = LockMode::Update;
  try {
    return build(parent, store, parent_options, pool, events, stop).record;
  } catch (Error& failure) {
    failure.add_context(fmt::format("while building the parent '{}' of '{}'", name.value, recipe.name.value));
    throw;
  }
}

void add_names(const recipe::Recipe& recipe, std::vector<recipe::Text>& names) {
  if (recipe.from.value != recipe::kScratch) names.push_back(recipe.from);
  for (const auto& layer : recipe.layers) {
    if (const auto* copy = std::get_if<recipe::CopyStep>(&layer.step)) names.push_back(copy->image);
    if (const auto* run = std::get_if<recipe::RunStep>(&layer.step)) {
      for (const auto& bind : run->binds) names.push_back(bind.image);
    }
  }
}

/// Recipes in the directory of the recipe: `from` finds them too.
std::vector<std::string> names_beside(const recipe::Recipe& recipe) {
  std::vector<std::string> names;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(recipe.directory.empty() ? "." : recipe.directory, ignored)) {
    const fs::path& path = entry.path();
    const bool itself = path.filename() == fs::path(recipe.file).filename();
    if (path.extension() == ".yaml" && !path.stem().string().ends_with(".lock") && !itself)
      names.push_back(path.stem().string());
  }
  return names;
}

}  // namespace

std::vector<recipe::Text> images_named_by(const recipe::Recipe& recipe) {
  std::vector<recipe::Text> all;
  add_names(recipe, all);
  for (const auto& stage : recipe.stages) add_names(stage, all);
  std::vector<recipe::Text> names;
  for (auto& name : all) {
    if (name.value.empty() || recipe::find_stage(recipe, name.value) != nullptr) continue;
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(std::move(name));
  }
  return names;
}

layers::ImageRecord load_named_image(const recipe::Text& name, const recipe::Recipe& recipe, const layers::Store& store,
                                     const recipe::SearchPath& search) {
  try {
    return store.load_image(store.resolve(name.value));
  } catch (const Error& failure) {
    if (failure.first().code != "S011") throw;
    std::vector<std::string> known = names_beside(recipe);
    for (const auto& [tag, digest] : store.tags())
      known.push_back(tag.ends_with(":latest") ? tag.substr(0, tag.rfind(':')) : tag);
    for (const auto& stage : recipe.stages) known.push_back(stage.name.value.substr(stage.name.value.rfind('/') + 1));
    for (const auto& summary : recipe::list_recipes(search)) {
      if (summary.kind == recipe::RecipeSummary::Kind::Recipe) known.push_back(summary.name);
    }
    std::sort(known.begin(), known.end());
    known.erase(std::unique(known.begin(), known.end()), known.end());
    Diagnostic diagnostic{
        .kind = ErrorKind::Recipe,
        .code = "R104",
        .message = fmt::format("there is no recipe and no image '{}' to build from", printable(name.value))};
    if (const auto near = near_names(name.value, known); !near.empty()) diagnostic.hints.push_back(did_you_mean(near));
    diagnostic.hints.emplace_back("'blueprint recipes' and 'blueprint ls' list what there is");
    diagnostic.hints.emplace_back(
        "an image of a registry is oci://HOST/NAME:TAG; in a Dockerfile HOST/NAME:TAG, as in "
        "docker.io/library/debian:12");
    if (name.where.line > 0) diagnostic.where = name.where;
    throw Error(std::move(diagnostic));
  }
}

namespace {

/// The digest of an image of a registry as the lock has it.
std::optional<Digest> pinned_digest_of(const recipe::Text& name, const recipe::Recipe& recipe,
                                       const BuildOptions& options) {
  if (!is_registry_reference(name.value) || options.lock == LockMode::Refresh) return std::nullopt;
  const auto lock = load_lock(recipe);
  auto pinned = lock ? pinned_in(*lock, name.value) : std::nullopt;
  // Before anything is fetched for a build that would fail for it later.
  if (!pinned && options.lock == LockMode::Locked) {
    throw lock_does_not_fit(recipe, lock ? std::vector{fmt::format("it does not pin '{}'", printable(name.value))}
                                         : std::vector<std::string>{});
  }
  return pinned;
}

layers::ImageRecord resolve_image(const recipe::Text& name, const recipe::Recipe& recipe, layers::Store& store,
                                  const BuildOptions& options, ThreadPool& pool, Events& events, std::stop_token stop) {
  if (is_oci_reference(name.value)) {
    const OciRequest request{.name = name,
                             .directory = recipe.directory,
                             .pinned = pinned_digest_of(name, recipe, options),
                             .registries = options.registries,
                             .network = options.offline ? OciRequest::Network::Offline : OciRequest::Network::Use};
    return import_oci_image(request, store, pool, events, stop);
  }
  if (!name.value.starts_with("sha256:")) {
    if (const auto file = recipe::find_recipe(name.value, recipe.directory, options.search)) {
      if (const auto built = options.built.find(fs::weakly_canonical(*file)); built != options.built.end())
        return store.load_image(built->second);
      return build_first(recipe::load_recipe(*file, options.search), name, recipe, store, options, pool, events, stop);
    }
  }
  return load_named_image(name, recipe, store, options.search);
}

}  // namespace

steps::Images resolve_images(const recipe::Recipe& recipe, layers::Store& store, const BuildOptions& options,
                             ThreadPool& pool, Events& events, std::stop_token stop) {
  steps::Images images;
  for (const auto& name : images_named_by(recipe)) {
    images.emplace(name.value, std::make_shared<steps::SourceImage>(
                                   store, resolve_image(name, recipe, store, options, pool, events, stop)));
  }
  return images;
}

}  // namespace blueprint::builder
