#include "cli/build_flags.h"

#include <chrono>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "builder/base_config.h"
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

std::vector<Option> recipe_options(RecipeFlags& flags, std::vector<std::string>& words) {
  auto options = recipe_options(flags);
  options.front() = {.flags = "recipes",
                     .value = "RECIPE...",
                     .help = "files, names or directories of recipes",
                     .target = &words,
                     .completes = Completes::Recipe,
                     .required = true};
  return options;
}

recipe::ParamValues param_values(const RecipeFlags& flags) {
  recipe::ParamValues params;
  for (const auto& word : flags.params) params.insert(split_pair(word, "--param"));
  return params;
}

std::vector<std::filesystem::path> recipe_files(const std::vector<std::string>& words, recipe::Fragments fragments) {
  std::vector<std::filesystem::path> files;
  for (const auto& word : words) {
    for (auto& file : recipe::expand_recipes(word, fragments)) files.push_back(std::move(file));
  }
  return files;
}

recipe::SearchPath search_path(Context& context, const std::vector<std::string>& words) {
  recipe::SearchPath search;
  for (const auto& word : words) {
    if (recipe::is_catalog(word)) search.catalogs.emplace_back(word);
  }
  for (auto& catalog : context.search().catalogs) search.catalogs.push_back(std::move(catalog));
  return search;
}

recipe::Recipe load_recipe(Context& context, const RecipeFlags& flags) {
  const auto params = param_values(flags);
  if (flags.dockerfile.empty()) return recipe::load_recipe(flags.recipe, context.search(), params);
  const recipe::SearchPath search = context.search();
  recipe::Recipe asker;  // what the file will amount to, as far as the way to its base is concerned
  asker.file = flags.dockerfile;
  asker.directory = flags.recipe;
  const auto base_config = [&](const recipe::Text& image) {
    return builder::find_base_config(
        image, asker,
        {.search = search,
         .store = [&]() -> layers::Store& { return context.store(); },
         .registries = context.registries(),
         .network = flags.offline ? builder::OciRequest::Network::Offline : builder::OciRequest::Network::Use,
         .stop = context.stop()});
  };
  auto result = recipe::load_dockerfile(flags.dockerfile, flags.recipe,
                                        {.build_args = params,
                                         .aliases = context.settings().aliases,
                                         .target = flags.target,
                                         .base_config = base_config});
  for (const auto& warning : result.warnings) context.events().note(render(warning));
  return std::move(result.recipe);
}

builder::RecipeGraph load_graph(Context& context, const RecipeFlags& flags, const std::vector<std::string>& words) {
  if (flags.dockerfile.empty())
    return builder::load_recipe_graph(recipe_files(words), search_path(context, words), param_values(flags));
  if (words.size() > 1) throw one_image_only("--file");
  RecipeFlags one = flags;
  one.recipe = words.front();
  return builder::recipe_graph_of(load_recipe(context, one), context.search());
}

Error one_image_only(std::string_view flag) {
  return Error({.kind = ErrorKind::Usage,
                .code = "U016",
                .message = fmt::format("{} makes one image, and several recipes are given", flag)});
}

builder::BuildOptions build_options(Context& context, const RecipeFlags& flags) {
  builder::BuildOptions options{
      .search = context.search(), .mirrors = context.mirrors(), .registries = context.registries()};
  for (const auto& word : flags.mirrors) {
    const auto [name, url] = split_pair(word, "--mirror");
    options.mirrors.by_name[name] = url;
  }
  options.offline = flags.offline;
  options.params = param_values(flags);
  options.version = version_number();
  options.now =
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
  options.epoch = context.settings().epoch;
  options.secret = read_secret;
  return options;
}

}  // namespace blueprint::cli
