#include <memory>

#include <fmt/format.h>

#include "base/json.h"
#include "base/text.h"
#include "builder/build.h"
#include "cli/build_flags.h"
#include "cli/commands.h"
#include "cli/context.h"

namespace blueprint::cli {
namespace {

struct Flags {
  RecipeFlags recipe;
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

int run(Context& context, const Flags& flags) {
  const auto recipe = load_recipe(context, flags.recipe);
  builder::BuildOptions options = build_options(context, flags.recipe);
  options.lock = flags.locked ? builder::LockMode::Locked : builder::LockMode::Update;
  if (flags.no_cache) options.cache = builder::CacheUse::Ignore;
  if (flags.expect_cached) options.cache = builder::CacheUse::Require;
  if (flags.no_tests) options.tests = builder::TestUse::Skip;
  options.tag = flags.tag;
  options.cite_previous = !flags.no_cite;
  options.explain = flags.explain;
  for (const auto& reference : flags.cite) {
    for (const auto& layer : context.store().load_image(context.store().resolve(reference)).layers) options.cite.push_back(layer.digest);
  }
  const auto result = builder::build(recipe, context.store(), options, context.pool(), context.events(), context.stop());
  context.end_progress();
  if (flags.json) {
    fmt::print("{}\n", to_json(result).dump(2));
  } else {
    fmt::print("{} {}\n", result.tag, result.image.to_string());
  }
  return 0;
}

}  // namespace

Command cmd_build() {
  auto flags = std::make_shared<Flags>();
  auto options = recipe_options(flags->recipe);
  for (auto& option : std::vector<Option>{
           {.flags = "--tag,-t", .value = "NAME", .help = "tag the image so (default: the recipe's name)", .target = &flags->tag, .completes = Completes::Image},
           {.flags = "--locked", .help = "fail (exit 3) when the lock is missing or stale", .target = &flags->locked},
           {.flags = "--explain", .help = "say why each layer runs", .target = &flags->explain},
           {.flags = "--no-cache", .help = "run every layer again", .target = &flags->no_cache},
           {.flags = "--expect-cached", .help = "fail, and say why, when a layer would run", .target = &flags->expect_cached},
           {.flags = "--cite", .value = "IMAGE", .help = "share data with this image besides the previous build", .target = &flags->cite, .completes = Completes::Image},
           {.flags = "--no-cite", .help = "share no data with the previous build", .target = &flags->no_cite},
           {.flags = "--no-tests", .help = "do not run the recipe's tests", .target = &flags->no_tests},
           {.flags = "--json", .help = "print the result as JSON", .target = &flags->json}}) {
    options.push_back(std::move(option));
  }
  return {.name = "build",
          .summary = "Build a recipe into an image.",
          .description = "Runs only the layers whose inputs changed. The first build writes a lock beside the recipe: commit it, and every build\n"
                         "of that commit has the same packages. RECIPE is a file, a directory or a name in the catalog.",
          .examples = {"blueprint build examples/hello", "blueprint build web.yaml --explain      # say why each layer runs",
                       "blueprint build web.yaml --locked       # CI: fail when the lock is stale",
                       "blueprint build web.yaml --mirror ubuntu=http://mirror.example/ubuntu",
                       "blueprint build -f Dockerfile .          # each instruction becomes a layer"},
          .options = std::move(options),
          .run = [flags](Context& context) { return run(context, *flags); }};
}

}  // namespace blueprint::cli
