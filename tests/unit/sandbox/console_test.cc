#include "sandbox/console.h"

#include <catch2/catch.hpp>

namespace blueprint::sandbox {

TEST_CASE("the console keeps its last twenty lines and the one that is not finished") {
  ConsoleLog log;
  for (int i = 0; i < 30; ++i) log.add("line " + std::to_string(i) + "\r\n");
  log.add("half");
  const auto lines = log.last_lines();
  REQUIRE(lines.size() == 21);
  CHECK(lines.front() == "line 10");
  CHECK(lines.back() == "half");
}

TEST_CASE("a line without an end does not grow for ever") {
  ConsoleLog log;
  for (int i = 0; i < 100; ++i) log.add(std::string(1000, 'x'));
  for (const auto& line : log.last_lines()) CHECK(line.size() <= 1024);
}

TEST_CASE("how far a boot came is read from what agent and kernel say, in any chunks") {
  ConsoleLog log;
  const std::string text =
      "[    1.0] Run /init as init process\nblueprint-agent: started\nblueprint-agent: waiting for /dev/vda\n"
      "blueprint-agent: error: mount the root filesystem: Invalid argument\n"
      "[    2.0] Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000100\n";
  for (const char c : text) log.add(std::string_view(&c, 1));
  const auto progress = log.progress();
  CHECK(progress.agent_started.has_value());
  CHECK(progress.last_stage == "waiting for /dev/vda");
  CHECK(progress.complaint == "mount the root filesystem: Invalid argument");
  CHECK(progress.panic == "Attempted to kill init! exitcode=0x00000100");
}

TEST_CASE("the trace after a panic does not push out what led to it") {
  ConsoleLog log;
  log.add("the reason\n[    2.0] Kernel panic - not syncing: VFS\n");
  for (int i = 0; i < 40; ++i) log.add("trace\n");
  CHECK(log.last_lines().front() == "the reason");
}

TEST_CASE("a kernel that says nothing has come nowhere") {
  const ConsoleLog log;
  CHECK_FALSE(log.progress().agent_started.has_value());
  CHECK(log.progress().last_stage.empty());
  CHECK(log.last_lines().empty());
}

}  // namespace blueprint::sandbox
