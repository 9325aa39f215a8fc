#include "builder/layer_slots.h"

#include <atomic>
#include <optional>

#include <catch2/catch.hpp>

#include "base/error.h"
#include "base/thread_pool.h"

namespace blueprint::builder {

TEST_CASE("never more layers hold a slot than there are slots") {
  constexpr int kSlots = 3;
  LayerSlots slots(kSlots);
  ThreadPool pool(8);
  TaskGroup group(pool);
  std::atomic<int> held = 0;
  std::atomic<int> most = 0;
  for (int i = 0; i < 200; ++i) {
    group.run([&] {
      const LayerSlots::Slot slot = slots.take({});
      const int now = ++held;
      for (int seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {
      }
      --held;
    });
  }
  group.wait();
  CHECK(held == 0);
  CHECK(most <= kSlots);
  CHECK(most >= 1);
}

TEST_CASE("who waits for a slot stops when asked to") {
  LayerSlots slots(1);
  const LayerSlots::Slot only = slots.take({});
  std::stop_source stop;
  ThreadPool pool(1);
  TaskGroup group(pool);
  group.run([&] { (void)slots.take(stop.get_token()); });
  stop.request_stop();
  CHECK_THROWS_AS(group.wait(), Interrupted);
}

TEST_CASE("a slot is free again when its holder goes, and not before") {
  LayerSlots slots(1);
  std::optional<LayerSlots::Slot> first(slots.take({}));
  LayerSlots::Slot moved(std::move(*first));
  first.reset();
  std::stop_source stop;
  stop.request_stop();
  CHECK_THROWS_AS(slots.take(stop.get_token()), Interrupted);
  { const LayerSlots::Slot gone(std::move(moved)); }
  CHECK_NOTHROW(slots.take(stop.get_token()));
}

TEST_CASE("a machine has room for one layer of packages at least") { CHECK(package_layers_that_fit() >= 1); }

}  // namespace blueprint::builder
