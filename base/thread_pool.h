#pragma once

#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <stop_token>
#include <thread>
#include <vector>

namespace blueprint {

/// A fixed set of worker threads: the only threads of the program. Thread-safe.
class ThreadPool {
 public:
  /// `threads` = 0 means one per processor.
  explicit ThreadPool(unsigned threads = 0);
  /// Finishes what was submitted.
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  [[nodiscard]] unsigned size() const { return static_cast<unsigned>(workers_.size()); }
  void submit(std::function<void()> job);

 private:
  void work();
  std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<std::function<void()>> jobs_;
  bool closing_ = false;
  std::vector<std::thread> workers_;
};

/// Jobs that are waited for together. The first exception (Interrupted included) is kept and rethrown by wait(); after
/// it, jobs that have not begun are skipped. Do not wait() from inside a job of the same pool. The destructor waits
/// too.
class TaskGroup {
 public:
  explicit TaskGroup(ThreadPool& pool) : pool_(pool) {}
  ~TaskGroup();
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;

  void run(std::function<void()> job);
  void wait();
  /// Blocks while more than `count` jobs are unfinished: bounds what is queued.
  void wait_below(std::size_t count);

 private:
  ThreadPool& pool_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t unfinished_ = 0;
  std::exception_ptr failure_;
};

}  // namespace blueprint
