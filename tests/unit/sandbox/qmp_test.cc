#include "sandbox/qmp.h"

#include <catch2/catch.hpp>

#include <sys/socket.h>

#include "base/file.h"

namespace blueprint::sandbox {
namespace {

constexpr std::chrono::milliseconds kSoon{5000};

/// A Qmp whose monitor has said `words` already.
std::pair<Qmp, UniqueFd> monitor_that_says(std::string_view words) {
  int ends[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
  UniqueFd theirs(ends[1]);
  write_all(theirs.get(), words, "the monitor's words");
  return {Qmp(UniqueFd(ends[0])), std::move(theirs)};
}

std::string heard_by(const UniqueFd& monitor) {
  std::string text(4096, '\0');
  const auto got = ::recv(monitor.get(), text.data(), text.size(), MSG_DONTWAIT);
  text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  return text;
}

}  // namespace

TEST_CASE("the monitor is greeted once, and events between answers are passed over") {
  auto [qmp, monitor] = monitor_that_says(
      "{\"QMP\": {}}\r\n{\"return\": {}}\r\n{\"event\": \"RTC_CHANGE\"}\r\n{\"return\": {}}\r\n{\"return\": {}}\r\n");
  CHECK(qmp.system_powerdown(kSoon));
  CHECK(heard_by(monitor) == "{\"execute\":\"qmp_capabilities\"}\n{\"execute\":\"system_powerdown\"}\n");
  CHECK(qmp.quit(kSoon));
  CHECK(heard_by(monitor) == "{\"execute\":\"quit\"}\n");
}

TEST_CASE("a monitor that refuses, is gone or says no JSON is not an exception") {
  auto [refuses, one] = monitor_that_says("{\"QMP\": {}}\n{\"return\": {}}\n{\"error\": {\"desc\": \"no\"}}\n");
  CHECK_FALSE(refuses.quit(kSoon));
  auto [babbles, two] = monitor_that_says("{\"QMP\": {}}\nwhat?\n");
  CHECK_FALSE(babbles.quit(kSoon));
  auto [leaves, three] = monitor_that_says("");
  three.reset();
  CHECK_FALSE(leaves.quit(kSoon));
}

}  // namespace blueprint::sandbox
