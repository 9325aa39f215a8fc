#include <memory>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "builder/lock_check.h"
#include "builder/recipe_lock.h"
#include "builder/resolve_image.h"
#include "cli/build_flags.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "cli/table.h"

namespace blueprint::cli {
namespace {

constexpr int kStaleExitCode = 3;
constexpr const char* kEverything = "all";
constexpr const char* kSecurity = "security";

struct Flags {
  RecipeFlags recipe;
  bool check = false;
  std::string update;  ///< empty = not said
  bool json = false;
};

packages::UpdateScope scope_of(const std::string& words) {
  using What = packages::UpdateScope::What;
  if (words == kEverything) return {.what = What::Everything, .names = {}};
  if (words == kSecurity) return {.what = What::Security, .names = {}};
  packages::UpdateScope scope{.what = What::Named, .names = split(words, ',')};
  for (const auto& name : scope.names) {
    if (name.empty()) {
      throw Error(
          {.kind = ErrorKind::Usage,
           .code = "U002",
           .message = fmt::format("--update wants nothing, 'security' or NAME,NAME…, not '{}'", printable(words))});
    }
  }
  return scope;
}

Json to_json(const std::vector<packages::PackageChange>& changes) {
  Json list = Json::array();
  for (const auto& change : changes) {
    Json entry{{"change", packages::kind_name(change.kind)},
               {"layer", change.layer},
               {"package", change.name},
               {"architecture", change.architecture}};
    if (!change.from.empty()) entry["from"] = change.from;
    if (!change.to.empty()) entry["to"] = change.to;
    entry["suite"] = change.suite;
    entry["size_delta"] = change.size_delta;
    entry["security"] = change.security;
    if (change.gone) entry["gone"] = true;
    list.push_back(std::move(entry));
  }
  return list;
}

void print_json(const Json& json) { fmt::print("{}\n", format_json(json)); }

std::string day(std::int64_t seconds) {
  return fmt::format("{:%Y-%m-%d}", fmt::gmtime(static_cast<std::time_t>(seconds)));
}

void print_check_json(const builder::LockCheck& check) {
  Json json{{"lock", check.path.string()},
            {"exists", check.exists},
            {"stale", check.is_stale()},
            {"reasons", check.reasons()}};
  json["date"] = check.date ? Json(*check.date) : Json();
  json["age_seconds"] = check.age_seconds ? Json(*check.age_seconds) : Json();
  json["pending"] = check.pending ? to_json(*check.pending) : Json();
  if (!check.pending) json["pending_not_known"] = check.not_known;
  print_json(json);
}

void print_check(const builder::LockCheck& check) {
  const std::string path = check.path.string();
  if (check.age_seconds)
    fmt::print("{} has the archives of {}, {} ago\n", path, day(*check.date),
               builder::describe_age(*check.age_seconds));
  if (!check.pending) {
    fmt::print("pending updates are not known: {}\n", check.not_known);
  } else if (check.pending->empty()) {
    fmt::print("no updates are pending\n");
  } else {
    fmt::print("pending: {}\n", packages::count_changes(*check.pending));
    std::vector<std::vector<std::string>> rows{{"PACKAGE", "FROM", "TO", "SUITE", ""}};
    for (const auto& change : *check.pending) {
      const auto shown = [](const std::string& version) { return version.empty() ? "-" : version; };
      rows.push_back(
          {change.name, shown(change.from), shown(change.to), change.suite, change.security ? "security" : ""});
    }
    fmt::print("{}", format_table(rows));
  }
}

int run_check(Context& context, const Flags& flags) {
  const auto recipe = load_recipe(context, flags.recipe);
  const auto options = build_options(context, flags.recipe);
  const auto check = builder::check_lock(recipe, context.store(), options, options.now, context.pool(),
                                         context.events(), context.stop());
  context.end_progress();
  if (flags.json) {
    print_check_json(check);
    return check.is_stale() ? kStaleExitCode : 0;
  }
  if (check.exists) print_check(check);
  if (!check.is_stale()) return 0;
  (void)std::fflush(stdout);
  throw Error({.kind = ErrorKind::Recipe,
               .code = "K020",
               .message = check.exists
                              ? fmt::format("{} is stale: {}", check.path.string(), join(check.reasons(), "; "))
                              : fmt::format("{} does not exist", check.path.string()),
               .hints = {fmt::format("run 'blueprint lock {}{}' and commit the file", recipe.file,
                                     check.exists && check.misfit.empty() ? " --update" : "")}});
}

builder::LockRequest lock_request(const recipe::Recipe& recipe, const steps::Images& images,
                                  const builder::BuildOptions& options) {
  return {
      .recipe = recipe, .images = images, .mirrors = options.mirrors, .offline = options.offline, .now = options.now};
}

std::size_t count_packages(const packages::Lock& lock) {
  std::size_t count = 0;
  for (const auto& [layer, list] : lock.packages) count += list.size();
  return count;
}

packages::Lock before_of(const builder::LockUpdate& update) { return update.before.value_or(packages::Lock{}); }

void print_update_json(const builder::LockUpdate& update) {
  print_json({{"lock", update.path.string()},
              {"made", !update.before},
              {"packages", count_packages(update.now)},
              {"changes", to_json(packages::compare_locks(before_of(update), update.now, update.facts))}});
}

void print_update(const builder::LockUpdate& update) {
  if (!update.before) {
    fmt::print("made {} ({} packages)\n", update.path.string(), count_packages(update.now));
    return;
  }
  const auto text = packages::format_lock_changes(*update.before, update.now, update.facts);
  fmt::print("{}", text.empty() ? "no package changed\n" : text);
}

int run(Context& context, const Flags& flags) {
  if (flags.check && !flags.update.empty()) {
    throw Error(
        {.kind = ErrorKind::Usage, .code = "U019", .message = "--check changes nothing, --update does: say one"});
  }
  if (flags.check) return run_check(context, flags);
  const auto recipe = load_recipe(context, flags.recipe);
  builder::BuildOptions options = build_options(context, flags.recipe);
  // What a tag names is as old as the lock until everything is to become newer.
  if (flags.update == kEverything) options.lock = builder::LockMode::Refresh;
  const auto images =
      builder::resolve_images(recipe, context.store(), options, context.pool(), context.events(), context.stop());
  auto request = lock_request(recipe, images, options);
  if (flags.update.empty()) {
    auto before = builder::load_lock(recipe);
    auto now = builder::ensure_lock(request, context.store(), context.pool(), context.events(), context.stop());
    context.end_progress();
    const builder::LockUpdate update{builder::lock_path(recipe), std::move(before), std::move(now), {}};
    if (flags.json) {
      print_update_json(update);
    } else {
      fmt::print("{}\n", update.path.string());
    }
    return 0;
  }
  request.mode = builder::LockMode::Refresh;
  request.scope = scope_of(flags.update);
  const auto update = builder::update_lock(request, context.store(), context.pool(), context.events(), context.stop());
  context.end_progress();
  if (flags.json) {
    print_update_json(update);
  } else {
    print_update(update);
  }
  return 0;
}

}  // namespace

Command cmd_lock() {
  auto flags = std::make_shared<Flags>();
  auto options = recipe_options(flags->recipe);
  options.push_back({.flags = "--check",
                     .help = "say whether it is stale (exit 3), how old, and which updates are pending",
                     .target = &flags->check});
  options.push_back({.flags = "--update",
                     .help = "take newer versions and print what changed; =security: only those of security suites; "
                             "=NAME,NAME...: only these and what they need",
                     .target = &flags->update,
                     .bare = kEverything});
  options.push_back({.flags = "--json", .help = "print JSON", .target = &flags->json});
  return {
      .name = "lock",
      .summary = "Make, check or update the lock of a recipe.",
      .description =
          "The lock names every package that a build installs, by version and SHA-256. Without a flag: make it when "
          "it is missing, or\n"
          "bring it in line with the recipe, keeping the version of everything that it has. --update prints what "
          "changed as Markdown,\n"
          "fit for a pull request. A lock is stale when the recipe's packages or its parent changed, when it is older "
          "than the\n"
          "recipe's policy.refresh, or when a tag of a registry names another image now (--check asks; a build goes on "
          "with the lock's).",
      .examples = {"blueprint lock web.yaml", "blueprint lock web.yaml --check      # exit 3 when it is stale",
                   "blueprint lock web.yaml --check --offline        # without asking the archives",
                   "blueprint lock web.yaml --update     # newest versions of everything",
                   "blueprint lock web.yaml --update=security > changes.md",
                   "blueprint lock web.yaml --update=curl,openssl --json"},
      .options = std::move(options),
      .run = [flags](Context& context) { return run(context, *flags); }};
}

}  // namespace blueprint::cli
