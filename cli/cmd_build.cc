#include <memory>

#include <fmt/format.h>

#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include "builder/build.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "cli/table.h"

namespace blueprint::cli {
namespace {

struct Flags {
  std::string recipe;
  std::optional<std::string> tag;
  std::vector<std::string> mirrors;
  std::vector<std::string> params;
  std::vector<std::string> cite;
  bool locked = false;
  bool offline = false;
  bool no_cache = false;
  bool expect_cached = false;
  bool no_cite = false;
  bool no_tests = false;
  bool explain = false;
  bool json = false;
};

std::pair<std::string, std::string> split_pair(const std::string& word, const char* flag) {
  const std::size_t equals = word.find('=');
  if (equals == std::string::npos || equals == 0) {
    throw Error({.kind = ErrorKind::Usage, .code = "U002", .message = fmt::format("{} wants NAME=VALUE, not '{}'", flag, printable(word))});
  }
  return {word.substr(0, equals), word.substr(equals + 1)};
}

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
  recipe::ParamValues params;
  for (const auto& word : flags.params) params.insert(split_pair(word, "--param"));
  const auto recipe = recipe::load_recipe(flags.recipe, context.search(), params);
  builder::BuildOptions options{.search = context.search(), .mirrors = context.mirrors()};
  for (const auto& word : flags.mirrors) {
    const auto [name, url] = split_pair(word, "--mirror");
    options.mirrors.by_name[name] = url;
  }
  options.lock = flags.locked ? builder::LockMode::Locked : builder::LockMode::Update;
  if (flags.no_cache) options.cache = builder::CacheUse::Ignore;
  if (flags.expect_cached) options.cache = builder::CacheUse::Require;
  if (flags.no_tests) options.tests = builder::TestUse::Skip;
  options.offline = flags.offline;
  options.epoch = context.settings().epoch;
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
  return {.name = "build",
          .summary = "Build a recipe into an image.",
          .description = "Runs only the layers whose inputs changed. The first build writes a lock beside the recipe: commit it, and every build\n"
                         "of that commit has the same packages. RECIPE is a file, a directory or a name in the catalog.",
          .examples = {"blueprint build examples/hello", "blueprint build web.yaml --explain      # say why each layer runs",
                       "blueprint build web.yaml --locked       # CI: fail when the lock is stale",
                       "blueprint build web.yaml --mirror ubuntu=http://mirror.example/ubuntu"},
          .options = {{.flags = "recipe", .value = "RECIPE", .help = "file, directory or name of the recipe", .target = &flags->recipe, .completes = Completes::Recipe, .required = true},
                      {.flags = "--tag,-t", .value = "NAME", .help = "tag the image so (default: the recipe's name)", .target = &flags->tag, .completes = Completes::Image},
                      {.flags = "--mirror", .value = "NAME=URL", .help = "where a distribution's archive is: ubuntu=URL", .target = &flags->mirrors},
                      {.flags = "--param", .value = "NAME=VALUE", .help = "set a parameter of the recipe", .target = &flags->params},
                      {.flags = "--locked", .help = "fail (exit 3) when the lock is missing or stale", .target = &flags->locked},
                      {.flags = "--offline", .help = "use no network: lock and packages must be there", .target = &flags->offline},
                      {.flags = "--explain", .help = "say why each layer runs", .target = &flags->explain},
                      {.flags = "--no-cache", .help = "run every layer again", .target = &flags->no_cache},
                      {.flags = "--expect-cached", .help = "fail, and say why, when a layer would run", .target = &flags->expect_cached},
                      {.flags = "--cite", .value = "IMAGE", .help = "share data with this image besides the previous build", .target = &flags->cite, .completes = Completes::Image},
                      {.flags = "--no-cite", .help = "share no data with the previous build", .target = &flags->no_cite},
                      {.flags = "--no-tests", .help = "do not run the recipe's tests", .target = &flags->no_tests},
                      {.flags = "--json", .help = "print the result as JSON", .target = &flags->json}},
          .run = [flags](Context& context) { return run(context, *flags); }};
}

}  // namespace blueprint::cli
