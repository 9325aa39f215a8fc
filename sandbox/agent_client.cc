#include "sandbox/agent_client.h"

#include <algorithm>
#include <cerrno>
#include <functional>
#include <random>

#include <fmt/format.h>
#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/error.h"
#include "sandbox/errors.h"

namespace blueprint::sandbox {
namespace {

using protocol::Stream;
using protocol::Type;

constexpr std::size_t kReadBytes = 256 * 1024;
constexpr int kGreetEveryMs = 1000;
constexpr std::chrono::milliseconds kLookAgain{1000};
/// What a message costs beside its payload, so that a flood of empty ones is bounded too.
constexpr std::size_t kMessageCost = 64;
/// Two full windows of frames as small as they reasonably come.
constexpr std::size_t kMaxHeld = 4 * protocol::kWindow;

std::uint64_t random_nonce() {
  std::random_device device;
  return std::uint64_t{device()} << 32 | device();
}

}  // namespace

Channel::~Channel() {
  client_.forget(number_);
  if (ended_) return;
  try {
    client_.send_frame(Type::Close, number_, Stream::Input, {}, {});
  } catch (const Error&) {
    // The VM is lost, and the command with it.
  }
}

void Channel::send(Type type, std::span<const std::byte> payload, Stream stream, std::stop_token stop) {
  client_.send_frame(type, number_, stream, payload, stop);
}

std::optional<Message> Channel::take() {
  const std::lock_guard lock(mutex_);
  if (messages_.empty()) {
    ready_.clear();
    return std::nullopt;
  }
  Message message = std::move(messages_.front());
  messages_.pop_front();
  held_bytes_ -= message.payload.size() + kMessageCost;
  if (message.type == Type::Exit || message.type == Type::Failure) ended_ = true;
  return message;
}

AgentClient::AgentClient(UniqueFd socket, std::function<void()> changed, std::chrono::milliseconds patience)
    : socket_(std::move(socket)),
      nonce_(random_nonce()),
      changed_(std::move(changed)),
      patience_(patience),
      heard_(std::chrono::steady_clock::now().time_since_epoch().count()) {
  send_frame(Type::Hello, 0, Stream::Input,
             protocol::encode(protocol::Hello{.nonce = nonce_, .description = "blueprint"}), {});
  thread_ = std::thread([this] { read_all(); });
}

AgentClient::~AgentClient() {
  ::shutdown(socket_.get(), SHUT_RDWR);
  thread_.join();
}

std::optional<protocol::Hello> AgentClient::agent() const {
  const std::lock_guard lock(mutex_);
  return agent_;
}

std::optional<std::string> AgentClient::lost() const {
  const std::lock_guard lock(mutex_);
  return lost_;
}

std::chrono::steady_clock::duration AgentClient::silence() const {
  return std::chrono::steady_clock::now().time_since_epoch() - std::chrono::steady_clock::duration(heard_.load());
}

std::unique_ptr<Channel> AgentClient::open() {
  const std::lock_guard lock(mutex_);
  const auto number = next_channel_++;
  std::unique_ptr<Channel> channel(new Channel(*this, number));
  channels_[number] = channel.get();
  return channel;
}

void AgentClient::forget(std::uint32_t number) {
  const std::lock_guard lock(mutex_);
  channels_.erase(number);
}

void AgentClient::send(Type type, std::span<const std::byte> payload, std::stop_token stop) {
  send_frame(type, 0, Stream::Input, payload, stop);
}

void AgentClient::send_frame(Type type, std::uint32_t channel, Stream stream, std::span<const std::byte> payload,
                             const std::stop_token& stop) {
  std::vector<std::byte> frame;
  protocol::append_frame(frame, type, channel, stream, payload);
  send_all(frame, stop);
}

void AgentClient::send_all(std::span<const std::byte> bytes, const std::stop_token& stop) {
  std::optional<Wakeup> interrupt;
  std::optional<std::stop_callback<std::function<void()>>> on_stop;
  const std::lock_guard lock(send_mutex_);
  if (const auto reason = lost()) throw vm_lost(*reason, {});
  std::span<const std::byte> left(bytes);
  auto moved = std::chrono::steady_clock::now();
  while (!left.empty()) {
    const ssize_t sent = ::send(socket_.get(), left.data(), left.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0) {
      left = left.subspan(static_cast<std::size_t>(sent));
      moved = std::chrono::steady_clock::now();
      continue;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN) throw vm_lost(lost().value_or("its connection is closed"), {});
    // The guest does not read. While it boots, the one who waits for the boot has the deadline.
    const auto stalled = std::chrono::steady_clock::now() - moved;
    if (stalled > patience_ && agent()) {
      lose("its agent takes nothing any more");
      throw vm_lost(lost().value_or(""), {});
    }
    if (!interrupt) {
      interrupt.emplace();
      on_stop.emplace(stop, [&interrupt] { interrupt->raise(); });
    }
    pollfd waits[2] = {{.fd = socket_.get(), .events = POLLOUT, .revents = 0},
                       {.fd = interrupt->fd(), .events = POLLIN, .revents = 0}};
    ::poll(waits, 2, static_cast<int>(std::min<std::chrono::milliseconds>(patience_, kLookAgain).count()));
    if (waits[1].revents == 0) continue;
    // After half a frame nothing that follows would be understood.
    if (left.size() != bytes.size()) lose("it did not take a command that was interrupted");
    throw Interrupted{};
  }
}

void AgentClient::lose(std::string reason) {
  {
    const std::lock_guard lock(mutex_);
    if (!lost_) lost_ = std::move(reason);
    for (const auto& [number, channel] : channels_) channel->ready_.raise();
  }
  changed_();
}

void AgentClient::on_frame(const protocol::Frame& frame) {
  if (frame.channel == 0) {
    if (frame.type != Type::Hello) return;
    auto hello = protocol::decode_hello(frame.payload);
    // An answer to an earlier host that was still on its way.
    if (!hello || hello->nonce != nonce_) return;
    if (hello->version == 0 || hello->oldest_version > protocol::kVersion) {
      return lose(fmt::format("its agent speaks versions {} to {} of the protocol, we {}", hello->oldest_version,
                              hello->version, protocol::kVersion));
    }
    {
      const std::lock_guard lock(mutex_);
      agent_ = std::move(hello);
    }
    return changed_();
  }
  const std::lock_guard lock(mutex_);
  const auto found = channels_.find(frame.channel);
  if (found == channels_.end()) return;  // closed by us; the agent did not know yet
  Channel& channel = *found->second;
  const std::lock_guard channel_lock(channel.mutex_);
  channel.held_bytes_ += frame.payload.size() + kMessageCost;
  if (channel.held_bytes_ > kMaxHeld) {
    channel.messages_.clear();
    lost_ = "its agent sent more than it was entitled to";
    ::shutdown(socket_.get(), SHUT_RDWR);
    return;
  }
  channel.messages_.push_back(
      {.type = frame.type, .stream = frame.stream, .payload = {frame.payload.begin(), frame.payload.end()}});
  channel.ready_.raise();
}

void AgentClient::greet_again() {
  // While the guest has not opened its port, nothing is read from our socket. When it was read and is not answered, the
  // agent took our Hello for the rest of a frame that another host had begun. Zeros as long as any frame end that one;
  // they are no header, so the agent then looks for a Hello.
  int unread = 0;
  if (::ioctl(socket_.get(), SIOCOUTQ, &unread) != 0 || unread != 0) return;
  std::vector<std::byte> bytes(protocol::kMaxPayload + protocol::kHeaderBytes);
  protocol::append_frame(bytes, Type::Hello, 0, Stream::Input,
                         protocol::encode(protocol::Hello{.nonce = nonce_, .description = "blueprint"}));
  try {
    send_all(bytes, {});
  } catch (const Error&) {
    // The connection is lost; reading says so.
  }
}

void AgentClient::read_all() {
  protocol::Decoder decoder;
  std::vector<std::byte> buffer(kReadBytes);
  while (true) {
    pollfd wait{.fd = socket_.get(), .events = POLLIN, .revents = 0};
    const bool answered = agent().has_value();
    if (::poll(&wait, 1, answered ? -1 : kGreetEveryMs) == 0) {
      greet_again();
      continue;
    }
    const ssize_t got = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return lose("qemu has ended");
    heard_ = std::chrono::steady_clock::now().time_since_epoch().count();
    decoder.feed(std::span(buffer).first(static_cast<std::size_t>(got)));
    while (const auto frame = decoder.next()) on_frame(*frame);
    if (decoder.broken()) return lose("its agent sent bytes that are no frame");
  }
}

}  // namespace blueprint::sandbox
