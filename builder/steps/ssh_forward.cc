// The agent's protocol is question and answer of a few KiB, so one thread carries all connections, and a write may
// wait: whoever does not take the answer to its own question loses the connection after a while.

#include "builder/steps/ssh_forward.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"

namespace blueprint::steps {
namespace fs = std::filesystem;
namespace {

constexpr timeval kWriteTimeout{.tv_sec = 10, .tv_usec = 0};

/// A socket's address holds 108 bytes of a path; by its directory's descriptor any path fits. `directory` must outlive
/// the use of the address.
sockaddr_un address_of(const fs::path& socket, const UniqueFd& directory) {
  const std::string path = fmt::format("/proc/self/fd/{}/{}", directory.get(), socket.filename().string());
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) throw bug("the name of a socket is too long");
  std::memcpy(address.sun_path, path.c_str(), path.size());
  return address;
}

UniqueFd new_socket() { return UniqueFd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)); }

/// Empty when nobody listens there.
UniqueFd connect_to(const fs::path& socket) {
  const UniqueFd directory(::open(socket.parent_path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  const sockaddr_un address = address_of(socket, directory);
  UniqueFd fd = new_socket();
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) return UniqueFd();
  ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &kWriteTimeout, sizeof(kWriteTimeout));
  return fd;
}

UniqueFd listen_at(const fs::path& socket, std::uint32_t uid) {
  const UniqueFd directory = open_file(socket.parent_path(), O_PATH | O_DIRECTORY);
  const sockaddr_un address = address_of(socket, directory);
  UniqueFd fd = new_socket();
  if (!fd || ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
      ::chmod(socket.c_str(), 0600) != 0 || ::lchown(socket.c_str(), uid, static_cast<gid_t>(-1)) != 0 ||
      ::listen(fd.get(), SOMAXCONN) != 0) {
    throw os_error(fmt::format("listen at {}", socket.string()));
  }
  return fd;
}

/// Carries what is there from one to the other; answers whether more may come.
bool carry(int from, int to) {
  std::array<char, 16384> buffer{};
  const ssize_t got = ::recv(from, buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (got < 0) return errno == EAGAIN || errno == EINTR;
  for (ssize_t sent = 0; sent < got;) {
    const ssize_t now = ::send(to, buffer.data() + sent, static_cast<std::size_t>(got - sent), MSG_NOSIGNAL);
    if (now <= 0) return false;
    sent += now;
  }
  return got > 0;
}

struct Connection {
  UniqueFd script;
  UniqueFd agent;
};

}  // namespace

SshForward::SshForward(fs::path socket, fs::path agent, std::uint32_t uid)
    : socket_(std::move(socket)), agent_(fs::absolute(agent)), done_(::eventfd(0, EFD_CLOEXEC)) {
  if (!done_) throw os_error("make an eventfd");
  std::error_code fault;
  if (!fs::is_socket(agent_, fault) || !connect_to(agent_)) {
    throw Error({.kind = ErrorKind::Usage,
                 .code = "X112",
                 .message = fmt::format("no SSH agent listens at '{}'", printable(agent_.string())),
                 .hints = {"start one: eval \"$(ssh-agent)\" && ssh-add"}});
  }
  listener_ = listen_at(socket_, uid);
  thread_ = std::thread([this] { serve(); });
}

SshForward::~SshForward() {
  ::eventfd_write(done_.get(), 1);
  thread_.join();
}

void SshForward::serve() const {
  std::vector<Connection> connections;
  while (true) {
    std::vector<pollfd> waits{{.fd = done_.get(), .events = POLLIN, .revents = 0},
                              {.fd = listener_.get(), .events = POLLIN, .revents = 0}};
    for (const auto& [script, agent] : connections) {
      waits.push_back({.fd = script.get(), .events = POLLIN, .revents = 0});
      waits.push_back({.fd = agent.get(), .events = POLLIN, .revents = 0});
    }
    if (::poll(waits.data(), waits.size(), -1) < 0) continue;
    if (waits[0].revents != 0) return;
    for (std::size_t i = connections.size(); i-- > 0;) {
      const auto& [script, agent] = connections[i];
      const bool goes_on = (waits[2 + 2 * i].revents == 0 || carry(script.get(), agent.get())) &&
                           (waits[3 + 2 * i].revents == 0 || carry(agent.get(), script.get()));
      if (!goes_on) connections.erase(connections.begin() + static_cast<std::ptrdiff_t>(i));
    }
    if (waits[1].revents == 0) continue;
    UniqueFd script(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!script) continue;
    ::setsockopt(script.get(), SOL_SOCKET, SO_SNDTIMEO, &kWriteTimeout, sizeof(kWriteTimeout));
    UniqueFd agent = connect_to(agent_);
    if (agent) connections.push_back({std::move(script), std::move(agent)});
  }
}

}  // namespace blueprint::steps
