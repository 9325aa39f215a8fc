#include "builder/build_many.h"

#include <algorithm>
#include <chrono>
#include <mutex>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"

namespace blueprint::builder {
namespace {

constexpr const char* kStage = "recipes";

/// Events of one of several builds: its stages are called RECIPE/STAGE, its notes begin with the recipe.
class RecipeEvents final : public Events {
 public:
  RecipeEvents(Events& events, std::string recipe) : events_(events), recipe_(std::move(recipe)) {}

  void started(std::string_view stage, std::string_view title) override { events_.started(named(stage), title); }
  void progress(std::string_view stage, const Progress& progress) override { events_.progress(named(stage), progress); }
  void output(std::string_view stage, std::string_view text) override { events_.output(named(stage), text); }
  void finished(std::string_view stage, std::string_view result) override { events_.finished(named(stage), result); }
  void note(std::string_view text) override { events_.note(fmt::format("{}: {}", recipe_, text)); }

 private:
  [[nodiscard]] std::string named(std::string_view stage) const { return fmt::format("{}/{}", recipe_, stage); }
  Events& events_;
  std::string recipe_;
};

/// For each node, how many recipes stand above it in its longest chain of children.
std::vector<std::size_t> heights_above(const RecipeGraph& graph) {
  std::vector<std::size_t> heights(graph.nodes.size(), 0);
  for (std::size_t i = graph.nodes.size(); i-- > 0;) {
    for (const auto& [name, need] : graph.nodes[i].needs) heights[need] = std::max(heights[need], heights[i] + 1);
  }
  return heights;
}

class Run {
 public:
  Run(const RecipeGraph& graph, layers::Store& store, const BuildManyOptions& options, ThreadPool& pool, Events& events,
      std::stop_token stop)
      : graph_(graph),
        store_(store),
        options_(options),
        pool_(pool),
        events_(events),
        stop_(std::move(stop)),
        package_slots_(options.package_layers_at_once),
        digests_(store.root() / "input-digests"),
        heights_(heights_above(graph)),
        children_(graph.nodes.size()),
        waits_for_(graph.nodes.size(), 0),
        reports_(graph.nodes.size()) {}

  std::vector<RecipeReport> build_all();

 private:
  void make_ready(std::size_t node, TaskGroup& group);
  std::size_t take_ready();
  void build_next(TaskGroup& group);
  RecipeReport build_node(std::size_t node);
  void build_recipe(const RecipeNode& node, RecipeReport& report);
  std::optional<std::string> reason_to_skip(const RecipeNode& node);
  void finish(std::size_t node, RecipeReport report);

  const RecipeGraph& graph_;
  layers::Store& store_;
  const BuildManyOptions& options_;
  ThreadPool& pool_;
  Events& events_;
  std::stop_token stop_;
  LayerSlots package_slots_;
  steps::InputDigests digests_;
  Claims downloads_;
  const std::vector<std::size_t> heights_;
  std::vector<std::vector<std::size_t>> children_;

  std::mutex mutex_;                                     ///< of what is below
  std::vector<std::size_t> waits_for_;                   ///< how many recipes that a node needs have not ended
  std::set<std::pair<std::size_t, std::size_t>> ready_;  ///< (recipes above it, counted down; position)
  std::vector<RecipeReport> reports_;                    ///< a node's is written once, before its children are ready
  std::size_t finished_ = 0;
  bool failed_ = false;
};

std::vector<RecipeReport> Run::build_all() {
  if (options_.on_failure == OnFailure::Stop) graph_.throw_faults();
  events_.started(kStage, fmt::format("building {} recipes", graph_.nodes.size()));
  ThreadPool builders(options_.recipes_at_once);
  TaskGroup group(builders);
  for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
    std::set<std::size_t> needs;  // by two names it is still one
    for (const auto& [name, need] : graph_.nodes[i].needs) needs.insert(need);
    for (const std::size_t need : needs) children_[need].push_back(i);
    waits_for_[i] = needs.size();
  }
  // From here on the graph and its edges are immutable.
  for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
    if (graph_.nodes[i].needs.empty()) make_ready(i, group);
  }
  group.wait();
  events_.finished(kStage, fmt::format("{} of {}", finished_, graph_.nodes.size()));
  return std::move(reports_);
}

void Run::make_ready(std::size_t node, TaskGroup& group) {
  {
    const std::lock_guard lock(mutex_);
    ready_.emplace(graph_.nodes.size() - heights_[node], node);
  }
  // One job for each ready node, but which node a job takes is decided when it begins.
  group.run([this, &group] { build_next(group); });
}

