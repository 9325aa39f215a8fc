// A guest whose image has systemd: it starts as on any machine, and the agent is one of its services.

#include <catch2/catch.hpp>

#include "base/digest.h"
#include "base/error.h"
#include "guest.h"

namespace blueprint::sandbox::test {
namespace {

Vm& shared_vm() {
  static Guest guest("systemd");
  static const std::unique_ptr<Vm> vm = [] {
    guest.config.disk_bytes = 4ULL << 30;
    return guest.boot();
  }();
  return *vm;
}

}  // namespace

TEST_CASE("a guest with systemd comes up whole") {
  Vm& vm = shared_vm();
  CHECK(run_in(vm, {.argv = {"cat", "/proc/1/comm"}}).out == "systemd\n");
  const auto state = run_in(vm, {.argv = {"systemctl", "is-system-running", "--wait"}});
  INFO(run_shell(vm, "systemctl --failed; journalctl -b -p err --no-pager | tail -n 20").out);
  CHECK(state.out == "running\n");
  CHECK(run_in(vm, {.argv = {"hostname"}}).out == "testguest\n");
  CHECK(run_shell(vm, "wc -c < /etc/machine-id").out == "33\n");
  CHECK(std::stol(run_shell(vm, "df -k --output=size / | tail -n 1").out) > 3'500'000);
}

TEST_CASE("commands live in the agent's service, at ordinary priority") {
  Vm& vm = shared_vm();
  CHECK(run_shell(vm, "nice; cat /proc/self/oom_score_adj").out == "0\n0\n");
  CHECK(run_in(vm, {.argv = {"cat", "/proc/self/cgroup"}}).out == "0::/system.slice/blueprint-agent.service\n");
}

TEST_CASE("100 MB of binary output pass unchanged") {
  Vm& vm = shared_vm();
  Sha256 here;
  std::uint64_t bytes = 0;
  std::string sum;
  const auto status =
      vm.exec({.argv = {"sh", "-c",
                        "head -c 100000000 /dev/urandom > /dev/shm/data; sha256sum < /dev/shm/data >&2; "
                        "cat /dev/shm/data; rm /dev/shm/data"}},
              {.on_stdout =
                   [&](std::string_view chunk) {
                     here.update(chunk);
                     bytes += chunk.size();
                   },
               .on_stderr = [&](std::string_view text) { sum += text; }},
              {});
  CHECK(status.success());
  CHECK(bytes == 100'000'000);
  CHECK(sum == here.finish().hex() + "  -\n");
}

TEST_CASE("it powers off cleanly") {
  Vm& vm = shared_vm();
  // Chosen: shutting systemd down takes seconds, and minutes only on a machine that does much else.
  CHECK(vm.power_off(std::chrono::seconds(300)));
}

}  // namespace blueprint::sandbox::test
