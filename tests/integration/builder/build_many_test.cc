// Several builds in one process. The recipes have layers of files alone, on an image that the test makes: they need
// neither network nor root, and go through everything that builds share: store, locks, keys, index, pool.

#include "builder/build_many.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <set>

#include <catch2/catch.hpp>

#include "builder/plan_build.h"
#include "tests/integration/store/image_fixture.h"

namespace blueprint::builder {
namespace {

namespace fs = std::filesystem;
using Outcome = RecipeReport::Outcome;

/// Keeps what it is told.
class Recorder final : public Events {
 public:
  void started(std::string_view stage, std::string_view) override { add(stages_, stage); }
  void progress(std::string_view, const Progress&) override {}
  void output(std::string_view, std::string_view) override {}
  void finished(std::string_view stage, std::string_view) override { add(finished_, stage); }
  void note(std::string_view text) override { add(notes_, text); }

  [[nodiscard]] std::vector<std::string> stages() const { return stages_; }
  [[nodiscard]] std::vector<std::string> finished() const { return finished_; }
  [[nodiscard]] bool noted(std::string_view part) const {
    return std::ranges::any_of(notes_, [&](const auto& note) { return note.find(part) != std::string::npos; });
  }

 private:
  void add(std::vector<std::string>& list, std::string_view text) {
    const std::lock_guard lock(mutex_);
    list.emplace_back(text);
  }
  std::mutex mutex_;
  std::vector<std::string> stages_;
  std::vector<std::string> finished_;
  std::vector<std::string> notes_;
};

struct House : layers::TestStore {
  TempDir recipes;
  Recorder recorder;

  House() { put_image("scratch", {add_layer({}, {layers::put_directory(""), layers::put_directory("etc")}, "root")}); }

  fs::path write(const std::string& name, const std::string& from, const std::string& layers) const {
    const fs::path path = recipes.path() / (name + ".yaml");
    write_file_atomic(path, "apiVersion: blueprint/v1\nname: " + name + "\nfrom: " + from + "\nlayers:\n" + layers);
    return path;
  }
  static std::string file(const std::string& path, const std::string& content) {
    return "  - files: [{path: " + path + ", content: \"" + content + "\"}]\n";
  }

