// What we make of a set of packages, beside what mmdebstrap makes of the same packages of the same mirror: the same
// names, types, modes, owners, extended attributes, links and bytes, and the same dpkg status. What may differ is the
// table below.
//
// Needs the host's Debian mirror and mmdebstrap.
#include <catch2/catch.hpp>

#include <fnmatch.h>

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "base/process.h"
#include "base/text.h"
#include "builder/packages/install.h"
#include "tests/integration/resolve/archive.h"
#include "tree_snapshot.h"

using namespace blueprint;
using namespace blueprint::packages;
namespace fs = std::filesystem;

namespace {

struct Allowed {
  const char* pattern;  ///< fnmatch(3) of the path; '*' matches '/' too
  const char* reason;
};

/// Paths that may differ in any way.
constexpr Allowed kAllowed[] = {
    {"dev/*", "mmdebstrap packs device nodes; ours come from devtmpfs"},
    {"run/*", "a tmpfs on a running machine"},
    {"etc/hostname", "mmdebstrap copies the host's"},
    {"etc/resolv.conf", "mmdebstrap copies the host's"},
    {"etc/fstab", "mmdebstrap writes an empty one; our disk is the kernel's root"},
    {"etc/apt/sources.list", "mmdebstrap writes the host's; ours is the recipe's, in sources.list.d"},
    {"etc/apt/sources.list.d*", "the same"},
    {"var/lib/apt/*", "apt's lists and states: mmdebstrap asks apt, we write extended_states ourselves"},
    {"var/cache/apt/*", "the same"},
    {"etc/.pwd.lock", "normalised: a lock file"},
    {"etc/*-", "normalised: backup copies"},
    {"var/cache/debconf/*-old", "normalised: backup copies"},
    {"var/lib/dpkg/*-old", "normalised: backup copies"},
    {"var/lib/dpkg/lock*", "normalised: lock files"},
    {"var/lib/dpkg/triggers/Lock", "normalised: a lock file"},
    {"var/lib/systemd/catalog/database", "normalised: systemd-journal-catalog-update makes it at the first boot"},
    {"var/cache/man/*", "normalised: made again by a timer"},
    {"var/log/*", "normalised: logs; mmdebstrap's tar drops the ACL of the journal's directory"},
    {"etc/machine-id", "both are empty; systemd-machine-id-setup makes it 0444, mmdebstrap makes it anew"},
    {"*/__pycache__/*.pyc", "Python writes sets in the order of its hash seed: ours is 0, mmdebstrap's random"},
    {"usr/bin/gunzip",
     "one file with two names in the package; installing it twice, as mmdebstrap does, separates them"},
    {"usr/bin/uncompress", "the same"},
};

const char* reason_for(const std::string& path) {
  for (const auto& allowed : kAllowed) {
    if (::fnmatch(allowed.pattern, path.c_str(), 0) == 0) return allowed.reason;
  }
  return nullptr;
}

std::string unexpected_differences(const test::TreeSnapshot& ours, const test::TreeSnapshot& theirs) {
  std::string text;
  for (const auto& [path, entry] : ours) {
    if (reason_for(path) != nullptr) continue;
    const auto other = theirs.find(path);
    if (other == theirs.end()) {
      text += fmt::format("only ours: {} {}\n", path, entry.to_string());
    } else if (other->second != entry) {
      text += fmt::format("{}: ours {}, theirs {}\n", path, entry.to_string(), other->second.to_string());
    }
  }
  for (const auto& [path, entry] : theirs) {
    if (reason_for(path) == nullptr && !ours.contains(path))
      text += fmt::format("only theirs: {} {}\n", path, entry.to_string());
  }
  return text;
}

struct Case {
  TempDir directory;
  Mirrors mirrors;
  std::vector<std::string> words;
  Resolution resolution;
  ThreadPool pool;
  NoEvents events;

  /// False when this host cannot run the comparison; says why.
  bool prepare() {
    try {
      (void)mirrors.url("debian");
      (void)mirrors.keyring("debian");
    } catch (const Error& error) {
      WARN("skipped: this host has no Debian mirror of its own: " << error.what());
      return false;
    }
    if (!find_program("mmdebstrap")) {
      WARN("skipped: mmdebstrap is not installed");
      return false;
    }
    return true;
  }

