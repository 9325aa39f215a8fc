#include "builder/recipe_tests.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "builder/plan/key_record.h"
#include "builder/recipe/pattern.h"
#include "builder/rootfs/build_root.h"
#include "builder/steps/accounts.h"
#include "builder/steps/command_step.h"
#include "builder/steps/output_tail.h"

namespace blueprint::builder {
namespace {

constexpr const char* kStage = "tests";

plan::KeyRecord tests_key(const recipe::Recipe& recipe, const layers::ImageRecord& image) {
  plan::KeyRecord record(recipe.name.value, kStage);
  record.add("kind", "tests 2");
  record.add("content", image.config.content_digest.to_string());
  record.add("user", image.config.user);
  record.add("workdir", image.config.workdir);
  for (const auto& [name, value] : image.config.env) record.add("env " + name, value);
  for (const auto& test : recipe.tests) {
    record.add("test " + test.run.value, fmt::format("exit {} expect {}", test.exit_code, test.expect.value_or("")));
  }
  return record;
}

rootfs::RunOptions options_of(const recipe::RecipeTest& test, const layers::ImageConfig& config,
                              const rootfs::BuildRoot& root) {
  const steps::Accounts accounts(root.root().read_file_if_exists("etc/passwd").value_or(""),
                                 root.root().read_file_if_exists("etc/group").value_or(""));
  const auto user = accounts.resolve_user({.value = config.user});
  rootfs::RunOptions options{.argv = {"/bin/sh", "-e", "-c", test.run.value},
                             .environment = {fmt::format("HOME={}", user.home), fmt::format("USER={}", user.name)},
                             .workdir = config.workdir.empty() ? "/" : config.workdir,
                             .uid = user.uid,
                             .gid = user.gid,
                             .groups = accounts.groups_of(user)};
  for (const auto& [name, value] : config.env) options.environment.push_back(name + "=" + value);
  return options;
}

std::optional<Diagnostic> run_test(const recipe::RecipeTest& test, const layers::ImageConfig& config,
                                   rootfs::BuildRoot& root, Events& events, std::stop_token stop) {
  std::string output;
  constexpr std::size_t kMostKept = 1 << 20;
  const ExitStatus status = root.run(
      options_of(test, config, root),
      [&](std::string_view chunk) {
        events.output(kStage, chunk);
        if (output.size() < kMostKept) output += chunk;
      },
      stop);
  Diagnostic diagnostic{.kind = ErrorKind::Step};
  if (status.signal != 0 || status.code != test.exit_code) {
    diagnostic.code = "T001";
    diagnostic.message = fmt::format("the test '{}' ended with {}, not exit code {}", printable(test.run.value),
                                     status.to_string(), test.exit_code);
  } else if (test.expect && !recipe::is_found(*test.expect, output)) {
    diagnostic.code = "T002";
    diagnostic.message =
        fmt::format("the output of the test '{}' does not match '{}'", printable(test.run.value), *test.expect);
  } else {
    return std::nullopt;
  }
  if (test.where.line > 0) diagnostic.where = test.where;
  steps::OutputTail tail;
  tail.add(output);
  for (const auto& line : tail.lines()) diagnostic.context.push_back("  | " + printable(line));
  return diagnostic;
}

}  // namespace

bool tests_passed(const recipe::Recipe& recipe, const layers::ImageRecord& image, const layers::Store& store) {
  return recipe.tests.empty() || store.find_key(tests_key(recipe, image).digest());
}

void run_recipe_tests(const recipe::Recipe& recipe, const layers::ImageRecord& image, layers::Store& store,
                      ThreadPool& pool, Events& events, std::stop_token stop) {
  if (tests_passed(recipe, image, store)) return;
  events.started(kStage, fmt::format("testing {}", recipe.name.value));
  TempDir work(store.tmp(), "tests-");
  rootfs::BuildRoot root({.lower = steps::ensure_trees(store, image.layers, pool, events),
                          .work = work.path(),
                          .epoch = image.config.epoch});
  std::vector<Diagnostic> failures;
  for (const auto& test : recipe.tests) {
    if (auto failure = run_test(test, image.config, root, events, stop)) failures.push_back(std::move(*failure));
  }
  root.close();
  events.finished(kStage, fmt::format("{} of {} passed", recipe.tests.size() - failures.size(), recipe.tests.size()));
  if (!failures.empty()) throw Error(std::move(failures));
  const plan::KeyRecord key = tests_key(recipe, image);
  store.put_key(key.digest(),
                {.layer = {.digest = image.digest, .name = kStage}, .record = key.to_json(), .facts = "{}"});
}

}  // namespace blueprint::builder
