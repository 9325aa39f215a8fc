#include "base/thread_pool.h"

#include <atomic>
#include <latch>
#include <stdexcept>

#include <catch2/catch.hpp>

#include "base/error.h"

using namespace blueprint;

TEST_CASE("A pool finishes what was submitted before it goes") {
  std::atomic<int> done = 0;
  {
    ThreadPool pool(3);
    CHECK(pool.size() == 3);
    for (int i = 0; i < 1000; ++i) pool.submit([&] { ++done; });
  }
  CHECK(done == 1000);
}

TEST_CASE("Jobs of a group run side by side") {
  ThreadPool pool(2);
  std::latch both(2);
  TaskGroup group(pool);
  // Each job waits for the other: with one thread this would never end.
  for (int i = 0; i < 2; ++i) group.run([&] { both.arrive_and_wait(); });
  group.wait();
  CHECK(both.try_wait());
}

TEST_CASE("The first exception of a group is rethrown once, and later jobs are skipped") {
  ThreadPool pool(1);
  TaskGroup group(pool);
  std::atomic<int> ran = 0;
  std::latch all_queued(1);
  group.run([&] {
    all_queued.wait();
    throw std::runtime_error("first");
  });
  for (int i = 0; i < 10; ++i) group.run([&] { ++ran; });
  all_queued.count_down();
  CHECK_THROWS_WITH(group.wait(), "first");
  CHECK(ran == 0);
  group.run([&] { ++ran; });
  group.wait();
  CHECK(ran == 1);
}

TEST_CASE("Interruption inside a job reaches the one who waits") {
  ThreadPool pool(2);
  TaskGroup group(pool);
  group.run([] { throw Interrupted{}; });
  CHECK_THROWS_AS(group.wait(), Interrupted);
}

TEST_CASE("wait_below bounds what is unfinished") {
  ThreadPool pool(2);
  TaskGroup group(pool);
  std::atomic<int> unfinished = 0;
  int most = 0;
  for (int i = 0; i < 500; ++i) {
    group.wait_below(4);
    most = std::max(most, unfinished.load());
    ++unfinished;
    group.run([&] { --unfinished; });
  }
  group.wait();
  CHECK(most <= 4);
  CHECK(unfinished == 0);
}

TEST_CASE("A group that is destroyed waits for its jobs") {
  ThreadPool pool(2);
  std::atomic<int> done = 0;
  {
    TaskGroup group(pool);
    for (int i = 0; i < 100; ++i) group.run([&] { ++done; });
  }
  CHECK(done == 100);
}
