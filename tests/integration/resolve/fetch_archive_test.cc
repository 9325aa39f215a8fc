// Downloading packages from a mirror that may be slow, broken or lying.

#include <algorithm>
#include <atomic>
#include <thread>

#include <fmt/format.h>
#include <catch2/catch.hpp>

#include "base/error.h"
#include "tests/integration/resolve/archive.h"

using namespace blueprint;
using namespace blueprint::test;
using Catch::Contains;
namespace fs = std::filesystem;

namespace {

const std::string kSpec = std::string(kBaseSpec) + R"(Package: big
Version: 1
Files:
 /usr/share/big size 400000

Package: small
Version: 1:2~rc1+b2
)";

/// Files in the directory: whole ones, whose content is what their name says, and any others.
using Count = std::vector<int>;

class Fetcher {
 public:
  explicit Fetcher(Archive& archive) : archive_(archive), resolution_(resolve(archive.request({"big", "small"}))) {
    for (const auto& [layer, list] : resolution_.packages) packages_.insert(packages_.end(), list.begin(), list.end());
  }
  std::uint64_t fetch(std::stop_token stop = {}) {
    NoEvents events;
    return fetch(std::move(stop), events);
  }
  std::uint64_t fetch(std::stop_token stop, Events& events) {
    const auto mirrors = archive_.mirrors();
    return packages::fetch_packages({.packages = packages_,
                                     .repositories = resolution_.repositories,
                                     .mirrors = mirrors,
                                     .debs = archive_.debs(),
                                     .offline = offline,
                                     .downloads = downloads_},
                                    events, "download", std::move(stop));
  }
  std::string failure() {
    return failure_of([&] { (void)fetch(); });
  }
  Count count() const {
    int whole = 0;
    int other = 0;
    for (const auto& entry : fs::directory_iterator(archive_.debs())) {
      const auto name = entry.path().filename().string();
      (name == sha256(read_file(entry.path())).hex() + ".deb" ? whole : other) += 1;
    }
    return {whole, other};
  }
  [[nodiscard]] fs::path place(const std::string& name) const {
    const auto found =
        std::find_if(packages_.begin(), packages_.end(), [&](const auto& package) { return package.name == name; });
    return archive_.debs() / (found->sha256.hex() + ".deb");
  }
  bool offline = false;

 private:
  Archive& archive_;
  packages::Resolution resolution_;
  std::vector<packages::LockedPackage> packages_;
  Claims downloads_;
};

}  // namespace

