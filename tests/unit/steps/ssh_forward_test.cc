#include "builder/steps/ssh_forward.h"

#include <cstring>
#include <optional>
#include <string>
#include <thread>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <catch2/catch.hpp>

#include "base/error.h"
#include "base/file.h"

namespace blueprint::steps {
namespace {

namespace fs = std::filesystem;

sockaddr_un address_of(const fs::path& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  REQUIRE(path.native().size() < sizeof(address.sun_path));
  std::memcpy(address.sun_path, path.c_str(), path.native().size());
  return address;
}

/// Answers each question with the question between brackets, one connection after the other, until it goes away.
class Answerer {
 public:
  explicit Answerer(const fs::path& path) : listener_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const auto address = address_of(path);
    REQUIRE(::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0);
    REQUIRE(::listen(listener_.get(), 8) == 0);
    thread_ = std::thread([this] {
      while (true) {
        const UniqueFd connection(::accept(listener_.get(), nullptr, nullptr));
        if (!connection) return;
        char question[64];
        for (ssize_t got = 0; (got = ::read(connection.get(), question, sizeof(question))) > 0;) {
          const std::string answer = "[" + std::string(question, static_cast<std::size_t>(got)) + "]";
          if (::send(connection.get(), answer.data(), answer.size(), MSG_NOSIGNAL) < 0) break;
        }
      }
    });
  }
  ~Answerer() {
    ::shutdown(listener_.get(), SHUT_RDWR);
    thread_.join();
  }

 private:
  UniqueFd listener_;
  std::thread thread_;
};

UniqueFd connect_to(const fs::path& path) {
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const auto address = address_of(path);
  REQUIRE(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0);
  return fd;
}

std::string ask(const UniqueFd& connection, const std::string& question) {
  REQUIRE(::send(connection.get(), question.data(), question.size(), MSG_NOSIGNAL) ==
          static_cast<ssize_t>(question.size()));
  char answer[64];
  const ssize_t got = ::read(connection.get(), answer, sizeof(answer));
  return got < 0 ? "" : std::string(answer, static_cast<std::size_t>(got));
}

}  // namespace

TEST_CASE("an agent is reached by a socket for one user, as often as it is asked") {
  const TempDir directory;
  const fs::path agent = directory.path() / "agent";
  const Answerer answerer(agent);
  std::optional<SshForward> forward;
  forward.emplace(directory.path() / "forward", agent, ::geteuid());
  struct stat status {};
  REQUIRE(::stat(forward->socket().c_str(), &status) == 0);
  CHECK((status.st_mode & 0777U) == 0600);
  CHECK(status.st_uid == ::geteuid());
  for (const char* name : {"one", "two"}) {
    const UniqueFd connection = connect_to(forward->socket());
    CHECK(ask(connection, name) == "[" + std::string(name) + "]");
    CHECK(ask(connection, "again") == "[again]");
  }
  const UniqueFd open = connect_to(forward->socket());
  CHECK(ask(open, "x") == "[x]");
  forward.reset();
  char byte = 0;
  CHECK(::read(open.get(), &byte, 1) == 0);
}

TEST_CASE("a socket where no agent listens is told before the script runs") {
  const TempDir directory;
  write_file_atomic(directory.path() / "file", "");
  for (const char* name : {"missing", "file"}) {
    try {
      const SshForward forward(directory.path() / "forward", directory.path() / name, 0);
      FAIL("no agent was missed");
    } catch (const Error& error) {
      CHECK(error.first().code == "X112");
      CHECK(error.first().kind == ErrorKind::Usage);
    }
  }
}

}  // namespace blueprint::steps
