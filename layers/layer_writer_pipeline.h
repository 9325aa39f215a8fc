#pragma once

// Parallel work whose results are needed in order.

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/thread_pool.h"

namespace blueprint::layers {

/// Runs make(0) … make(count - 1) on the pool and consume(result) for each result, in that order, on the calling
/// thread. At most `window` results exist at once, which bounds the memory. The first exception, of whichever, is
/// rethrown when all jobs under way have ended; Interrupted when a stop is requested. Do not call it from a job of the
/// same pool.
template <typename Result>
void run_in_order(ThreadPool& pool, std::stop_token stop, std::size_t count, std::size_t window,
                  const std::function<Result(std::size_t)>& make, const std::function<void(Result)>& consume) {
  struct Slot {
    std::optional<Result> result;
    std::exception_ptr failure;
  };
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<std::shared_ptr<Slot>> under_way;
  TaskGroup group(pool);  // last: its destructor waits while the rest is still there
  const auto start = [&](std::size_t number) {
    auto slot = std::make_shared<Slot>();
    under_way.push_back(slot);
    group.run([&, slot, number] {
      std::optional<Result> result;
      std::exception_ptr failure;
      try {
        if (stop.stop_requested()) throw Interrupted();
        result = make(number);
      } catch (...) {
        failure = std::current_exception();
      }
      const std::lock_guard lock(mutex);
      slot->result = std::move(result);
      slot->failure = failure;
      changed.notify_all();
      if (failure) std::rethrow_exception(failure);  // the group skips what has not begun
    });
  };
  std::size_t started = 0;
  for (std::size_t next = 0; next < count; ++next) {
    while (started < count && under_way.size() < window) start(started++);
    const std::shared_ptr<Slot> slot = under_way.front();
    {
      std::unique_lock lock(mutex);
      changed.wait(lock, [&] { return slot->result || slot->failure; });
    }
    if (slot->failure) std::rethrow_exception(slot->failure);
    under_way.pop_front();
    consume(std::move(*slot->result));
  }
}

}  // namespace blueprint::layers
