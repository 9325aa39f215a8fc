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
  bool json = false;
};

const char* fate_name(builder::PlannedLayerReport::Fate fate) {
  switch (fate) {
    case builder::PlannedLayerReport::Fate::Cached: return "cached";
    case builder::PlannedLayerReport::Fate::Runs: return "runs";
    case builder::PlannedLayerReport::Fate::Unknown: return "unknown";
  }
  return "";
}

void print_json(const builder::BuildPlan& plan) {
  Json layers = Json::array();
  for (const auto& layer : plan.layers) {
    Json json{{"recipe", layer.image},         {"name", layer.name},       {"kind", layer.kind},
              {"fate", fate_name(layer.fate)}, {"reasons", layer.reasons}, {"download_bytes", layer.download_bytes}};
    if (layer.estimated_seconds) json["estimated_seconds"] = *layer.estimated_seconds;
    layers.push_back(std::move(json));
  }
  fmt::print("{}\n", Json{{"changes", !plan.nothing_to_do()}, {"lock", plan.lock_changes}, {"layers", layers}}.dump(
                         2, ' ', false, Json::error_handler_t::replace));
}

void print_text(const builder::BuildPlan& plan) {
  for (const auto& reason : plan.lock_changes) fmt::print("lock: {}\n", reason);
  std::vector<std::vector<std::string>> rows{{"RECIPE", "LAYER", "KIND", "", "DOWNLOAD", "LAST TIME", "WHY"}};
  std::uint64_t bytes = 0;
  for (const auto& layer : plan.layers) {
    bytes += layer.download_bytes;
    rows.push_back({layer.image, layer.name, layer.kind, fate_name(layer.fate),
                    layer.download_bytes > 0 ? format_size(layer.download_bytes) : "-",
                    layer.estimated_seconds ? format_seconds(*layer.estimated_seconds) : "-",
                    layer.reasons.empty() ? "" : layer.reasons.front()});
    for (std::size_t i = 1; i < layer.reasons.size(); ++i) rows.push_back({"", "", "", "", "", "", layer.reasons[i]});
  }
  fmt::print("{}", format_table(rows));
  if (plan.nothing_to_do()) {
    fmt::print("nothing to do\n");
  } else if (bytes > 0) {
    fmt::print("{} to download\n", format_size(bytes));
  }
}

}  // namespace

Command cmd_plan() {
  auto flags = std::make_shared<Flags>();
  auto options = recipe_options(flags->recipe);
  options.push_back({.flags = "--json", .help = "print JSON", .target = &flags->json});
  return {.name = "plan",
          .summary = "Say what a build would do, and why.",
          .description = "Changes nothing. Exit code 0 when every layer is cached, 10 when something would run.",
          .examples = {"blueprint plan web.yaml", "blueprint plan web.yaml --json | jq .layers"},
          .options = std::move(options),
          .run = [flags](Context& context) {
            const auto recipe = load_recipe(context, flags->recipe);
            const auto plan = builder::plan_build(recipe, context.store(), build_options(context, flags->recipe));
            if (flags->json) {
              print_json(plan);
            } else {
              print_text(plan);
            }
            return plan.nothing_to_do() ? 0 : kChangesExitCode;
          }};
}

}  // namespace blueprint::cli