TEST_CASE("packages are downloaded once and kept by their digest") {
  Archive archive(kSpec);
  archive.serve();
  Fetcher fetcher(archive);
  (void)archive.take_log();
  const auto bytes = fetcher.fetch();
  CHECK(bytes > 400'000);
  CHECK(fetcher.count() == Count({6, 0}));
  CHECK(archive.take_log().size() == 6);
  CHECK(fetcher.fetch() == 0);
  CHECK(archive.take_log().empty());
  // A file that a power cut left short is fetched again.
  write_file_atomic(fetcher.place("big"), "short");
  CHECK(fetcher.fetch() > 400'000);
  CHECK(fetcher.count() == Count({6, 0}));
}

TEST_CASE("two who lack the same packages download them once between them") {
  Archive archive(kSpec);
  archive.serve({"slow */big_1_amd64.deb rate=800000"});
  Fetcher fetcher(archive);
  (void)archive.take_log();
  ThreadPool pool(2);
  TaskGroup group(pool);
  std::atomic<std::uint64_t> bytes = 0;
  for (int i = 0; i < 2; ++i) group.run([&] { bytes += fetcher.fetch(); });
  group.wait();
  CHECK(fetcher.count() == Count({6, 0}));
  CHECK(archive.take_log().size() == 6);
  CHECK(bytes > 400'000);
  CHECK(bytes < 800'000);
}

TEST_CASE("of two who lack a package the second tries when the first failed") {
  Archive archive(kSpec);
  archive.serve({"status */big_1_amd64.deb code=404 times=1"});
  Fetcher fetcher(archive);
  ThreadPool pool(2);
  TaskGroup group(pool);
  std::atomic<int> failures = 0;
  for (int i = 0; i < 2; ++i) {
    group.run([&] {
      try {
        (void)fetcher.fetch();
      } catch (const Error&) {
        ++failures;
      }
    });
  }
  group.wait();
  CHECK(failures == 1);
  CHECK(fetcher.count() == Count({6, 0}));
}

TEST_CASE("progress counts items and bytes up to what was announced, also over a broken transfer") {
  struct Recorder final : Events {
    void started(std::string_view stage, std::string_view) override { stages += fmt::format("+{} ", stage); }
    void progress(std::string_view, const Progress& now) override { last = now; }
    void output(std::string_view, std::string_view) override {}
    void finished(std::string_view stage, std::string_view) override { stages += fmt::format("-{} ", stage); }
    void note(std::string_view) override {}
    std::string stages;
    Progress last;
  };
  Archive archive(kSpec);
  archive.serve({"die */big_1_amd64.deb at=100000 times=1", "drop */small_* times=1"});
  Fetcher fetcher(archive);
  Recorder events;
  const auto bytes = fetcher.fetch({}, events);
  CHECK(events.stages == "+download -download ");
  CHECK(events.last.items == 6);
  CHECK(events.last.items_total == 6);
  CHECK(events.last.bytes == bytes);
  CHECK(events.last.bytes_total == bytes);
}

TEST_CASE("a directory serves as a mirror") {
  Archive archive(kSpec);
  Fetcher fetcher(archive);
  CHECK(fetcher.fetch() > 400'000);
  CHECK(fetcher.count() == Count({6, 0}));
}

TEST_CASE("a mirror that dies half-way is resumed from there") {
  Archive archive(kSpec);
  archive.serve({"die */big_1_amd64.deb at=100000 times=2"});
  Fetcher fetcher(archive);
  (void)archive.take_log();
  CHECK_NOTHROW(fetcher.fetch());
  CHECK(fetcher.count() == Count({6, 0}));
  const auto log = archive.take_log();
  CHECK(std::any_of(log.begin(), log.end(),
                    [](const auto& line) { return line.find("bytes=100000-") != std::string::npos; }));
}

TEST_CASE("one file that cannot be had is named, and all the others are kept") {
  Archive archive(kSpec);
  archive.serve({"status */big_1_amd64.deb code=404"});
  Fetcher fetcher(archive);
  CHECK_THAT(fetcher.failure(), Contains("the archive no longer has big 1 amd64: ") &&
                                    Contains("big_1_amd64.deb is not there [P050]") &&
                                    Contains("'blueprint lock --update' takes the version that the archive has now") &&
                                    Contains("while downloading big 1 amd64"));
  CHECK(fetcher.count() == Count({5, 0}));
  archive.clear_faults();
  (void)archive.take_log();
  CHECK(fetcher.fetch() > 400'000);
  CHECK(archive.take_log().size() == 1);
}

TEST_CASE("a file with other content is refused and not kept") {
  Archive archive(kSpec);
  archive.serve({"corrupt */big_1_amd64.deb"});
  Fetcher fetcher(archive);
  CHECK_THAT(fetcher.failure(), Contains("the download of big 1 amd64 is not what the lock names") &&
                                    Contains("expected") && Contains("[P051]"));
  CHECK(fetcher.count() == Count({5, 0}));
  archive.clear_faults();
  archive.fault("truncate */big_1_amd64.deb at=1000");
  CHECK_THAT(fetcher.failure(), Contains("[P051]"));
  CHECK(fetcher.count() == Count({5, 0}));
}

TEST_CASE("offline, what is missing is listed") {
  Archive archive(kSpec);
  Fetcher fetcher(archive);
  fetcher.offline = true;
  CHECK_THAT(fetcher.failure(), Contains("6 packages are not in the store and the build is offline [P052]") &&
                                    Contains("missing: small 1:2~rc1+b2 amd64"));
  fetcher.offline = false;
  CHECK_NOTHROW(fetcher.fetch());
  fetcher.offline = true;
  CHECK(fetcher.fetch() == 0);
}

TEST_CASE("a stop request interrupts a slow mirror, and leaves only whole files") {
  Archive archive(kSpec);
  archive.serve({"stall */big_1_amd64.deb at=1000"});
  Fetcher fetcher(archive);
  (void)archive.take_log();
  std::stop_source stop;
  std::jthread stopper([&](const std::stop_token& test_ended) {
    // The server logs the stalled transfer when it has sent its first bytes.
    while (!test_ended.stop_requested()) {
      const auto lines = archive.take_log();
      if (std::any_of(lines.begin(), lines.end(),
                      [](const auto& line) { return line.find(" stall ") != std::string::npos; })) {
        break;
      }
      std::this_thread::yield();
    }
    stop.request_stop();
  });
  CHECK_THROWS_AS(fetcher.fetch(stop.get_token()), Interrupted);
  CHECK(fetcher.count()[1] == 0);
}

TEST_CASE("a directory that cannot be written to stops the download at once") {
  Archive archive(kSpec);
  Fetcher fetcher(archive);
  write_file_atomic(archive.debs().parent_path() / "debs", "a file");
  CHECK_THAT(fetcher.failure(), Contains("error: cannot create") && Contains("Not a directory [B001]"));
}
