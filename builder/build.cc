// A build walks the layers of a recipe once, from the bottom. The key of a layer names its parent by content, so it is
// known as soon as the parent is, built or found: planning ahead would only guess. A layer that comes out with the same
// content as before stops the wave of rebuilding: the layers above it are found again by their keys.
//
// A recipe with stages is several walks with one lock: each stage becomes an image without a tag before the recipe, or
// another stage, is built on it or copies from it.

#include "builder/build.h"

#include <chrono>

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "builder/explain_miss.h"
#include "builder/image_assembly.h"
#include "builder/image_documents.h"
#include "builder/layer_lock.h"
#include "builder/make_step.h"
#include "builder/policy.h"
#include "builder/recipe_tests.h"
#include "builder/resolve_image.h"
#include "builder/steps/command_step.h"
#include "builder/steps/failed_root.h"
#include "layers/layer_writer.h"
#include "layers/tag_name.h"

namespace blueprint::builder {
namespace {

const layers::ImageRecord* image_of(const steps::Images& images, const std::string& name) {
  const auto found = images.find(name);
  return found == images.end() ? nullptr : &found->second->record();
}

Error nothing_in_it(const recipe::Recipe& recipe) {
  Diagnostic diagnostic{.kind = ErrorKind::Recipe,
                        .code = "R106",
                        .message = fmt::format("'{}' is built from scratch and has no layer", recipe.name.value),
                        .hints = {"add a layer, such as 'copy'"}};
  if (recipe.from.where.line > 0) diagnostic.where = recipe.from.where;
  return Error(std::move(diagnostic));
}

Error not_tested(const recipe::Recipe& recipe) {
  Error untested({.kind = ErrorKind::Step,
                  .code = "X113",
                  .message = fmt::format("the tests of '{}' have not passed for this image yet, and the build was to "
                                         "run nothing",
                                         recipe.name.value),
                  .hints = {"build once without --expect-cached, or say --no-tests as well"}});
  for (const auto& test : recipe.tests)
    untested.add_context(fmt::format("it would run the test: {}", printable(test.run.value)));
  return untested;
}

/// One build under way.
class Build {
 public:
  Build(const recipe::Recipe& recipe, layers::Store& store, const BuildOptions& options, ThreadPool& pool,
        Events& events, std::stop_token stop)
      : recipe_(recipe),
        store_(store),
        options_(options),
        pool_(pool),
        events_(events),
        stop_(std::move(stop)),
        own_digests_(store.root() / "input-digests"),
        digests_(options.digests != nullptr ? *options.digests : own_digests_),
        downloads_(options.downloads != nullptr ? *options.downloads : own_downloads_) {}

  BuildResult run();

 private:
  layers::ImageRecord build_image(const recipe::Recipe& recipe, BuildResult& result);
  LayerReport build_layer(const recipe::Recipe& recipe, const ReadyLayer& layer, std::vector<layers::LayerRef>& below);
  layers::LayerRef run_layer(const recipe::Recipe& recipe, const ReadyLayer& layer, const plan::KeyRecord& key,
                             const std::vector<layers::LayerRef>& below, LayerReport& report);
  void test(const layers::ImageRecord& image);
  std::vector<std::string> reasons_for(const plan::KeyRecord& key) const;
  std::string read_secret(const recipe::Recipe& recipe, const recipe::Text& name) const;
  std::filesystem::path ssh_agent_socket(const recipe::Text& name) const;
  LayerSlots::Slot take_slot(const ReadyLayer& layer) const;