  std::vector<RecipeReport> build(const std::vector<fs::path>& asked, BuildManyOptions options = {}) {
    options.recipes_at_once = 4;
    return build_many(load_recipe_graph(asked, options.build.search), store, options, pool, recorder, {});
  }
};

std::map<std::string, Outcome> outcomes(const std::vector<RecipeReport>& reports) {
  std::map<std::string, Outcome> map;
  for (const auto& report : reports) map[report.recipe] = report.outcome;
  return map;
}

}  // namespace

TEST_CASE("a shared parent is built once, and everything on it at the same time") {
  House house;
  house.write("base", "scratch", House::file("/etc/base", "base"));
  std::vector<fs::path> asked;
  for (int i = 0; i < 12; ++i) {
    const std::string name = "app" + std::to_string(i);
    asked.push_back(house.write(name, "base", House::file("/etc/app", name) + House::file("/etc/more", name)));
  }
  const auto reports = house.build(asked);
  REQUIRE(reports.size() == 13);
  CHECK(reports[0].recipe == "base");
  CHECK(reports[0].asked == RecipeNode::Asked::No);
  std::set<Digest> images;
  for (const auto& report : reports) {
    INFO(report.recipe);
    CHECK(report.outcome == Outcome::Built);
    REQUIRE(report.result);
    CHECK(report.stored_bytes() > 0);
    images.insert(report.result->image);
    CHECK(house.store.tags().at(report.recipe + ":latest") == report.result->image);
  }
  CHECK(images.size() == 13);
  const auto stages = house.recorder.stages();
  CHECK(std::ranges::count(stages, "base/files-1") == 1);
  CHECK(std::ranges::count(stages, "app3/files-2") == 1);
  CHECK(house.recorder.noted("app3: built, 2 of 2 layers ran"));

  // The same bytes as when each is built by itself, and nothing runs again.
  for (const auto& report : house.build(asked)) {
    CHECK(report.outcome == Outcome::Cached);
    CHECK(images.contains(report.result->image));
  }
  for (const auto& plan : plan_build(load_recipe_graph(asked, {}), house.store, {})) {
    INFO(plan.recipe);
    CHECK(plan.nothing_to_do());
  }
}

TEST_CASE("two recipes with the same layers on the same parent build them once") {
  House house;
  const std::string layers = House::file("/etc/same", "same") + House::file("/etc/also", "also");
  std::vector<fs::path> asked;
  for (int i = 0; i < 8; ++i) asked.push_back(house.write("twin" + std::to_string(i), "scratch", layers));
  const auto reports = house.build(asked);
  std::size_t ran = 0;
  for (const auto& report : reports) ran += report.layers_run();
  CHECK(ran == 2);
}

TEST_CASE("what stands on a recipe that failed is skipped with the reason, and the rest is built") {
  House house;
  // A file below a file of the parent image.
  house.write("broken", "scratch", House::file("/etc/base", "x"));
  const fs::path bad = house.write("bad", "broken", House::file("/etc/base/below", "x"));
  const fs::path child = house.write("child", "bad", House::file("/etc/child", "x"));
  const fs::path grandchild = house.write("grandchild", "child", House::file("/etc/grandchild", "x"));
  const fs::path good = house.write("good", "broken", House::file("/etc/good", "x"));
  const fs::path unreadable = house.write("unreadable", "scratch", "  - pakages: [x]\n");
  const auto reports = house.build({grandchild, good, unreadable}, {.on_failure = OnFailure::KeepGoing});
  const auto outcome = outcomes(reports);
  CHECK(outcome.at("broken") == Outcome::Built);
  CHECK(outcome.at("bad") == Outcome::Failed);
  CHECK(outcome.at("child") == Outcome::Skipped);
  CHECK(outcome.at("grandchild") == Outcome::Skipped);
  CHECK(outcome.at("good") == Outcome::Built);
  for (const auto& report : reports) {
    if (report.outcome == Outcome::Skipped) CHECK(report.skipped_because == "its parent 'bad' failed");
    if (report.recipe == "bad") CHECK(report.failure->first().code == "R102");
    if (report.file.filename() == "unreadable.yaml") CHECK(report.failure->first().code == "R012");
  }
  CHECK(house.recorder.noted("R102"));
  // Each stage that began has ended, but that of the layer that failed.
  CHECK(house.recorder.stages().size() == house.recorder.finished().size() + 1);
}

TEST_CASE("without keep-going, nothing begins after a failure") {
  House house;
  const fs::path bad = house.write("bad", "scratch", House::file("/etc/x", "x") + House::file("/etc/x/below", "x"));
  // The rules of the language see that one; this one is only seen when its parent is there.
  house.write("parent", "scratch", House::file("/etc/x", "x"));
  const fs::path late = house.write("late", "parent", House::file("/etc/x/below", "x"));
  const fs::path after = house.write("after", "late", House::file("/etc/after", "x"));
  CHECK_THROWS_AS(house.build({bad, after}), Error);
  CHECK(house.recorder.stages().empty());
  const auto outcome = outcomes(house.build({after}));
  CHECK(outcome.at("parent") == Outcome::Built);
  CHECK(outcome.at("late") == Outcome::Failed);
  CHECK(outcome.at("after") == Outcome::Skipped);
}

TEST_CASE("what must be cached and is not fails with what missed") {
  House house;
  const fs::path one = house.write("one", "scratch", House::file("/etc/one", "x"));
  const fs::path two = house.write("two", "scratch", House::file("/etc/two", "x"));
  CHECK(outcomes(house.build({one})).at("one") == Outcome::Built);
  BuildManyOptions options{.on_failure = OnFailure::KeepGoing};
  options.build.cache = CacheUse::Require;
  const auto reports = house.build({one, two}, options);
  CHECK(reports[0].outcome == Outcome::Cached);
  REQUIRE(reports[1].outcome == Outcome::Failed);
  CHECK(reports[1].failure->first().code == "X110");
  CHECK(reports[1].failure->first().message.find("files-1") != std::string::npos);
}

TEST_CASE("a stop ends all builds under way") {
  House house;
  std::vector<fs::path> asked;
  for (int i = 0; i < 6; ++i)
    asked.push_back(house.write("app" + std::to_string(i), "scratch", House::file("/etc/app", std::to_string(i))));
  std::stop_source stop;
  stop.request_stop();
  const RecipeGraph graph = load_recipe_graph(asked, {});
  CHECK_THROWS_AS(build_many(graph, house.store, {.recipes_at_once = 3}, house.pool, house.recorder, stop.get_token()),
                  Interrupted);
  CHECK(house.store.tags().size() == 1);
}

TEST_CASE("the plan of several recipes says what changes in which, and why") {
  House house;
  house.write("base", "scratch", House::file("/etc/base", "base"));
  const fs::path web = house.write("web", "base", House::file("/etc/web", "web"));
  const fs::path other = house.write("other", "scratch", House::file("/etc/other", "other"));
  const auto plan = [&] { return plan_build(load_recipe_graph({web, other}, {}), house.store, {}); };
  auto plans = plan();
  REQUIRE(plans.size() == 3);
  CHECK(plans[0].lock_changes.size() == 1);
  CHECK(plans[1].layers[0].reasons == std::vector<std::string>{"an image that it is made of is made anew"});
  (void)house.build({web, other});
  CHECK(std::ranges::all_of(plan(), [](const auto& each) { return each.nothing_to_do(); }));

  house.write("base", "scratch", House::file("/etc/base", "changed"));
  plans = plan();
  CHECK(plans[0].layers[0].fate == PlannedLayerReport::Fate::Runs);
  CHECK(plans[0].layers[0].estimated_seconds);
  CHECK(plans[1].layers[0].fate == PlannedLayerReport::Fate::Unknown);
  CHECK(plans[1].layers[0].estimated_seconds);
  CHECK(plans[2].nothing_to_do());

  // A change that runs no layer makes the image anew, and with it what builds on it.
  write_file_atomic(house.recipes.path() / "base.yaml",
                    "apiVersion: blueprint/v1\nname: base\nfrom: scratch\nenv: {MODE: fast}\nlayers:\n" +
                        House::file("/etc/base", "base"));
  plans = plan();
  REQUIRE(plans[0].layers.size() == 2);
  CHECK(plans[0].layers[0].fate == PlannedLayerReport::Fate::Cached);
  CHECK(plans[0].layers[1].name == "image");
  CHECK(plans[0].layers[1].reasons == std::vector<std::string>{"env MODE is new: fast"});
  CHECK_FALSE(plans[1].nothing_to_do());
}

}  // namespace blueprint::builder
