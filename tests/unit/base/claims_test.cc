#include "base/claims.h"

#include <atomic>
#include <optional>

#include <catch2/catch.hpp>

#include "base/error.h"
#include "base/thread_pool.h"

using namespace blueprint;

namespace {

const std::vector<Digest> kBoth{sha256("a"), sha256("b")};
const std::vector<Digest> kFirst{kBoth[0]};
const std::vector<Digest> kSecond{kBoth[1]};

}  // namespace

TEST_CASE("what one has claimed another does not get until it is given back") {
  Claims claims;
  auto first = claims.take(kFirst);
  CHECK(first.contains(kBoth[0]));
  {
    const auto other = claims.take(kBoth);
    CHECK_FALSE(other.contains(kBoth[0]));
    CHECK(other.contains(kBoth[1]));
    CHECK(claims.take(kBoth).empty());
  }
  CHECK_FALSE(claims.take(kSecond).empty());
  first.give_back(kBoth[0]);
  CHECK(first.empty());
  CHECK_FALSE(claims.take(kFirst).empty());
}

TEST_CASE("a claim that moved is given back once, by who has it now") {
  Claims claims;
  std::optional<Claims::Claim> first(claims.take(kFirst));
  const Claims::Claim moved(std::move(*first));
  first.reset();
  CHECK(claims.take(kFirst).empty());
}

TEST_CASE("of many who want the same file, one at a time has it") {
  Claims claims;
  ThreadPool pool(8);
  TaskGroup group(pool);
  std::atomic<int> holders = 0;
  std::atomic<int> most = 0;
  std::atomic<int> done = 0;
  for (int i = 0; i < 100; ++i) {
    group.run([&] {
      while (true) {
        const auto claim = claims.take(kFirst);
        if (!claim.empty()) {
          if (++holders > 1) most = 2;
          --holders;
          ++done;
          return;
        }
        claims.wait_for(kFirst, {});
      }
    });
  }
  group.wait();
  CHECK(done == 100);
  CHECK(most == 0);
}

TEST_CASE("who waits for a claim stops when asked to, and does not wait for others' files") {
  Claims claims;
  const auto claim = claims.take(kFirst);
  CHECK_NOTHROW(claims.wait_for(kSecond, {}));
  std::stop_source stop;
  stop.request_stop();
  CHECK_THROWS_AS(claims.wait_for(kBoth, stop.get_token()), Interrupted);
}
