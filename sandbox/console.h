#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/fd.h"
#include "sandbox/wakeup.h"

namespace blueprint::sandbox {

/// What the console has told so far about a boot.
struct BootProgress {
  std::optional<std::chrono::steady_clock::time_point> agent_started;
  std::string last_stage;  ///< the last thing that the agent said: "waiting for /dev/vda"; empty = not even started
  std::string complaint;   ///< the last error of the agent
  std::string panic;       ///< the kernel's last words; empty = none
};

/// Takes lines of a guest's serial console: keeps the last ones, and picks out what the agent and the kernel say of the
/// boot. Thread-safe. Lines are what a guest wrote: any bytes.
class ConsoleLog {
 public:
  void add(std::string_view bytes);
  [[nodiscard]] std::vector<std::string> last_lines() const;
  [[nodiscard]] BootProgress progress() const;

 private:
  void take_line(std::string line);

  static constexpr std::size_t kLines = 20;
  static constexpr std::size_t kLineBytes = 1024;
  static constexpr std::size_t kLinesAfterPanic = 4;
  mutable std::mutex mutex_;
  std::deque<std::string> lines_;
  std::string partial_;
  std::size_t lines_after_panic_ = 0;
  BootProgress progress_;
};

/// Reads a console from a pipe into a ConsoleLog and a file (the first MiB of it) until the writer is gone, on a thread
/// of its own: a guest whose console nobody reads stops.
class ConsoleReader {
 public:
  /// `changed` is called from the thread after each chunk, and at the end.
  ConsoleReader(UniqueFd pipe, const std::filesystem::path& file, std::function<void()> changed);
  /// Stops at once, whether or not the writer is gone.
  ~ConsoleReader();
  ConsoleReader(const ConsoleReader&) = delete;
  ConsoleReader& operator=(const ConsoleReader&) = delete;

  [[nodiscard]] const ConsoleLog& log() const { return log_; }
  /// Waits until the writer is gone, so that log() is complete. Any thread may ask.
  void join();

 private:
  void read_all();

  UniqueFd pipe_;
  UniqueFd file_;
  std::function<void()> changed_;
  ConsoleLog log_;
  Wakeup stop_;
  std::mutex join_mutex_;
  std::thread thread_;
};

}  // namespace blueprint::sandbox
