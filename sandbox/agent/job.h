#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "sandbox/agent/child.h"
#include "sandbox/protocol.h"

namespace blueprint::agent {

/// Frames on their way to the host. Streams stop filling it when it is full, so its size is bounded whatever the host
/// does.
class Outbox {
 public:
  static constexpr std::size_t kFull = 2U << 20;

  [[nodiscard]] bool full() const { return bytes_.size() - start_ >= kFull; }
  [[nodiscard]] std::span<const std::byte> waiting() const { return std::span(bytes_).subspan(start_); }
  void sent(std::size_t count);
  void clear();
  void add(sandbox::protocol::Type type, std::uint32_t channel, std::span<const std::byte> payload = {},
           sandbox::protocol::Stream stream = sandbox::protocol::Stream::Input);
  /// Reads up to `limit` bytes from `fd` as one Data frame. Returns what read() returned; errno as read() left it.
  long add_from(int fd, std::uint32_t channel, sandbox::protocol::Stream stream, std::uint32_t limit);

 private:
  std::vector<std::byte> bytes_;
  std::size_t start_ = 0;
};

/// One command and the state of its streams. Says Started when made, Exit when the command has ended and its output is
/// sent.
class Job {
 public:
  Job(std::uint32_t channel, Child child, Outbox& outbox);

  [[nodiscard]] std::uint32_t channel() const { return channel_; }
  [[nodiscard]] pid_t pid() const { return child_.pid; }

  // What the host says. Each returns false when the host broke a rule of the protocol.
  bool on_data(std::span<const std::byte> bytes);
  void on_eof();
  bool on_credit(sandbox::protocol::Stream stream, std::uint32_t bytes);
  void signal(int number);
  void resize(const sandbox::protocol::Window& window);
  /// Kills it; nothing more is said about it.
  void abandon();

  /// The command's process ended with the status of waitpid().
  void on_reaped(int wait_status);

  // What the loop needs: descriptors to poll (or -1), and moving bytes.
  [[nodiscard]] int wants_input() const { return pending_.size() > pending_start_ ? child_.input.get() : -1; }
  [[nodiscard]] int wants_output(sandbox::protocol::Stream stream) const;
  void pump_input();
  void pump_output();
  /// All is said and done: the job can go.
  [[nodiscard]] bool finished() const { return done_ || (abandoned_ && reaped_); }

 private:
  struct Source {
    std::uint32_t credit = sandbox::protocol::kWindow;
    bool dry = false;  ///< the last read found nothing
  };
  void pump(UniqueFd& fd, Source& source, sandbox::protocol::Stream stream);
  void maybe_finish();

  std::uint32_t channel_;
  Child child_;
  Outbox& outbox_;
  std::vector<std::byte> pending_;  ///< input that the command has not read yet
  std::size_t pending_start_ = 0;
  std::uint32_t ungranted_ = 0;  ///< input that was written since the last Credit
  bool input_ended_ = false;
  Source output_;
  Source error_;
  bool reaped_ = false;
  bool abandoned_ = false;
  bool done_ = false;
  int wait_status_ = 0;
};

}  // namespace blueprint::agent
