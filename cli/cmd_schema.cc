#include <fmt/format.h>

#include "builder/recipe/recipe.h"
#include "cli/commands.h"
#include "cli/context.h"

namespace blueprint::cli {

Command cmd_schema() {
  return {.name = "schema",
          .summary = "Print the JSON Schema of the recipe language.",
          .description =
              "Made from the table that the parser uses. Editors with a YAML language server complete and check "
              "recipes by it.",
          .examples = {"blueprint schema > blueprint.schema.json"},
          .run = [](Context&) {
            fmt::print("{}", recipe::recipe_schema());
            return 0;
          }};
}

}  // namespace blueprint::cli
