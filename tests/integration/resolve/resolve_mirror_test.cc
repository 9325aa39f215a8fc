// The host's real mirror: our resolution beside apt-get's own, for the same indices.

#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>
#include <catch2/catch.hpp>

#include "base/error.h"
#include "base/text.h"
#include "tests/integration/resolve/archive.h"

using namespace blueprint;
using namespace blueprint::test;
namespace fs = std::filesystem;

namespace {

/// "name=version" of what `apt-get --simulate install` would install in a root of its own, given the lists that we
/// made.
std::set<std::string> apt_get(const fs::path& lists_state, const std::vector<std::string>& words) {
  const TempDir root;
  fs::create_directories(root.path() / "state");
  fs::create_directories(root.path() / "etc/preferences.d");
  write_file_atomic(root.path() / "status", "");
  const std::string config = fmt::format(
      "Dir \"{0}\"; Dir::Etc \"{0}/etc\"; Dir::Etc::main \"/dev/null\"; Dir::Etc::parts \"/dev/null\"; "
      "Dir::Etc::sourceparts \"/dev/null\";\n"
      "Dir::Etc::sourcelist \"{1}/sources.list\"; Dir::State \"{0}/state\"; Dir::State::lists \"{1}/lists\"; "
      "Dir::State::status \"{0}/status\";\n"
      "Dir::Cache \"{0}\"; Dir::Cache::pkgcache \"\"; Dir::Cache::srcpkgcache \"\"; Dir::Log \"{0}\"; "
      "APT::Architecture \"amd64\";\n"
      "APT::Architectures {{ \"amd64\"; }}; APT::Install-Recommends \"false\"; Acquire::Languages \"none\"; "
      "pkgCacheGen::ForceEssential \",\";\n"
      "APT::Get::Always-Include-Phased-Updates \"true\"; Debug::NoLocking \"true\";\n",
      root.path().string(), lists_state.string());
  write_file_atomic(root.path() / "apt.conf", config);
  Command command{.argv = {"apt-get", "--simulate", "--quiet", "install"},
                  .environment = std::vector<std::string>{"APT_CONFIG=" + (root.path() / "apt.conf").string(),
                                                          "LC_ALL=C", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"}};
  command.argv.insert(command.argv.end(), words.begin(), words.end());
  const auto finished = run(command);
  INFO(finished.err);
  REQUIRE(finished.status.success());
  std::set<std::string> packages;
  for (const auto& line : split(finished.out, '\n')) {  // Inst base-files (12.4 Debian:12/stable [amd64])
    const auto parts = split(line, ' ');
    if (parts.size() > 2 && parts[0] == "Inst") packages.insert(parts[1] + "=" + parts[2].substr(1));
  }
  return packages;
}

std::set<std::string> names(const packages::Resolution& resolution, const std::string& layer) {
  std::set<std::string> packages;
  for (const auto& package : resolution.packages.at(layer)) packages.insert(package.name + "=" + package.version);
  return packages;
}

}  // namespace

TEST_CASE("the packages are those that apt-get itself would install") {
  packages::ResolveRequest request;
  const TempDir directory;
  request.distribution = {.id = "debian", .release = "bookworm", .components = {"main"}};
  request.cache = directory.path() / "cache";
  const std::vector<std::string> words = {
      "systemd", "systemd-sysv",   "dbus",         "udev",   "ca-certificates", "curl",      "git",
      "python3", "python3-pip",    "python3-venv", "nodejs", "build-essential", "docker.io", "iptables",
      "sudo",    "openssh-client", "iproute2",     "jq",     "procps",          "less",      "vim-tiny"};
  request.asked = {{.layer = "base", .words = {}}, {.layer = "tools", .words = {}}};
  for (const auto& word : words) request.asked[1].words.push_back({word, {}});
  try {
    (void)request.mirrors.url("debian");
    (void)request.mirrors.keyring("debian");
  } catch (const Error& error) {
    WARN("skipped: this host has no Debian mirror of its own: " << error.what());
    return;
  }
  const auto resolution = resolve(request);
  const auto state = fs::directory_iterator(request.cache / "solver")->path();
  const auto base = apt_get(state, {"?essential", "apt"});
  CHECK(names(resolution, "base") == base);
  auto all = words;
  all.insert(all.begin(), {"?essential", "apt"});
  auto ours = names(resolution, "base");
  ours.merge(names(resolution, "tools"));
  CHECK(ours == apt_get(state, all));
  CHECK(ours.size() > 200);
  // Every dependency that the order can honour is honoured: libc6 and what it needs come before bash.
  const auto& list = resolution.packages.at("base");
  const auto position = [&](const std::string& name) {
    return std::find_if(list.begin(), list.end(), [&](const auto& package) { return package.name == name; }) -
           list.begin();
  };
  CHECK(position("libc6") < position("dash"));
  CHECK(position("debconf") < position("base-passwd"));
}
