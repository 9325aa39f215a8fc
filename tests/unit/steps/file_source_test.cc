#include "builder/steps/file_source.h"

#include <map>

#include <sys/stat.h>
#include <catch2/catch.hpp>

namespace blueprint::steps {
namespace {

namespace fs = std::filesystem;

/// Files in a directory that goes away.
struct Beside {
  TempDir directory;
  InputDigests digests{directory.path() / "digests"};

  Beside() {
    for (const char* name : {"app/package.json", "app/web/package.json", "app/web/main.js", "app/docs/a/b.md"}) {
      fs::create_directories((directory.path() / name).parent_path());
      write_file_atomic(directory.path() / name, "x");
    }
    ::chmod((directory.path() / "app/web/main.js").c_str(), 0755);
  }
  /// Path → mode of what `copy` copies from app.
  std::map<std::string, std::uint32_t> copied(recipe::CopyStep copy) {
    copy.from.value = "app";
    const HostFiles source(std::move(copy), directory.path().string(), digests);
    std::map<std::string, std::uint32_t> modes;
    for (const auto& file : source.files()) modes.emplace(file.path, file.metadata.mode);
    return modes;
  }
};

}  // namespace

TEST_CASE("only what is included is copied, and the directories that hold it") {
  Beside beside;
  CHECK(beside.copied({.include = {"**/package.json", "/docs/a"}}) ==
        std::map<std::string, std::uint32_t>{{"", 0755},
                                             {"docs", 0755},
                                             {"docs/a", 0755},
                                             {"docs/a/b.md", 0644},
                                             {"package.json", 0644},
                                             {"web", 0755},
                                             {"web/package.json", 0644}});
  CHECK(beside.copied({.include = {"package.json"}, .exclude = {"/web"}}) ==
        std::map<std::string, std::uint32_t>{{"", 0755}, {"package.json", 0644}});
  CHECK(beside.copied({.include = {"/none"}}) == std::map<std::string, std::uint32_t>{{"", 0755}});
}

TEST_CASE("a change of the mode counts for files and directories, octal digits for files") {
  Beside beside;
  const auto changed = beside.copied({.mode_change = "u=rwX,go=X"});
  CHECK(changed.at("web") == 0711);
  CHECK(changed.at("web/main.js") == 0711);
  CHECK(changed.at("package.json") == 0600);
  const auto same = beside.copied({.mode = 0640});
  CHECK(same.at("web") == 0755);
  CHECK(same.at("web/main.js") == 0640);
}

}  // namespace blueprint::steps
