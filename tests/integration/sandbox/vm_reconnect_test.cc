// A host that goes away in the middle of things, and another that takes its place: a virtio-serial port is no
// connection, so the agent has to notice, to kill what ran, and to find the beginning of the new host's words behind
// the rest of the old one's.

#include <catch2/catch.hpp>

#include <condition_variable>
#include <mutex>

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/error.h"
#include "guest.h"
#include "sandbox/agent_client.h"
#include "sandbox/console.h"
#include "sandbox/exec_session.h"
#include "sandbox/qemu.h"
#include "sandbox/vm_boot.h"

namespace blueprint::sandbox::test {
namespace {

using protocol::Stream;
using protocol::Type;

/// How many `sleep 77777` run. (The pattern does not match itself.)
constexpr std::string_view kCountSleeps =
    "for p in /proc/[0-9]*; do tr '\\0' ' ' < $p/cmdline; echo; done 2> /dev/null | grep -c '^slee[p] 77777'";

/// An AgentClient that has been answered.
class Host {
 public:
  explicit Host(UniqueFd socket) : client(std::move(socket), [this] { wake(); }) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return client.agent() || client.lost(); });
    REQUIRE(client.agent().has_value());
  }

  std::string run(const std::string& script) {
    std::string out;
    const ExecStreams streams{.on_stdout = [&out](std::string_view text) { out += text; }};
    const auto channel = client.open();
    channel->send(Type::Exec, protocol::encode(protocol::Exec{.argv = {"sh", "-c", script}}));
    ExecSession session(client, *channel, streams, {});
    REQUIRE(session.run().has_value());
    return out;
  }

 private:
  void wake() {
    const std::lock_guard lock(mutex_);
    changed_.notify_all();
  }
  std::mutex mutex_;
  std::condition_variable changed_;

 public:
  AgentClient client;
};

UniqueFd connect_to(const std::filesystem::path& path) {
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.string().copy(address.sun_path, sizeof(address.sun_path) - 1);
  REQUIRE(::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0);
  return socket;
}

}  // namespace

TEST_CASE("a second host takes over from one that vanished in the middle of a frame") {
  Guest guest("busybox");
  VmParts parts = prepare_vm(guest.config, Accel::Tcg);
  Command command = qemu_command(parts.options, parts.qemu, require_program("qemu-system-x86_64", "qemu-system-x86"));
  drop_privileges(command, Accel::Tcg);
  const ConsoleReader console(std::move(parts.console), guest.config.state / "console.log", [] {});
  ChildProcess qemu(command);
  parts.qemu = {};

  const UniqueFd keep(::dup(parts.agent.get()));
  {
    Host first(std::move(parts.agent));
    const auto channel = first.client.open();
    channel->send(Type::Exec, protocol::encode(protocol::Exec{.argv = {"sleep", "77777"}}));
    CHECK(first.run(std::string(kCountSleeps)) == "1\n");
    // The rest of this frame never comes.
    std::vector<std::byte> frame;
    protocol::append_header(frame, Type::Data, 99, Stream::Input, 1000);
    frame.resize(frame.size() + 400);
    write_all(keep.get(), frame, "half a frame");
    ::shutdown(keep.get(), SHUT_RDWR);
  }
  Host second(connect_to(guest.config.state / "agent.sock"));
  // Killed when the first host was missed; SIGKILL takes effect in its own time.
  while (second.run(std::string(kCountSleeps)) != "0\n") {
  }
  CHECK(second.client.agent()->description.find("blueprint-agent") == 0);
}

}  // namespace blueprint::sandbox::test
