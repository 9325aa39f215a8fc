#include "builder/steps/failed_root.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/json.h"

namespace blueprint::steps {
namespace fs = std::filesystem;
namespace {

constexpr const char* kDescription = "failed.json";

fs::path directory_of(const layers::Store& store, std::string_view recipe) {
  // Recipe names hold slashes ("acme/base"); a digest makes one flat, safe name of any.
  return store.root() / "failed" / sha256(recipe).short_hex();
}

}  // namespace

void keep_failed_root(const layers::Store& store, FailedRoot root, TempDir work) {
  const fs::path directory = directory_of(store, root.recipe);
  drop_failed_root(store, root.recipe);
  fs::create_directories(directory);
  const fs::path from = work.keep();
  fs::rename(from, directory / "work");
  Json lower = Json::array();
  for (const auto& path : root.lower) lower.push_back(path.string());
  const Json json{{"lower", lower},          {"epoch", root.epoch},     {"recipe", root.recipe},
                  {"stage", root.stage},     {"command", root.command}, {"environment", root.environment},
                  {"workdir", root.workdir}, {"uid", root.uid},         {"gid", root.gid}};
  // The environment of a step may hold what others should not read.
  write_file_atomic(directory / kDescription, format_json(json) + "\n", 0600);
}

FailedRoot load_failed_root(const layers::Store& store, std::string_view recipe) {
  fs::path newest;
  fs::file_time_type newest_time;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(store.root() / "failed", ignored)) {
    const fs::path description = entry.path() / kDescription;
    const auto time = fs::last_write_time(description, ignored);
    if (ignored || (!recipe.empty() && entry.path() != directory_of(store, recipe))) continue;
    if (newest.empty() || time > newest_time) {
      newest = entry.path();
      newest_time = time;
    }
  }
  if (newest.empty()) {
    throw Error({.kind = ErrorKind::Store,
                 .code = "S040",
                 .message = recipe.empty() ? "no failed step is kept in this store"
                                           : fmt::format("no failed step of '{}' is kept in this store", recipe),
                 .hints = {"a root is kept when a 'run' or 'packages' layer fails, until that recipe builds again"}});
  }
  const Json json = parse_json(read_file(newest / kDescription), (newest / kDescription).string());
  try {
    FailedRoot root{.work = newest / "work",
                    .epoch = json.at("epoch"),
                    .recipe = json.at("recipe"),
                    .stage = json.at("stage"),
                    .command = json.at("command"),
                    .environment = json.at("environment"),
                    .workdir = json.at("workdir"),
                    .uid = json.at("uid"),
                    .gid = json.at("gid")};
    for (const auto& path : json.at("lower")) root.lower.emplace_back(path.get<std::string>());
    return root;
  } catch (const Json::exception&) {
    throw Error({.kind = ErrorKind::Store,
                 .code = "S041",
                 .message = fmt::format("{} is damaged", (newest / kDescription).string()),
                 .hints = {fmt::format("remove {} and build again", newest.string())}});
  }
}

void drop_failed_root(const layers::Store& store, std::string_view recipe) { remove_tree(directory_of(store, recipe)); }

}  // namespace blueprint::steps
