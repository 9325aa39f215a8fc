// A guest whose image has systemd: it starts as on any machine, and the agent is one of its services.

#include <catch2/catch.hpp>

#include <chrono>
#include <iostream>

#include "base/digest.h"
#include "base/error.h"
#include "guest.h"

namespace blueprint::sandbox::test {

TEST_CASE("a guest with systemd comes up whole and takes commands") {
  Guest guest("systemd");
  const auto vm = guest.boot();
  WARN("agent after " << vm->boot_times().agent_seconds << " s, ready after " << vm->boot_times().ready_seconds
                      << " s");

  CHECK(run_in(*vm, {.argv = {"cat", "/proc/1/comm"}}).out == "systemd\n");
  const auto state = run_in(*vm, {.argv = {"systemctl", "is-system-running", "--wait"}});
  INFO(run_shell(*vm, "systemctl --failed; journalctl -b -p err --no-pager | tail -n 20").out);
  CHECK(state.out == "running\n");

  SECTION("100 MB of binary output pass unchanged") {
    const auto begin = std::chrono::steady_clock::now();
    Sha256 here;
    std::uint64_t bytes = 0;
    std::string sums;
    const auto status = vm->exec(
        {.argv = {"sh", "-c", "head -c 100000000 /dev/urandom | tee /dev/shm/data; sha256sum < /dev/shm/data >&2"}},
        {.on_stdout =
             [&](std::string_view chunk) {
               here.update(chunk);
               bytes += chunk.size();
             },
         .on_stderr = [&](std::string_view text) { sums += text; }},
        {});
    CHECK(status.success());
    CHECK(bytes == 100'000'000);
    CHECK(sums == here.finish().hex() + "  -\n");
    const auto t1 = std::chrono::steady_clock::now();
    run_in(*vm, {.argv = {"cat", "/dev/shm/data"}});
    WARN("made and sent in " << std::chrono::duration<double>(t1 - begin).count() << " s, sent again in "
                             << std::chrono::duration<double>(std::chrono::steady_clock::now() - t1).count() << " s");
  }

  SECTION("it powers off cleanly") { CHECK(vm->power_off(std::chrono::seconds(120))); }
}

}  // namespace blueprint::sandbox::test