  /// Layers "base" and "tools"; words in `base_words` are asked for in the bootstrap itself.
  void resolve_and_fetch(const std::vector<std::string>& base_words, const std::vector<std::string>& tool_words) {
    ResolveRequest request;
    request.distribution = {
        .id = "debian", .release = "bookworm", .components = {"main"}, .pockets = {"release", "updates", "security"}};
    request.cache = directory.path() / "cache";
    request.mirrors = mirrors;
    request.asked = {{.layer = "base", .words = {}}, {.layer = "tools", .words = {}}};
    for (const auto& word : base_words) request.asked[0].words.push_back({word, {}});
    for (const auto& word : tool_words) request.asked[1].words.push_back({word, {}});
    if (tool_words.empty()) request.asked.pop_back();
    resolution = test::resolve(request);
    fs::create_directories(directory.path() / "debs");
    Claims downloads;
    for (const auto& [layer, list] : resolution.packages) {
      fetch_packages({.packages = list,
                      .repositories = resolution.repositories,
                      .mirrors = mirrors,
                      .debs = directory.path() / "debs",
                      .downloads = downloads},
                     events, "fetch", {});
    }
    words = base_words;
    words.insert(words.end(), tool_words.begin(), tool_words.end());
  }

  InstallRequest request_for(const std::string& layer) {
    InstallRequest request;
    request.packages = resolution.packages.at(layer);
    request.debs = directory.path() / "debs";
    request.bootstrap = layer == "base";
    request.epoch = resolution.epoch;
    request.stage = layer;
    return request;
  }

  /// Installs a layer on top of `lower`, with `threads` threads, and gives its upper directory and the merged tree's
  /// snapshot.
  std::pair<fs::path, test::TreeSnapshot> install(const std::string& layer, const std::vector<fs::path>& lower) {
    const fs::path work = directory.path() / layer;
    fs::create_directories(work);
    rootfs::BuildRoot root({.lower = lower, .work = work, .epoch = resolution.epoch});
    install_packages(root, request_for(layer), pool, events, {});
    // The merged tree is nowhere in the file system: only its descriptor leads there.
    auto merged = test::snapshot(fmt::format("/proc/self/fd/{}", root.root().fd()));
    root.close();
    return {work / "upper", std::move(merged)};
  }

  fs::path mmdebstrap() {
    const fs::path root = directory.path() / "mmdebstrap";
    const Finished finished = run(
        {.argv = {"mmdebstrap", "--mode=root", "--format=directory", "--variant=apt", "--include=" + join(words, ","),
                  "bookworm", root.string()},
         .environment = std::vector<std::string>{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8", "HOME=/root",
                                                 fmt::format("SOURCE_DATE_EPOCH={}", resolution.epoch)}});
    INFO(finished.err);
    REQUIRE(finished.status.success());
    return root;
  }
};

std::string status_text(const fs::path& root) { return read_file(root / "var/lib/dpkg/status"); }

}  // namespace

TEST_CASE("a base with the scripts that matter equals mmdebstrap's", "[small]") {
  Case c;
  if (!c.prepare()) return;
  // A diversion in a preinst (vim-runtime), file capabilities, setuid, debconf, conffiles, triggers, alternatives,
  // users.
  c.resolve_and_fetch({"vim", "iputils-ping", "sudo", "tzdata", "man-db", "ca-certificates", "dbus", "locales"}, {});
  const auto [upper, ours] = c.install("base", {});
  const fs::path theirs = c.mmdebstrap();
  CHECK(unexpected_differences(ours, test::snapshot(theirs)) == "");
  CHECK(status_text(upper) == status_text(theirs));
}

TEST_CASE("the packages of an agent's machine equal mmdebstrap's, in one layer on a base", "[large]") {
  Case c;
  if (!c.prepare()) return;
  c.resolve_and_fetch(
      {}, {"systemd", "systemd-sysv",   "dbus",         "udev",   "ca-certificates", "curl",      "git",
           "python3", "python3-pip",    "python3-venv", "nodejs", "build-essential", "docker.io", "iptables",
           "sudo",    "openssh-client", "iproute2",     "jq",     "procps",          "less",      "vim-tiny"});
  const fs::path base = c.install("base", {}).first;
  const auto [upper, ours] = c.install("tools", {base});
  const fs::path theirs = c.mmdebstrap();
  CHECK(unexpected_differences(ours, test::snapshot(theirs)) == "");
  CHECK(status_text(upper) == status_text(theirs));
}
