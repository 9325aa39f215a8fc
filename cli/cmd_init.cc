#include <filesystem>
#include <memory>

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "builder/recipe/compose.h"
#include "cli/commands.h"
#include "cli/context.h"

namespace blueprint::cli {
namespace {

namespace fs = std::filesystem;

struct Flags {
  std::string file = "blueprint.yaml";
  std::string name;
  std::string from;
  std::vector<std::string> use;
  std::vector<std::string> packages;
};

void require_known(const std::vector<recipe::RecipeSummary>& catalog, const std::string& name,
                   recipe::RecipeSummary::Kind kind) {
  std::vector<std::string> names;
  for (const auto& entry : catalog) {
    if (entry.kind != kind) continue;
    if (entry.name == name) return;
    names.push_back(entry.name);
  }
  const bool recipe = kind == recipe::RecipeSummary::Kind::Recipe;
  Diagnostic diagnostic{
      .kind = ErrorKind::Usage,
      .code = "U014",
      .message = fmt::format("the catalog has no {} '{}'", recipe ? "recipe" : "fragment", printable(name))};
  if (const auto near = near_names(name, names); !near.empty()) diagnostic.hints.push_back(did_you_mean(near));
  diagnostic.hints.emplace_back("'blueprint recipes' lists what there is");
  throw Error(std::move(diagnostic));
}

int run(Context& context, Flags flags) {
  const fs::path file = flags.file;
  if (fs::exists(file)) {
    throw Error({.kind = ErrorKind::Usage,
                 .code = "U015",
                 .message = fmt::format("{} exists already", file.string()),
                 .hints = {"name another file"}});
  }
  const auto catalog = recipe::list_recipes(context.search());
  require_known(catalog, flags.from, recipe::RecipeSummary::Kind::Recipe);
  for (const auto& fragment : flags.use) require_known(catalog, fragment, recipe::RecipeSummary::Kind::Fragment);
  if (flags.name.empty()) flags.name = fs::absolute(file).parent_path().filename().string();
  std::string text = fmt::format("apiVersion: blueprint/v1\nname: {}\ndescription: \"\"\nfrom: {}\n\nlayers:\n",
                                 flags.name, flags.from);
  for (const auto& fragment : flags.use) text += fmt::format("  - use: {}\n", fragment);
  if (!flags.packages.empty())
    text += fmt::format("  - name: packages\n    packages: [{}]\n", join(flags.packages, ", "));
  text += "  - name: greeting\n    files:\n      - {path: /etc/motd, content: \"hello\\n\"}\n";
  // What is written is valid, or nothing is: the new file goes through the same reader as any other.
  write_file_atomic(file, text);
  try {
    (void)recipe::load_recipe(file, context.search());
  } catch (const Error&) {
    fs::remove(file);
    throw;
  }
  fmt::print("{}\n", file.string());
  context.events().note(fmt::format("next: blueprint build {}", file.string()));
  return 0;
}

}  // namespace

Command cmd_init() {
  auto flags = std::make_shared<Flags>();
  return {.name = "init",
          .summary = "Start a recipe from the catalog.",
          .examples = {"blueprint init --from debian-12-x86_64 --use runtimes/python --package git",
                       "blueprint init web.yaml --from hello"},
          .options =
              {{.flags = "file",
                .value = "FILE",
                .help = "file to write (default blueprint.yaml)",
                .target = &flags->file,
                .completes = Completes::File},
               {.flags = "--from",
                .value = "RECIPE",
                .help = "recipe to build on",
                .target = &flags->from,
                .completes = Completes::Recipe,
                .required = true},
               {.flags = "--name",
                .value = "NAME",
                .help = "name of the image (default: the directory's)",
                .target = &flags->name},
               {.flags = "--use", .value = "FRAGMENT", .help = "insert a fragment (repeatable)", .target = &flags->use},
               {.flags = "--package",
                .value = "NAME",
                .help = "install a package (repeatable)",
                .target = &flags->packages}},
          .run = [flags](Context& context) { return run(context, *flags); }};
}

}  // namespace blueprint::cli
