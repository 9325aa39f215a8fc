#include <memory>

#include <fmt/format.h>

#include "base/json.h"
#include "base/text.h"
#include "builder/recipe/compose.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "cli/table.h"

namespace blueprint::cli {

Command cmd_recipes() {
  auto as_json = std::make_shared<bool>(false);
  return {.name = "recipes",
          .summary = "List the recipes and fragments of the catalog.",
          .description =
              "A recipe is built, or named by 'from'; a fragment is inserted by 'use'. Further catalogs: 'catalogs' in "
              "the configuration file.",
          .examples = {"blueprint recipes"},
          .options = {{.flags = "--json", .help = "print JSON", .target = as_json.get()}},
          .run = [as_json](Context& context) {
            Json json = Json::array();
            std::vector<std::vector<std::string>> rows{{"NAME", "KIND", "DESCRIPTION"}};
            for (const auto& entry : recipe::list_recipes(context.search())) {
              const char* kind = entry.kind == recipe::RecipeSummary::Kind::Recipe ? "recipe" : "fragment";
              json.push_back(
                  {{"name", entry.name}, {"kind", kind}, {"file", entry.file}, {"description", entry.description}});
              rows.push_back({entry.name, kind, printable(entry.description)});
            }
            if (*as_json) {
              fmt::print("{}\n", json.dump(2));
            } else {
              fmt::print("{}", format_table(rows));
            }
            return 0;
          }};
}

}  // namespace blueprint::cli
