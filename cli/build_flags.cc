#include "cli/build_flags.h"

#include <chrono>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "builder/recipe/dockerfile.h"
#include "cli/secret_source.h"
#include "cli/version.h"

namespace blueprint::cli {
namespace {

std::pair<std::string, std::string> split_pair(const std::string& word, const char* flag) {
  const std::size_t equals = word.find('=');
  if (equals == std::string::npos || equals == 0) {
    throw Error({.kind = ErrorKind::Usage,
                 .code = "U002",
                 .message = fmt::format("{} wants NAME=VALUE, not '{}'", flag, printable(word))});
  }
  return {word.substr(0, equals), word.substr(equals + 1)};
}

}  // namespace

std::vector<Option> recipe_options(RecipeFlags& flags) {
  return {{.flags = "recipe",
           .value = "RECIPE",
           .help = "file, directory or name of the recipe",
           .target = &flags.recipe,
           .completes = Completes::Recipe,
           .required = true},
          {.flags = "--file,-f",
           .value = "DOCKERFILE",
           .help = "build this Dockerfile; RECIPE is its context directory",
           .target = &flags.dockerfile,
           .completes = Completes::File},
          {.flags = "--target", .value = "STAGE", .help = "stage of the Dockerfile to build", .target = &flags.target},
          {.flags = "--mirror",
           .value = "NAME=URL",
           .help = "where a distribution's archive is: ubuntu=URL",
           .target = &flags.mirrors},
          {.flags = "--param",
           .value = "NAME=VALUE",
           .help = "set a parameter of the recipe, or an ARG of the Dockerfile",
           .target = &flags.params},
          {.flags = "--offline", .help = "use no network: lock and packages must be there", .target = &flags.offline}};
}

recipe::Recipe load_recipe(Context& context, const RecipeFlags& flags) {
  recipe::ParamValues params;
  for (const auto& word : flags.params) params.insert(split_pair(word, "--param"));
  if (flags.dockerfile.empty()) return recipe::load_recipe(flags.recipe, context.search(), params);
  auto result =
      recipe::load_dockerfile(flags.dockerfile, flags.recipe,
                              {.build_args = params, .aliases = context.settings().aliases, .target = flags.target});
  for (const auto& warning : result.warnings) context.events().note(render(warning));
  return std::move(result.recipe);
}

builder::BuildOptions build_options(Context& context, const RecipeFlags& flags) {
  builder::BuildOptions options{.search = context.search(), .mirrors = context.mirrors()};
  for (const auto& word : flags.mirrors) {
    const auto [name, url] = split_pair(word, "--mirror");
    options.mirrors.by_name[name] = url;
  }
  options.offline = flags.offline;
  for (const auto& word : flags.params) options.params.insert(split_pair(word, "--param"));
  options.version = version_number();
  options.now =
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
  options.epoch = context.settings().epoch;
  options.secret = read_secret;
  return options;
}

}  // namespace blueprint::cli