std::size_t Run::take_ready() {
  const std::lock_guard lock(mutex_);
  return ready_.extract(ready_.begin()).value().second;
}

void Run::build_next(TaskGroup& group) {
  const std::size_t node = take_ready();
  finish(node, build_node(node));
  for (const std::size_t child : children_[node]) {
    bool ready = false;
    {
      const std::lock_guard lock(mutex_);
      ready = --waits_for_[child] == 0;
    }
    if (ready) make_ready(child, group);
  }
}

std::optional<std::string> Run::reason_to_skip(const RecipeNode& node) {
  const std::lock_guard lock(mutex_);
  for (const auto& [name, need] : node.needs) {
    const RecipeReport& report = reports_[need];
    if (report.outcome == RecipeReport::Outcome::Failed)
      return fmt::format("{} '{}' failed", need == node.parent ? "its parent" : "what it copies from,", report.recipe);
    if (report.outcome == RecipeReport::Outcome::Skipped) return report.skipped_because;
  }
  if (failed_ && options_.on_failure == OnFailure::Stop) return "another recipe failed";
  return std::nullopt;
}

void Run::build_recipe(const RecipeNode& node, RecipeReport& report) {
  BuildOptions options = options_.build;
  options.tag.reset();
  options.tell_cached = false;
  options.package_slots = &package_slots_;
  options.digests = &digests_;
  options.downloads = &downloads_;
  // A recipe that was not asked for is there as a parent, whose layers are used as they are.
  if (node.asked == RecipeNode::Asked::No) {
    options.params.clear();
    if (options.cache == CacheUse::Ignore) options.cache = CacheUse::Use;
    if (options.lock == LockMode::Refresh) options.lock = LockMode::Update;
  }
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [name, need] : node.needs)
      options.built.emplace(graph_.nodes[need].file, reports_[need].result->image);
  }
  RecipeEvents events(events_, node.name);
  try {
    report.result = build(*node.recipe, store_, options, pool_, events, stop_);
  } catch (Error& failure) {
    failure.add_context(fmt::format("while building '{}'", node.name));
    throw;
  }
  report.outcome = report.layers_run() == 0 ? RecipeReport::Outcome::Cached : RecipeReport::Outcome::Built;
}

RecipeReport Run::build_node(std::size_t index) {
  const RecipeNode& node = graph_.nodes[index];
  RecipeReport report{.recipe = node.name, .file = node.file, .asked = node.asked};
  if (const auto reason = reason_to_skip(node)) {
    report.skipped_because = *reason;
    return report;
  }
  const auto start = std::chrono::steady_clock::now();
  try {
    if (node.fault) throw Error(*node.fault);
    build_recipe(node, report);
  } catch (const Error& failure) {
    report.outcome = RecipeReport::Outcome::Failed;
    report.failure = failure;
  }
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return report;
}

void Run::finish(std::size_t node, RecipeReport report) {
  if (report.failure) {
    for (const auto& diagnostic : report.failure->diagnostics()) events_.note(trim(render(diagnostic)));
  } else if (report.outcome == RecipeReport::Outcome::Built) {
    events_.note(fmt::format("{}: built, {} of {} layers ran, {} new", report.recipe, report.layers_run(),
                             report.result->layers.size(), format_size(report.stored_bytes())));
  }
  std::size_t finished = 0;
  {
    const std::lock_guard lock(mutex_);
    failed_ = failed_ || report.outcome == RecipeReport::Outcome::Failed;
    reports_[node] = std::move(report);
    finished = ++finished_;
  }
  events_.progress(kStage, {.items = finished, .items_total = graph_.nodes.size()});
}

}  // namespace

std::size_t RecipeReport::layers_run() const {
  if (!result) return 0;
  return static_cast<std::size_t>(std::count_if(result->layers.begin(), result->layers.end(),
                                                [](const LayerReport& layer) { return !layer.cached; }));
}

std::uint64_t RecipeReport::stored_bytes() const {
  std::uint64_t bytes = 0;
  if (!result) return bytes;
  for (const auto& layer : result->layers) bytes += layer.stored_bytes;
  return bytes;
}

std::vector<RecipeReport> build_many(const RecipeGraph& graph, layers::Store& store, const BuildManyOptions& options,
                                     ThreadPool& pool, Events& events, std::stop_token stop) {
  return Run(graph, store, options, pool, events, std::move(stop)).build_all();
}

}  // namespace blueprint::builder