  const recipe::Recipe& recipe_;
  layers::Store& store_;
  const BuildOptions& options_;
  ThreadPool& pool_;
  Events& events_;
  std::stop_token stop_;
  steps::InputDigests own_digests_;
  steps::InputDigests& digests_;
  Claims own_downloads_;
  Claims& downloads_;
  steps::Images images_;  ///< that the recipe and its stages name; a stage's own as soon as it is built
  packages::Lock lock_;
};

std::vector<std::string> Build::reasons_for(const plan::KeyRecord& key) const {
  if (options_.cache == CacheUse::Ignore) return {"asked to build it anew"};
  return explain_miss(store_, key).reasons;
}

std::string Build::read_secret(const recipe::Recipe& recipe, const recipe::Text& name) const {
  for (const auto& secret : recipe.secrets) {
    if (secret.name == name.value && options_.secret) return options_.secret(recipe, secret);
  }
  throw bug(fmt::format("nobody knows the secret '{}'", name.value));
}

std::filesystem::path Build::ssh_agent_socket(const recipe::Text& name) const {
  const auto found = options_.ssh_agents.find(name.value);
  if (found != options_.ssh_agents.end()) return found->second;
  Diagnostic diagnostic{
      .kind = ErrorKind::Usage,
      .code = "X111",
      .message = fmt::format("the script asks for the SSH agent '{}', and the build was given none", name.value),
      .hints = {fmt::format("give it the one of your shell: --ssh {0}, or another: --ssh {0}=SOCKET", name.value)}};
  if (name.where.line > 0) diagnostic.where = name.where;
  throw Error(std::move(diagnostic));
}

/// Taken before anything that counts as the layer's time, and after its lock: who has a slot waits for no lock.
LayerSlots::Slot Build::take_slot(const ReadyLayer& layer) const {
  const bool needs_one = layer.step->memory() == steps::Step::Memory::Much;
  return needs_one && options_.package_slots != nullptr ? options_.package_slots->take(stop_) : LayerSlots::Slot();
}

layers::LayerRef Build::run_layer(const recipe::Recipe& recipe, const ReadyLayer& layer, const plan::KeyRecord& key,
                                  const std::vector<layers::LayerRef>& below, LayerReport& report) {
  const auto start = std::chrono::steady_clock::now();
  const layers::FileTree tree = layers::load_tree(store_, below);
  const auto recent = store_.recent_keys(key.recipe(), key.layer());
  layers::WriteOptions write{.name = layer.name, .epoch = lock_.epoch, .cite = options_.cite};
  if (options_.cite_previous && !recent.empty()) write.cite.push_back(recent.front().layer.digest);
  steps::StepOutput output = layer.step->apply({.store = store_,
                                                .pool = pool_,
                                                .events = events_,
                                                .stop = stop_,
                                                .downloads = downloads_,
                                                .parent = below,
                                                .cite = write.cite,
                                                .tree = tree,
                                                .epoch = lock_.epoch,
                                                .recipe = recipe.name.value,
                                                .stage = report.name});
  auto written = layers::write_layer(store_, below, std::move(output.changes), write, pool_, events_, stop_);
  written.layer.key = key.digest();
  report.stored_bytes = written.stored_bytes;
  if (!output.upper.empty()) steps::adopt_tree(store_, written.layer, output);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  store_.put_key(key.digest(),
                 {.layer = written.layer, .record = key.to_json(), .facts = Json{{"seconds", seconds}}.dump()});
  return written.layer;
}

LayerReport Build::build_layer(const recipe::Recipe& recipe, const ReadyLayer& layer,
                               std::vector<layers::LayerRef>& below) {
  const auto start = std::chrono::steady_clock::now();
  LayerReport report{.name = reported_name(recipe_, recipe, layer.name), .kind = layer.kind};
  const plan::KeyRecord key = layer_key(recipe.name.value, layer, below, lock_.epoch);
  const auto find = [&]() -> bool {
    const auto known = store_.find_key(key.digest());
    if (!known) return false;
    report.layer = known->layer;
    report.layer.name = layer.name;
    report.cached = true;
    report.reasons.clear();
    return true;
  };
  if (options_.cache == CacheUse::Ignore || !find()) {
    report.reasons = reasons_for(key);
    if (options_.cache == CacheUse::Require) {
      Error missing({.kind = ErrorKind::Step,
                     .code = "X110",
                     .message = fmt::format("layer '{}' of '{}' is not cached, and the build was to run nothing",
                                            report.name, recipe_.name.value)});
      for (const auto& reason : report.reasons) missing.add_context(fmt::format("it would run because: {}", reason));
      throw missing;
    }
    if (options_.explain) {
      for (const auto& reason : report.reasons) events_.note(fmt::format("{} runs: {}", report.name, reason));
    }
    const UniqueFd lock = lock_layer(store_, key.digest(), report.name, events_, stop_);
    if (options_.cache == CacheUse::Ignore || !find()) {
      const LayerSlots::Slot slot = take_slot(layer);
      events_.started(report.name, fmt::format("{} ({})", report.name, layer.kind));
      try {
        report.layer = run_layer(recipe, layer, key, below, report);
      } catch (Error& failure) {
        if (layer.where.line > 0) {
          failure.add_context(fmt::format("while building layer '{}' at {}:{}:{}", report.name, layer.where.file,
                                          layer.where.line, layer.where.column));
        }
        throw;
      }
      events_.finished(report.name, fmt::format("{} stored", format_size(report.stored_bytes)));
    }
  }
  below.push_back(report.layer);
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return report;
}

/// The layers of the recipe, or of one of its stages, on what its `from` names.
layers::ImageRecord Build::build_image(const recipe::Recipe& recipe, BuildResult& result) {
  const auto* parent = image_of(images_, recipe.from.value);
  std::vector<layers::LayerRef> layers = parent ? parent->layers : std::vector<layers::LayerRef>{};
  const auto planned =
      plan_layers({.recipe = recipe,
                   .parent_env = parent ? parent->config.env : std::map<std::string, std::string>{},
                   .lock = lock_,
                   .mirrors = options_.mirrors,
                   .offline = options_.offline,
                   .images = images_,
                   .digests = digests_,
                   .host = {.secret = [&](const auto& name) { return read_secret(recipe, name); },
                            .ssh_agent_socket = [&](const auto& name) { return ssh_agent_socket(name); }}});
  // From here on the plan is immutable.
  if (layers.empty() && planned.empty()) throw nothing_in_it(recipe);
  for (const auto& layer : planned) {
    if (stop_.stop_requested()) throw Interrupted{};
    result.layers.push_back(build_layer(recipe, layer, layers));
    const auto& report = result.layers.back();
    if (report.cached && options_.tell_cached) events_.note(fmt::format("{}: cached", report.name));
  }
  auto image = assemble_image({.recipe = recipe, .parent = parent, .layers = layers, .epoch = lock_.epoch}, store_);
  attach_documents({.recipe = recipe,
                    .image = image,
                    .parent = parent,
                    .lock = lock_,
                    .layers = planned,
                    .params = options_.params,
                    .version = options_.version},
                   store_);
  return image;
}

void Build::test(const layers::ImageRecord& image) {
  if (options_.cache == CacheUse::Require && !tests_passed(recipe_, image, store_)) throw not_tested(recipe_);
  run_recipe_tests(recipe_, image, store_, pool_, events_, stop_);
}

BuildResult Build::run() {
  layers::check_tag_name(options_.tag.value_or(recipe_.name.value));
  images_ = resolve_images(recipe_, store_, options_, pool_, events_, stop_);
  BuildResult result;
  result.lock = lock_path(recipe_);
  lock_ = ensure_lock({.recipe = recipe_,
                       .images = images_,
                       .mode = options_.lock,
                       .mirrors = options_.mirrors,
                       .offline = options_.offline,
                       .epoch = options_.epoch,
                       .now = options_.now},
                      store_, pool_, events_, stop_);
  for (const auto& stage : recipe_.stages) {
    images_[stage.name.value] = std::make_shared<steps::SourceImage>(store_, build_image(stage, result));
    steps::drop_failed_root(store_, stage.name.value);
  }
  result.record = build_image(recipe_, result);
  result.image = result.record.digest;
  check_policy(recipe_, result.record, store_);
  if (options_.tests == TestUse::Run) test(result.record);
  result.tag = options_.tag.value_or(recipe_.name.value);
  if (store_.find_tag(result.tag) != result.image) store_.tag(result.tag, result.image);
  steps::drop_failed_root(store_, recipe_.name.value);
  return result;
}

}  // namespace

BuildResult build(const recipe::Recipe& recipe, layers::Store& store, const BuildOptions& options, ThreadPool& pool,
                  Events& events, std::stop_token stop) {
  return Build(recipe, store, options, pool, events, std::move(stop)).run();
}

}  // namespace blueprint::builder
