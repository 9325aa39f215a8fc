#include "tests/integration/resolve/archive.h"

#include <stdexcept>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "base/error.h"
#include "base/text.h"

namespace blueprint::test {
namespace fs = std::filesystem;
namespace {

fs::path tool(const char* name) { return fs::path(BLUEPRINT_ARCHIVE_TOOLS) / name; }

}  // namespace

const char* const kBaseSpec = R"(Package: base-files
Version: 13
Essential: yes

Package: libc
Version: 2

Package: shell
Version: 5
Essential: yes
Pre-Depends: libc (>= 2)

Package: apt
Version: 2.7
Depends: libc

)";

Archive::Archive(std::string_view spec, std::vector<std::string> arguments) {
  for (std::size_t i = 0; i + 1 < arguments.size(); ++i) {
    if (arguments[i] == "--layout") layout_ = arguments[i + 1];
  }
  publish(spec, std::move(arguments));
}

void Archive::publish(std::string_view spec, std::vector<std::string> arguments) {
  Command command{
      .argv = {"python3", "-B", tool("make_archive.py").string(), "synthetic", path().string(), "--layout", layout_}};
  command.argv.insert(command.argv.end(), arguments.begin(), arguments.end());
  const auto finished = run(command, spec);
  if (!finished.status.success()) throw std::runtime_error("make_archive.py: " + finished.err);
}

void Archive::serve(const std::vector<std::string>& faults) {
  int down[2];
  int up[2];
  if (::pipe2(down, O_CLOEXEC) != 0 || ::pipe2(up, O_CLOEXEC) != 0) throw os_error("create a pipe");
  const UniqueFd server_in(down[0]);
  to_server_.reset(down[1]);
  from_server_.reset(up[0]);
  const UniqueFd server_out(up[1]);
  Command command{.argv = {"python3", "-B", tool("serve.py").string(), path().string(), "--log",
                           (directory_.path() / "log").string()},
                  .stdin_fd = server_in.get(),
                  .stdout_fd = server_out.get()};
  for (const auto& fault : faults) {
    command.argv.emplace_back("--fault");
    command.argv.push_back(fault);
  }
  server_ = std::make_unique<ChildProcess>(command);
  port_ = std::stoi(read_line().substr(5));
}

std::string Archive::read_line() {
  std::string line;
  char c = 0;
  while (::read(from_server_.get(), &c, 1) == 1 && c != '\n') line += c;
  return line;
}

void Archive::tell(const std::string& line) {
  write_all(to_server_.get(), line + "\n", "the server's stdin");
  if (const auto answer = read_line(); answer != "ok") throw std::runtime_error("serve.py: " + answer);
}

std::vector<std::string> Archive::take_log() {
  // Read from where the last call stopped: truncating the file would lose what the server writes in between.
  const auto text = read_file_if_exists(directory_.path() / "log").value_or("");
  const auto end = text.rfind('\n');
  if (end == std::string::npos || end < log_taken_) return {};
  auto lines = split(std::string_view(text).substr(log_taken_, end - log_taken_), '\n');
  log_taken_ = end + 1;
  std::erase(lines, "");
  return lines;
}

std::string Archive::url() const {
  return server_ ? fmt::format("http://127.0.0.1:{}", port_) : "file://" + path().string();
}

packages::Mirrors Archive::mirrors() const {
  packages::Mirrors mirrors;
  mirrors.by_name = {{"debian", url() + "/debian"},
                     {"debian-security", url() + "/debian-security"},
                     {"ubuntu", url() + "/ubuntu"},
                     {"ubuntu-snapshot", url() + "/ubuntu"},
                     {"debian-snapshot", url() + "/debian"}};
  return mirrors;
}

packages::ResolveRequest Archive::request() const {
  packages::ResolveRequest request;
  request.distribution.id = layout_;
  request.distribution.release = layout_ == "debian" ? "bookworm" : "noble";
  request.distribution.components = {"main"};
  request.distribution.keyring = {(path() / "keyring.gpg").string(), {}};
  request.asked.push_back({.layer = "base", .words = {}});
  request.mirrors = mirrors();
  request.cache = directory_.path() / "cache";
  return request;
}

packages::ResolveRequest Archive::request(const std::vector<std::string>& words) const {
  auto whole = request();
  packages::Asked tools{.layer = "tools", .words = {}};
  for (const auto& word : words) {
    const int line = static_cast<int>(tools.words.size()) + 1;
    tools.words.push_back({word, {.file = "recipe.yaml", .line = line, .column = 5, .length = 1, .text = {}}});
  }
  whole.asked.push_back(std::move(tools));
  return whole;
}

std::string versions(const packages::Resolution& resolution, const std::string& layer) {
  std::vector<std::string> words;
  for (const auto& package : resolution.packages.at(layer)) words.push_back(package.name + "=" + package.version);
  return join(words, " ");
}

packages::Resolution resolve(const packages::ResolveRequest& request, std::stop_token stop) {
  ThreadPool pool(2);
  NoEvents events;
  return packages::resolve_packages(request, pool, events, std::move(stop));
}

std::string failure_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    std::string text;
    for (const auto& diagnostic : error.diagnostics()) text += render(diagnostic);
    return text;
  }
  return "";
}

}  // namespace blueprint::test
