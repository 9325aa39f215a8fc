// What a command in a VM sees and says, in a guest that has nothing but busybox: the agent is its init.

#include <catch2/catch.hpp>

#include <iostream>

#include "base/digest.h"
#include "base/error.h"
#include "guest.h"

namespace blueprint::sandbox::test {

TEST_CASE("commands run in a guest without an init") {
  Guest guest("busybox");
  const auto vm = guest.boot();
  INFO("agent after " << vm->boot_times().agent_seconds << " s, ready after " << vm->boot_times().ready_seconds
                      << " s");

  SECTION("with their exit status, streams and surroundings") {
    CHECK(run_in(*vm, {.argv = {"true"}}).status == ExitStatus{.code = 0, .signal = 0});
    CHECK(run_in(*vm, {.argv = {"false"}}).status == ExitStatus{.code = 1, .signal = 0});
    CHECK(run_shell(*vm, "exit 42").status == ExitStatus{.code = 42, .signal = 0});
    CHECK(run_shell(*vm, "kill -TERM $$").status == ExitStatus{.code = 143, .signal = 15});

    const auto both = run_shell(*vm, "echo out; echo err >&2");
    CHECK(both.out == "out\n");
    CHECK(both.err == "err\n");

    CHECK(run_in(*vm, {.argv = {"cat"}}, "what goes in comes out").out == std::string_view("what goes in comes out"));

    const auto surroundings = run_in(*vm, {.argv = {"sh", "-c", "id -u; id -G; pwd; echo $HOME $GREETING"},
                                           .env = {{"GREETING", "hello there"}},
                                           .user = "dev"});
    CHECK(surroundings.out == "1000\n1000 29\n/home/dev\n/home/dev hello there\n");
    CHECK(run_in(*vm, {.argv = {"pwd"}, .workdir = "/usr"}).out == "/usr\n");
    CHECK(run_in(*vm, {.argv = {"hostname"}}).out == "testguest\n");
  }
}

}  // namespace blueprint::sandbox::test
