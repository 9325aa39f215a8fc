#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "base/fd.h"
#include "sandbox/protocol.h"
#include "sandbox/wakeup.h"

namespace blueprint::sandbox {

/// A frame that owns its payload.
struct Message {
  protocol::Type type = protocol::Type::Ping;
  protocol::Stream stream = protocol::Stream::Input;
  std::vector<std::byte> payload;
};

class AgentClient;

/// One command or transfer, as the host sees it. Used by one thread. The destructor kills in the guest what still runs.
class Channel {
 public:
  ~Channel();
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  /// Blocks while the connection is full. Throws Error V010 when it is lost or stays full for too long, Interrupted
  /// when `stop` is requested.
  void send(protocol::Type type, std::span<const std::byte> payload = {},
            protocol::Stream stream = protocol::Stream::Input, std::stop_token stop = {});
  /// The next message, or nothing when none is there; the channel has ended after Exit or Failure.
  [[nodiscard]] std::optional<Message> take();
  /// Readable when take() may give something, or the connection is lost.
  [[nodiscard]] int ready_fd() const { return ready_.fd(); }

 private:
  friend class AgentClient;
  Channel(AgentClient& client, std::uint32_t number) : client_(client), number_(number) {}

  AgentClient& client_;
  std::uint32_t number_;
  Wakeup ready_;
  std::mutex mutex_;
  std::deque<Message> messages_;  ///< bounded by the windows of its streams
  std::size_t held_bytes_ = 0;
  bool ended_ = false;
};

/// The host's end of the agent's connection. Thread-safe. A thread of its own reads the socket and sorts frames into
/// channels, so that a channel whose owner is slow holds up nobody; what it may hold is bounded by its credit.
class AgentClient {
 public:
  /// An agent that answered and then takes nothing of what we send for this long is lost. Chosen: an emulated guest on
  /// a busy machine stalls for seconds, not for minutes.
  static constexpr std::chrono::milliseconds kPatience{120'000};

  /// Takes a connected socket and says Hello at once; the agent answers when it runs.
  /// `changed` is called from the reading thread when the agent has answered and when the connection is lost, and from
  /// the sending one when `patience` is at its end.
  AgentClient(UniqueFd socket, std::function<void()> changed, std::chrono::milliseconds patience = kPatience);
  ~AgentClient();
  AgentClient(const AgentClient&) = delete;
  AgentClient& operator=(const AgentClient&) = delete;

  /// The agent's Hello, once it has come.
  [[nodiscard]] std::optional<protocol::Hello> agent() const;
  /// Why the connection is lost; nothing while it is well.
  [[nodiscard]] std::optional<std::string> lost() const;
  /// Time since the last byte from the guest.
  [[nodiscard]] std::chrono::steady_clock::duration silence() const;

  [[nodiscard]] std::unique_ptr<Channel> open();
  /// A frame of channel 0.
  void send(protocol::Type type, std::span<const std::byte> payload = {}, std::stop_token stop = {});

 private:
  friend class Channel;
  void send_frame(protocol::Type type, std::uint32_t channel, protocol::Stream stream,
                  std::span<const std::byte> payload, const std::stop_token& stop);
  void send_all(std::span<const std::byte> bytes, const std::stop_token& stop);
  void greet_again();
  void read_all();
  void on_frame(const protocol::Frame& frame);
  void lose(std::string reason);
  void forget(std::uint32_t number);

  UniqueFd socket_;
  std::uint64_t nonce_;
  std::function<void()> changed_;
  std::chrono::milliseconds patience_;
  std::mutex send_mutex_;
  mutable std::mutex mutex_;  ///< guards what follows
  std::map<std::uint32_t, Channel*> channels_;
  std::uint32_t next_channel_ = 1;
  std::optional<protocol::Hello> agent_;
  std::optional<std::string> lost_;
  std::atomic<std::chrono::steady_clock::rep> heard_;
  std::thread thread_;
};

}  // namespace blueprint::sandbox
