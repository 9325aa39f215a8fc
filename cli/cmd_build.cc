#include <algorithm>
#include <memory>

#include <fmt/format.h>

#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include "builder/build.h"
#include "cli/build_flags.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "cli/table.h"

namespace blueprint::cli {
namespace {

struct Flags {
  RecipeFlags recipe;  ///< its `recipe` is each of `recipes` in turn
  std::vector<std::string> recipes;
  bool keep_going = false;
  std::optional<std::string> tag;
  std::vector<std::string> cite;
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

builder::BuildResult build_one(Context& context, const Flags& flags, const std::string& what) {
  RecipeFlags recipe_flags = flags.recipe;
  recipe_flags.recipe = what;
  const auto recipe = load_recipe(context, recipe_flags);
  builder::BuildOptions options = build_options(context, recipe_flags);
  options.lock = flags.locked ? builder::LockMode::Locked : builder::LockMode::Update;
  if (flags.no_cache) options.cache = builder::CacheUse::Ignore;
  if (flags.expect_cached) options.cache = builder::CacheUse::Require;
  if (flags.no_tests) options.tests = builder::TestUse::Skip;
  options.tag = flags.tag;
  options.cite_previous = !flags.no_cite;
  options.explain = flags.explain;
  for (const auto& reference : flags.cite) {
    for (const auto& layer : context.store().load_image(context.store().resolve(reference)).layers)
      options.cite.push_back(layer.digest);
  }
  return builder::build(recipe, context.store(), options, context.pool(), context.events(), context.stop());
}

void print_result(const builder::BuildResult& result, bool as_json) {
  if (as_json) {
    fmt::print("{}\n", to_json(result).dump(2));
  } else {
    fmt::print("{} {}\n", result.tag, result.image.to_string());
  }
}

/// Several recipes: shared parents are built once, because the second recipe finds their layers by key.
int build_many(Context& context, const Flags& flags) {
  std::vector<std::vector<std::string>> rows{{"RECIPE", "RESULT", "LAYERS RUN", "IMAGE"}};
  Json json = Json::array();
  std::optional<Error> first_failure;
  for (const auto& what : flags.recipes) {
    try {
      const auto result = build_one(context, flags, what);
      const auto ran =
          std::count_if(result.layers.begin(), result.layers.end(), [](const auto& layer) { return !layer.cached; });
      rows.push_back({result.tag, ran == 0 ? "cached" : "built", fmt::format("{} of {}", ran, result.layers.size()),
                      result.image.short_hex()});
      json.push_back(to_json(result));
    } catch (const Error& failure) {
      if (!flags.keep_going) throw;
      if (!first_failure) first_failure = failure;
      for (const auto& diagnostic : failure.diagnostics()) context.events().note(render(diagnostic));
      rows.push_back({what, "failed", "-", failure.first().code});
      json.push_back({{"recipe", what}, {"error", failure.what()}, {"code", failure.first().code}});
    }
  }
  context.end_progress();
  if (flags.json) {
    fmt::print("{}\n", json.dump(2, ' ', false, Json::error_handler_t::replace));
  } else {
    fmt::print("{}", format_table(rows));
  }
  return first_failure ? first_failure->exit_code() : 0;
}

int run(Context& context, const Flags& flags) {
  if (flags.recipes.size() > 1) {
    if (flags.tag)
      throw Error({.kind = ErrorKind::Usage,
                   .code = "U016",
                   .message = "--tag names one image, and several recipes are given"});
    return build_many(context, flags);
  }
  const auto result = build_one(context, flags, flags.recipes.front());
  context.end_progress();
  print_result(result, flags.json);
  return 0;
}

}  // namespace

Command cmd_build() {
  auto flags = std::make_shared<Flags>();
  auto options = recipe_options(flags->recipe);
  options.front() = {.flags = "recipes",
                     .value = "RECIPE...",
                     .help = "files, directories or names of recipes",
                     .target = &flags->recipes,
                     .completes = Completes::Recipe,
                     .required = true};
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
           .help = "fail, and say why, when a layer would run",
           .target = &flags->expect_cached},
           {.flags = "--cite",
           .value = "IMAGE",
           .help = "share data with this image besides the previous build",
           .target = &flags->cite,
           .completes = Completes::Image},
           {.flags = "--no-cite", .help = "share no data with the previous build", .target = &flags->no_cite},
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
              "of that commit has the same packages. RECIPE is a file, a directory or a name in the catalog.",
          .examples = {"blueprint build examples/hello",
                       "blueprint build web.yaml --explain      # say why each layer runs",
                       "blueprint build web.yaml --locked       # CI: fail when the lock is stale",
                       "blueprint build web.yaml --mirror ubuntu=http://mirror.example/ubuntu",
                       "blueprint build recipes/*.yaml --keep-going    # many, with one summary",
                       "blueprint build -f Dockerfile .          # each instruction becomes a layer"},
          .options = std::move(options),
          .run = [flags](Context& context) { return run(context, *flags); }};
}

}  // namespace blueprint::cli
