#include <algorithm>
#include <memory>

#include <fmt/format.h>

#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include "builder/recipe/compose.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "cli/table.h"

namespace blueprint::cli {
namespace {

using Catalog = std::vector<recipe::RecipeSummary>;

struct Flags {
  std::string word;
  bool json = false;
};

const char* kind_of(const recipe::RecipeSummary& entry) {
  return entry.kind == recipe::RecipeSummary::Kind::Recipe ? "recipe" : "fragment";
}

/// The entry of that name alone, else those that have the word in name or description.
Catalog matching(const Catalog& catalog, const std::string& word) {
  Catalog found;
  for (const auto& entry : catalog) {
    if (entry.name == word) return {entry};
    if (entry.name.find(word) != std::string::npos || entry.description.find(word) != std::string::npos)
      found.push_back(entry);
  }
  if (!found.empty()) return found;
  std::vector<std::string> names;
  for (const auto& entry : catalog) names.push_back(entry.name);
  Diagnostic diagnostic{
      .kind = ErrorKind::Usage,
      .code = "U018",
      .message = fmt::format("nothing in the catalog has '{}' in its name or description", printable(word))};
  if (const auto near = near_names(word, names); !near.empty()) diagnostic.hints.push_back(did_you_mean(near));
  throw Error(std::move(diagnostic));
}

Json to_json(const recipe::RecipeSummary& entry) {
  Json params = Json::array();
  for (const auto& param : entry.params) {
    Json json{{"name", param.name}, {"type", param.type}};
    if (param.fallback) json["default"] = *param.fallback;
    if (!param.choices.empty()) json["choices"] = param.choices;
    params.push_back(std::move(json));
  }
  Json json{{"name", entry.name},
            {"kind", kind_of(entry)},
            {"file", entry.file},
            {"description", entry.description},
            {"params", params}};
  if (!entry.from.empty()) json["from"] = entry.from;
  return json;
}

void print_table(const Catalog& catalog) {
  std::vector<std::vector<std::string>> rows{{"NAME", "KIND", "DESCRIPTION"}};
  for (const auto& entry : catalog) rows.push_back({entry.name, kind_of(entry), printable(entry.description)});
  fmt::print("{}", format_table(rows));
}

void print_one(const recipe::RecipeSummary& entry) {
  fmt::print("{} ({})\n  {}\n  file: {}\n", entry.name, kind_of(entry), printable(entry.description), entry.file);
  if (!entry.from.empty()) fmt::print("  from: {}\n", printable(entry.from));
  if (!entry.params.empty()) fmt::print("  params:\n");
  for (const auto& param : entry.params) {
    fmt::print("    {}: {}{}{}\n", param.name, param.type,
               param.choices.empty() ? "" : fmt::format(", one of {}", printable(join(param.choices, ", "))),
               param.fallback ? fmt::format(", default {}", printable(*param.fallback)) : ", no default");
  }
  const bool is_recipe = entry.kind == recipe::RecipeSummary::Kind::Recipe;
  fmt::print("  {}{}\n", is_recipe ? "to build on it: from: " : "to insert it: - use: ", entry.name);
}

int run(Context& context, const Flags& flags) {
  Catalog catalog = recipe::list_recipes(context.search());
  if (!flags.word.empty()) catalog = matching(catalog, flags.word);
  if (flags.json) {
    Json json = Json::array();
    for (const auto& entry : catalog) json.push_back(to_json(entry));
    fmt::print("{}\n", format_json(json));
  } else if (!flags.word.empty() && catalog.size() == 1) {
    print_one(catalog.front());
  } else {
    print_table(catalog);
  }
  return 0;
}

}  // namespace

Command cmd_recipes() {
  auto flags = std::make_shared<Flags>();
  return {
      .name = "recipes",
      .summary = "List the recipes and fragments of the catalog.",
      .description =
          "A recipe is built, or named by 'from'; a fragment is inserted by 'use'. With a word, those that have it "
          "in name or\n"
          "description; one alone is shown with its params. Further catalogs: 'catalogs' in the configuration file.",
      .examples = {"blueprint recipes", "blueprint recipes python",
                   "blueprint recipes runtimes/python      # its params and their defaults"},
      .options = {{.flags = "word",
                   .value = "WORD",
                   .help = "a name, or a word to look for",
                   .target = &flags->word,
                   .completes = Completes::Recipe},
                  {.flags = "--json", .help = "print JSON", .target = &flags->json}},
      .run = [flags](Context& context) { return run(context, *flags); }};
}

}  // namespace blueprint::cli
