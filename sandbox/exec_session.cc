#include "sandbox/exec_session.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>

#include <poll.h>
#include <unistd.h>

#include "base/error.h"
#include "sandbox/errors.h"

namespace blueprint::sandbox {
namespace {

using protocol::Stream;
using protocol::Type;

/// A guest that says nothing for this long is asked whether it lives …
constexpr std::chrono::seconds kPingAfter{15};
/// … and given up after this long. Chosen: an emulated guest on a busy machine stalls for seconds, not for minutes.
constexpr std::chrono::seconds kLostAfter{120};

/// A terminal's size is looked at this often, for callers that hear of no SIGWINCH.
constexpr std::chrono::milliseconds kWindowPoll{200};

std::string_view text_of(const Message& message) {
  return {reinterpret_cast<const char*>(message.payload.data()), message.payload.size()};
}

}  // namespace

ExecSession::ExecSession(AgentClient& client, Channel& channel, const ExecStreams& streams, std::stop_token stop)
    : client_(client),
      channel_(channel),
      streams_(streams),
      stop_(std::move(stop)),
      input_fd_(streams.input_fd),
      signal_fd_(streams.signal_fd),
      buffer_(protocol::kDataBytes) {}

std::optional<ExitStatus> ExecSession::run() {
  if (input_fd_ < 0) channel_.send(Type::Eof, {}, Stream::Input, stop_);
  send_window();
  while (true) {
    while (const auto message = channel_.take()) {
      if (const auto status = on_message(*message)) return status;
    }
    if (client_.lost() || client_.silence() > kLostAfter) return std::nullopt;
    wait();
  }
}

void ExecSession::wait() {
  Wakeup interrupt;
  const std::stop_callback on_stop(stop_, [&interrupt] { interrupt.raise(); });
  pollfd waits[4] = {{.fd = channel_.ready_fd(), .events = POLLIN, .revents = 0},
                     {.fd = interrupt.fd(), .events = POLLIN, .revents = 0},
                     {.fd = input_credit_ > 0 ? input_fd_ : -1, .events = POLLIN, .revents = 0},
                     {.fd = signal_fd_, .events = POLLIN, .revents = 0}};
  const auto limit = streams_.window ? kWindowPoll : std::chrono::milliseconds(kPingAfter);
  const int ready = ::poll(waits, 4, static_cast<int>(limit.count()));
  if (stop_.stop_requested()) throw Interrupted{};
  send_window();
  if (ready == 0 && client_.silence() > kPingAfter && std::chrono::steady_clock::now() - pinged_ > kPingAfter) {
    pinged_ = std::chrono::steady_clock::now();
    client_.send(Type::Ping, {}, stop_);
  }
  if (ready <= 0) return;
  if (waits[3].revents != 0) forward_signal();
  if (waits[2].revents != 0) forward_input();
}

void ExecSession::forward_input() {
  const std::size_t limit = std::min<std::size_t>(input_credit_, buffer_.size());
  const ssize_t got = ::read(input_fd_, buffer_.data(), limit);
  if (got < 0 && (errno == EINTR || errno == EAGAIN)) return;
  if (got <= 0) {
    input_fd_ = -1;
    channel_.send(Type::Eof, {}, Stream::Input, stop_);
    return;
  }
  input_credit_ -= static_cast<std::uint32_t>(got);
  channel_.send(Type::Data, std::span(buffer_).first(static_cast<std::size_t>(got)), Stream::Input, stop_);
}

void ExecSession::forward_signal() {
  unsigned char number = 0;
  const ssize_t got = ::read(signal_fd_, &number, 1);
  if (got < 0 && (errno == EINTR || errno == EAGAIN)) return;
  if (got <= 0) {
    signal_fd_ = -1;
  } else if (number != SIGWINCH) {  // wait() looks at the window whatever woke it
    channel_.send(Type::Signal, protocol::encode_u32(number), Stream::Input, stop_);
  }
}

void ExecSession::send_window() {
  if (!streams_.window) return;
  if (const auto size = streams_.window(); size && *size != window_) {
    window_ = *size;
    channel_.send(Type::Resize, protocol::encode(protocol::Window{.rows = size->first, .columns = size->second}),
                  Stream::Input, stop_);
  }
}

void ExecSession::on_output(const Message& message) {
  const auto& callback = message.stream == Stream::Error ? streams_.on_stderr : streams_.on_stdout;
  if (callback) callback(text_of(message));
  auto& consumed = consumed_[static_cast<std::size_t>(message.stream)];
  consumed += static_cast<std::uint32_t>(message.payload.size());
  // Granted in quarters of the window: few frames, and the guest never runs dry.
  if (consumed < protocol::kWindow / 4) return;
  channel_.send(Type::Credit, protocol::encode_u32(consumed), message.stream, stop_);
  consumed = 0;
}

std::optional<ExitStatus> ExecSession::on_message(const Message& message) {
  switch (message.type) {
    case Type::Data: on_output(message); return std::nullopt;
    case Type::Credit: {
      const auto bytes = protocol::decode_u32(message.payload);
      if (!bytes || *bytes > protocol::kWindow - input_credit_)
        throw protocol_broken("it granted more than the window");
      input_credit_ += *bytes;
      return std::nullopt;
    }
    case Type::Exit: {
      const auto report = protocol::decode_exit(message.payload);
      if (!report) throw protocol_broken("its exit report is malformed");
      return ExitStatus{.code = static_cast<int>(report->code), .signal = static_cast<int>(report->signal)};
    }
    case Type::Failure: {
      const auto failure = protocol::decode_failure(message.payload);
      if (!failure) throw protocol_broken("its refusal is malformed");
      throw command_not_started(failure->message, static_cast<int>(failure->error_number));
    }
    default: return std::nullopt;
  }
}

}  // namespace blueprint::sandbox
