#include "base/utc.h"

#include <catch2/catch.hpp>

TEST_CASE("times are written as RFC 3339 has them, in UTC whatever the host's zone is") {
  CHECK(blueprint::format_utc(0) == "1970-01-01T00:00:00Z");
  CHECK(blueprint::format_utc(1'783'764'997) == "2026-07-11T10:16:37Z");
  CHECK(blueprint::format_utc(951'782'400) == "2000-02-29T00:00:00Z");
}
