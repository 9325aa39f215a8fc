#include <memory>

#include <fmt/format.h>

#include "base/error.h"
#include "base/json.h"
#include "builder/recipe/compose.h"
#include "cli/build_flags.h"
#include "cli/commands.h"
#include "cli/context.h"

namespace blueprint::cli {
namespace {

struct Flags {
  std::vector<std::string> recipes;
  bool json = false;
};

Json to_json(const Diagnostic& diagnostic) {
  Json json{{"code", diagnostic.code},
            {"message", diagnostic.message},
            {"hints", diagnostic.hints},
            {"context", diagnostic.context}};
  if (const auto& where = diagnostic.where) {
    json["file"] = where->file;
    json["line"] = where->line;
    json["column"] = where->column;
  }
  return json;
}

int run(Context& context, const Flags& flags) {
  std::vector<Diagnostic> faults;
  const auto files = recipe_files(flags.recipes, recipe::Fragments::Include);
  const auto search = search_path(context, flags.recipes);
  for (const auto& recipe : files) {
    try {
      recipe::lint_recipe_file(recipe, search);
    } catch (const Error& error) {
      faults.insert(faults.end(), error.diagnostics().begin(), error.diagnostics().end());
    }
  }
  if (flags.json) {
    Json json = Json::array();
    for (const auto& fault : faults) json.push_back(to_json(fault));
    fmt::print("{}\n", format_json(json));
    return faults.empty() ? 0 : exit_code(ErrorKind::Recipe);
  }
  if (!faults.empty()) throw Error(std::move(faults));
  fmt::print("{} recipe{}: no faults\n", files.size(), files.size() == 1 ? "" : "s");
  return 0;
}

}  // namespace

Command cmd_lint() {
  auto flags = std::make_shared<Flags>();
  return {.name = "lint",
          .summary = "Check recipes, and report every fault at once.",
          .description =
              "Reads files only: no network, no store. A directory stands for all recipes and fragments below it. Exit "
              "code 3 "
              "when there is a fault.",
          .examples = {"blueprint lint recipes/", "blueprint lint web.yaml --json"},
          .options = {{.flags = "recipes",
                       .value = "RECIPE...",
                       .help = "recipes to check",
                       .target = &flags->recipes,
                       .completes = Completes::Recipe,
                       .required = true},
                      {.flags = "--json", .help = "print the faults as JSON", .target = &flags->json}},
          .run = [flags](Context& context) { return run(context, *flags); }};
}

}  // namespace blueprint::cli
