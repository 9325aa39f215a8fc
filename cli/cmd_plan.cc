#include <algorithm>
#include <memory>

#include <fmt/format.h>

#include "base/json.h"
#include "base/text.h"
#include "builder/plan_build.h"
#include "cli/build_flags.h"
#include "cli/commands.h"
#include "cli/table.h"

namespace blueprint::cli {
namespace {

constexpr int kChangesExitCode = 10;

struct Flags {
  RecipeFlags recipe;
  std::vector<std::string> recipes;
  bool json = false;
};

using Plans = std::vector<builder::RecipePlan>;

/// Over all recipes of a plan.
struct Totals {
  std::size_t recipes_changed = 0;
  std::uint64_t download_bytes = 0;
  double estimated_seconds = 0;
};

Totals totals_of(const Plans& plans) {
  Totals totals;
  for (const auto& plan : plans) {
    totals.recipes_changed += plan.nothing_to_do() ? 0 : 1;
    totals.download_bytes += plan.download_bytes();
    totals.estimated_seconds += plan.estimated_seconds();
  }
  return totals;
}

const char* fate_name(builder::PlannedLayerReport::Fate fate) {
  switch (fate) {
    case builder::PlannedLayerReport::Fate::Cached: return "cached";
    case builder::PlannedLayerReport::Fate::Runs: return "runs";
    case builder::PlannedLayerReport::Fate::Unknown: return "unknown";
  }
  return "";
}

Json to_json(const Plans& plans) {
  Json lock = Json::array();
  Json layers = Json::array();
  Json recipes = Json::array();
  for (const auto& plan : plans) {
    for (const auto& change : plan.lock_changes) lock.push_back(change);
    for (const auto& layer : plan.layers) {
      Json json{{"recipe", plan.recipe},         {"name", layer.name},       {"kind", layer.kind},
                {"fate", fate_name(layer.fate)}, {"reasons", layer.reasons}, {"download_bytes", layer.download_bytes}};
      if (layer.estimated_seconds) json["estimated_seconds"] = *layer.estimated_seconds;
      layers.push_back(std::move(json));
    }
    recipes.push_back({{"name", plan.recipe},
                       {"file", plan.file.string()},
                       {"asked", plan.asked == builder::RecipeNode::Asked::Yes},
                       {"changes", !plan.nothing_to_do()},
                       {"download_bytes", plan.download_bytes()},
                       {"estimated_seconds", plan.estimated_seconds()}});
    if (plan.tests) recipes.back()["tests"] = {{"fate", fate_name(plan.tests->fate)}, {"scripts", plan.tests->scripts}};
  }
  const Totals totals = totals_of(plans);
  return {{"changes", totals.recipes_changed > 0},
          {"download_bytes", totals.download_bytes},
          {"estimated_seconds", totals.estimated_seconds},
          {"recipes", recipes},
          {"lock", lock},
          {"layers", layers}};
}

/// A row for each test that would run, or may; one for tests that all have passed.
void add_rows(const builder::PlannedTests& tests, const std::string& recipe,
              std::vector<std::vector<std::string>>& rows) {
  const auto add = [&](std::string why) {
    rows.push_back({recipe, "tests", "test", fate_name(tests.fate), "-", "-", std::move(why)});
  };
  using Fate = builder::PlannedLayerReport::Fate;
  if (tests.fate == Fate::Cached) return add("");
  const char* why = tests.fate == Fate::Runs ? "did not pass for this image yet" : "the image is made anew";
  for (const auto& script : tests.scripts) add(fmt::format("{}: {}", why, printable(script)));
}

void add_rows(const builder::RecipePlan& plan, std::vector<std::vector<std::string>>& rows) {
  for (const auto& layer : plan.layers) {
    rows.push_back({plan.recipe, layer.name, layer.kind, fate_name(layer.fate),
                    layer.download_bytes > 0 ? format_size(layer.download_bytes) : "-",
                    layer.estimated_seconds ? format_seconds(*layer.estimated_seconds) : "-",
                    layer.reasons.empty() ? "" : layer.reasons.front()});
    for (std::size_t i = 1; i < layer.reasons.size(); ++i) rows.push_back({"", "", "", "", "", "", layer.reasons[i]});
  }
  if (plan.tests) add_rows(*plan.tests, plan.recipe, rows);
}

/// One recipe is shown with all its layers and its parents'. Of many, only those that change are: that is the question.
void print_text(const Plans& plans) {
  const Totals totals = totals_of(plans);
  const auto asked = std::count_if(plans.begin(), plans.end(),
                                   [](const auto& plan) { return plan.asked == builder::RecipeNode::Asked::Yes; });
  std::vector<std::vector<std::string>> rows{{"RECIPE", "LAYER", "KIND", "FATE", "DOWNLOAD", "LAST TIME", "WHY"}};
  for (const auto& plan : plans) {
    for (const auto& reason : plan.lock_changes) fmt::print("lock: {}\n", reason);
    if (asked == 1 || !plan.nothing_to_do()) add_rows(plan, rows);
  }
  if (rows.size() > 1) fmt::print("{}", format_table(rows));
  if (asked > 1) fmt::print("{} of {} recipes change\n", totals.recipes_changed, plans.size());
  if (totals.recipes_changed == 0) fmt::print("nothing to do\n");
  if (totals.download_bytes > 0) fmt::print("{} to download\n", format_size(totals.download_bytes));
  if (totals.estimated_seconds > 0)
    fmt::print("these layers took {} last time\n", format_seconds(totals.estimated_seconds));
}

int run(Context& context, const Flags& flags) {
  const auto graph = load_graph(context, flags.recipe, flags.recipes);
  const auto plans = builder::plan_build(graph, context.store(), build_options(context, flags.recipe));
  if (flags.json) {
    fmt::print("{}\n", format_json(to_json(plans)));
  } else {
    print_text(plans);
  }
  const bool nothing = std::all_of(plans.begin(), plans.end(), [](const auto& plan) { return plan.nothing_to_do(); });
  return nothing ? 0 : kChangesExitCode;
}

}  // namespace

Command cmd_plan() {
  auto flags = std::make_shared<Flags>();
  auto options = recipe_options(flags->recipe, flags->recipes);
  options.push_back({.flags = "--json", .help = "print JSON", .target = &flags->json});
  return {
      .name = "plan",
      .summary = "Say what a build would do, and why.",
      .description =
          "Changes nothing. Exit code 0 when every layer is cached, 10 when something would run.\n\n"
          "A layer is 'cached', 'runs' (for the reasons behind it) or is 'unknown': it stands on something that is "
          "made anew.\n"
          "LAST TIME is what the layer of that name took when it last ran in this store. Tests run when they have not\n"
          "passed for the image that comes out.",
      .examples = {"blueprint plan web.yaml", "blueprint plan recipes/      # a whole catalog: what changes, and why",
                   "blueprint plan web.yaml --json | jq .layers"},
      .options = std::move(options),
      .run = [flags](Context& context) { return run(context, *flags); }};
}

}  // namespace blueprint::cli
