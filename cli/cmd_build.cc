#include <algorithm>
#include <memory>

#include <fmt/format.h>

#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include "builder/build.h"
#include "builder/build_many.h"
#include "builder/layer_slots.h"
#include "builder/recipe_graph.h"
#include "cli/build_flags.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "cli/ssh_agents.h"
#include "cli/table.h"

namespace blueprint::cli {
namespace {

struct Flags {
  RecipeFlags recipe;  ///< its `recipe` is each of `recipes` in turn
  std::vector<std::string> recipes;
  bool keep_going = false;
  std::optional<std::string> tag;
  std::vector<std::string> cite;
  std::vector<std::string> ssh;
  bool locked = false;
  bool no_cache = false;
  bool expect_cached = false;
  bool no_cite = false;
  bool no_tests = false;
  bool explain = false;
  bool json = false;
};

Json to_json(const builder::BuildResult& result) {
  Json layers = Json::array();
  for (const auto& layer : result.layers) {
    layers.push_back({{"name", layer.name},
                      {"kind", layer.kind},
                      {"cached", layer.cached},
                      {"reasons", layer.reasons},
                      {"digest", layer.layer.digest.to_string()},
                      {"size_bytes", layer.layer.size_bytes},
                      {"stored_bytes", layer.stored_bytes},
                      {"seconds", layer.seconds}});
  }
  return {{"digest", result.image.to_string()},
          {"content_digest", result.record.config.content_digest.to_string()},
          {"tag", result.tag},
          {"lock", result.lock.string()},
          {"layers", layers}};
}

builder::BuildOptions options_of(Context& context, const Flags& flags) {
  builder::BuildOptions options = build_options(context, flags.recipe);
  if (flags.recipe.dockerfile.empty()) options.search = search_path(context, flags.recipes);
  options.lock = flags.locked ? builder::LockMode::Locked : builder::LockMode::Update;
  if (flags.no_cache) options.cache = builder::CacheUse::Ignore;
  if (flags.expect_cached) {
    options.cache = builder::CacheUse::Require;
    options.lock = builder::LockMode::Locked;  // a lock that is made anew is no cached build
  }
  if (flags.no_tests) options.tests = builder::TestUse::Skip;
  options.tag = flags.tag;
  options.cite_previous = !flags.no_cite;
  options.explain = flags.explain;
  options.ssh_agents = ssh_agents(flags.ssh);
  for (const auto& reference : flags.cite) {
    for (const auto& layer : context.store().load_image(context.store().resolve(reference)).layers)
      options.cite.push_back(layer.digest);
  }
  return options;
}

int build_one(Context& context, const Flags& flags) {
  RecipeFlags recipe_flags = flags.recipe;
  recipe_flags.recipe =
      flags.recipe.dockerfile.empty() ? recipe_files(flags.recipes).front().string() : flags.recipes.front();
  const auto recipe = load_recipe(context, recipe_flags);
  const auto result = builder::build(recipe, context.store(), options_of(context, flags), context.pool(),
                                     context.events(), context.stop());
  context.end_progress();
  if (flags.json) {
    fmt::print("{}\n", format_json(to_json(result)));
  } else {
    fmt::print("{} {}\n", result.tag, result.image.to_string());
  }
  return 0;
}

const char* outcome_name(builder::RecipeReport::Outcome outcome) {
  switch (outcome) {
    case builder::RecipeReport::Outcome::Built: return "built";
    case builder::RecipeReport::Outcome::Cached: return "cached";
    case builder::RecipeReport::Outcome::Failed: return "failed";
    case builder::RecipeReport::Outcome::Skipped: return "skipped";
  }
  return "";
}

Json to_json(const builder::RecipeReport& report) {
  Json json = report.result ? to_json(*report.result) : Json::object();
  json["recipe"] = report.recipe;
  json["file"] = report.file.string();
  json["asked"] = report.asked == builder::RecipeNode::Asked::Yes;
  json["result"] = outcome_name(report.outcome);
  json["layers_run"] = report.layers_run();
  json["stored_bytes"] = report.stored_bytes();
  json["seconds"] = report.seconds;
  if (report.failure) {
    json["code"] = report.failure->first().code;
    json["error"] = report.failure->what();
  }
  if (report.outcome == builder::RecipeReport::Outcome::Skipped) json["reason"] = report.skipped_because;
  return json;
}

std::vector<std::string> table_row(const builder::RecipeReport& report) {
  std::vector<std::string> row{report.recipe, outcome_name(report.outcome), "-", "-", "-", ""};
  if (report.result) {
    row[2] = fmt::format("{} of {}", report.layers_run(), report.result->layers.size());
    row[3] = report.layers_run() > 0 ? format_size(report.stored_bytes()) : "-";
    row[5] = report.result->image.short_hex();
  }
  if (report.outcome != builder::RecipeReport::Outcome::Skipped) row[4] = fmt::format("{:.1f}", report.seconds);
  if (report.failure) row[5] = report.failure->first().code;
  if (!report.skipped_because.empty()) row[5] = report.skipped_because;
  return row;
}

int build_many(Context& context, const Flags& flags) {
  if (flags.tag) throw one_image_only("--tag");
  const auto graph = load_graph(context, flags.recipe, flags.recipes);
  const unsigned at_once = context.pool().size();
  const auto reports =
      builder::build_many(graph, context.store(),
                          {.build = options_of(context, flags),
                           .on_failure = flags.keep_going ? builder::OnFailure::KeepGoing : builder::OnFailure::Stop,
                           .recipes_at_once = at_once,
                           .package_layers_at_once = std::min(at_once, builder::package_layers_that_fit())},
                          context.pool(), context.events(), context.stop());
  context.end_progress();
  std::vector<std::vector<std::string>> rows{{"RECIPE", "RESULT", "LAYERS RUN", "NEW BYTES", "SECONDS", "IMAGE"}};
  Json json = Json::array();
  int exit_code = 0;
  for (const auto& report : reports) {
    rows.push_back(table_row(report));
    json.push_back(to_json(report));
    if (report.failure && exit_code == 0) exit_code = report.failure->exit_code();
  }
  if (flags.json) {
    fmt::print("{}\n", format_json(json));
  } else {
    fmt::print("{}", format_table(rows));
  }
  return exit_code;
}

int build_all(Context& context, const Flags& flags) {
  const bool several =
      flags.recipe.dockerfile.empty() ? recipe_files(flags.recipes).size() > 1 : flags.recipes.size() > 1;
  return several ? build_many(context, flags) : build_one(context, flags);
}

int run(Context& context, const Flags& flags) {
  try {
    return build_all(context, flags);
  } catch (const Interrupted&) {
    context.events().note("the layers that are finished are kept: the next build goes on from them");
    throw;
  }
}

}  // namespace

Command cmd_build() {
  auto flags = std::make_shared<Flags>();
  auto options = recipe_options(flags->recipe, flags->recipes);
  for (auto& option : std::vector<Option>{
           {.flags = "--tag,-t",
  .value = "NAME",
  .help = "tag the image so (default: the recipe's name)",
  .target = &flags->tag,
  .completes = Completes::Image},
           {.flags = "--locked", .help = "fail (exit 3) when the lock is missing or stale", .target = &flags->locked},
           {.flags = "--explain", .help = "say why each layer runs", .target = &flags->explain},
           {.flags = "--no-cache", .help = "run every layer again", .target = &flags->no_cache},
           {.flags = "--expect-cached",
           .help = "fail, and say why, when a layer or a test would run",
           .target = &flags->expect_cached},
           {.flags = "--cite",
           .value = "IMAGE",
           .help = "share data with this image besides the previous build",
           .target = &flags->cite,
           .completes = Completes::Image},
           {.flags = "--no-cite", .help = "share no data with the previous build", .target = &flags->no_cite},
           {.flags = "--ssh",
           .value = "NAME[=SOCKET]",
           .help = "let scripts that say so reach this SSH agent (default socket: SSH_AUTH_SOCK)",
           .target = &flags->ssh},
           {.flags = "--no-tests", .help = "do not run the recipe's tests", .target = &flags->no_tests},
           {.flags = "--keep-going,-k",
           .help = "of several recipes, go on after one that fails",
           .target = &flags->keep_going},
           {.flags = "--json", .help = "print the result as JSON", .target = &flags->json}}) {
    options.push_back(std::move(option));
  }
  return {.name = "build",
          .summary = "Build a recipe into an image.",
          .description =
              "Runs only the layers whose inputs changed. The first build writes a lock beside the recipe: commit it, "
              "and every build\n"
              "of that commit has the same packages. RECIPE is a file, a directory or a name in the catalog.\n\n"
              "Several recipes, or a directory of them, are built as one graph: what they build on once, and what does "
              "not depend\n"
              "on each other at the same time, at most --jobs recipes, and as many layers of packages as memory has "
              "room for.\n"
              "A table says what became of each; the exit code is that of the first that failed.",
          .examples = {"blueprint build examples/hello",
                       "blueprint build web.yaml --explain      # say why each layer runs",
                       "blueprint build web.yaml --locked       # CI: fail when the lock is stale",
                       "blueprint build web.yaml --mirror ubuntu=http://mirror.example/ubuntu",
                       "blueprint build recipes/ --keep-going    # all recipes below, with one summary",
                       "blueprint build -f Dockerfile .          # each instruction becomes a layer"},
          .options = std::move(options),
          .run = [flags](Context& context) { return run(context, *flags); }};
}

}  // namespace blueprint::cli
