#include "base/thread_pool.h"

#include <algorithm>
#include <csignal>
#include <utility>

namespace blueprint {

ThreadPool::ThreadPool(unsigned threads) {
  if (threads == 0) threads = std::max(1U, std::thread::hardware_concurrency());
  // Workers take no signals: the thread that the program chose handles them.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  for (unsigned i = 0; i < threads; ++i) workers_.emplace_back([this] { work(); });
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

ThreadPool::~ThreadPool() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  ready_.notify_all();
  for (auto& worker : workers_) worker.join();
}

void ThreadPool::submit(std::function<void()> job) {
  {
    const std::lock_guard lock(mutex_);
    jobs_.push_back(std::move(job));
  }
  ready_.notify_one();
}

void ThreadPool::work() {
  while (true) {
    std::function<void()> job;
    {
      std::unique_lock lock(mutex_);
      ready_.wait(lock, [this] { return closing_ || !jobs_.empty(); });
      if (jobs_.empty()) return;
      job = std::move(jobs_.front());
      jobs_.pop_front();
    }
    job();
  }
}

TaskGroup::~TaskGroup() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return unfinished_ == 0; });
}

void TaskGroup::run(std::function<void()> job) {
  {
    const std::lock_guard lock(mutex_);
    ++unfinished_;
  }
  pool_.submit([this, job = std::move(job)] {
    bool skip = false;
    {
      const std::lock_guard lock(mutex_);
      skip = failure_ != nullptr;
    }
    std::exception_ptr failure;
    if (!skip) {
      try {
        job();
      } catch (...) {
        failure = std::current_exception();
      }
    }
    // Notify under the lock: once unfinished_ is 0 and the lock is free, the group may be destroyed.
    const std::lock_guard lock(mutex_);
    if (failure && !failure_) failure_ = failure;
    --unfinished_;
    changed_.notify_all();
  });
}

void TaskGroup::wait() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return unfinished_ == 0; });
  if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
}

void TaskGroup::wait_below(std::size_t count) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return unfinished_ <= count; });
}

}  // namespace blueprint
