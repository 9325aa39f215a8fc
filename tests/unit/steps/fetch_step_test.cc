#include "builder/steps/fetch_step.h"

#include <optional>

#include <catch2/catch.hpp>

#include "base/events.h"
#include "base/file.h"

using namespace blueprint;
namespace fs = std::filesystem;

namespace {

struct Fetching {
  TempDir directory;
  layers::Store store{directory.path() / "store"};
  ThreadPool pool{1};
  NoEvents events;
  Claims downloads;
  layers::FileTree tree{std::vector<std::shared_ptr<const layers::LayerIndex>>{}};
  std::vector<layers::LayerRef> parent;
  std::vector<Digest> cite;
  fs::path upstream = directory.path() / "upstream";
  Digest digest;

  explicit Fetching(std::string_view content) : digest(sha256(content)) { write_file_atomic(upstream, content); }

  std::string fetch(steps::Network network = steps::Network::Use) {
    recipe::FetchStep fetch;
    fetch.url.value = "file://" + upstream.string();
    fetch.sha256.value = digest.hex();
    fetch.to.value = "/opt/file";
    const auto output = steps::FetchStep(fetch, {.network = network})
                            .apply({.store = store,
                                    .pool = pool,
                                    .events = events,
                                    .stop = {},
                                    .downloads = downloads,
                                    .parent = parent,
                                    .cite = cite,
                                    .tree = tree});
    for (const auto& planned : output.changes) {
      if (const auto* file = std::get_if<layers::HostFile>(&planned.source)) return read_file(file->path);
    }
    return "no file";
  }
};

}  // namespace

TEST_CASE("a fetched file is kept, and found again without its server") {
  Fetching here("bytes");
  CHECK(here.fetch() == "bytes");
  fs::remove(here.upstream);
  CHECK(here.fetch() == "bytes");
  CHECK(here.fetch(steps::Network::Offline) == "bytes");
}

TEST_CASE("a file that another build of this process is downloading is waited for") {
  Fetching here("bytes");
  fs::remove(here.upstream);
  std::optional<Claims::Claim> other(here.downloads.take({&here.digest, 1}));
  ThreadPool pool(1);
  TaskGroup group(pool);
  std::string fetched;
  group.run([&] { fetched = here.fetch(); });
  write_file_atomic(here.store.deb_path(here.digest), "bytes");
  other.reset();
  group.wait();
  CHECK(fetched == "bytes");
}

TEST_CASE("a file that has rotten in the store does not reach an image") {
  Fetching here("bytes");
  CHECK(here.fetch() == "bytes");
  write_file_atomic(here.store.deb_path(here.digest), "bytez");
  CHECK_THROWS_WITH(here.fetch(steps::Network::Offline), Catch::Contains("X121"));
  CHECK(here.fetch() == "bytes");
}

TEST_CASE("bytes that are not those of the recipe are refused and not kept") {
  Fetching here("bytes");
  write_file_atomic(here.upstream, "other");
  CHECK_THROWS_WITH(here.fetch(), Catch::Contains("X123"));
  CHECK_FALSE(fs::exists(here.store.deb_path(here.digest)));
}
