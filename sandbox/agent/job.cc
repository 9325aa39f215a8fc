#include "sandbox/agent/job.h"

#include <algorithm>
#include <cerrno>
#include <csignal>

#include <sys/wait.h>
#include <unistd.h>

namespace blueprint::agent {
namespace proto = sandbox::protocol;

void Outbox::sent(std::size_t count) {
  start_ += count;
  if (start_ == bytes_.size()) {
    clear();
  } else if (start_ >= kFull) {
    bytes_.erase(bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(start_));
    start_ = 0;
  }
}

void Outbox::clear() {
  bytes_.clear();
  start_ = 0;
}

void Outbox::add(proto::Type type, std::uint32_t channel, std::span<const std::byte> payload, proto::Stream stream) {
  proto::append_frame(bytes_, type, channel, stream, payload);
}

long Outbox::add_from(int fd, std::uint32_t channel, proto::Stream stream, std::uint32_t limit) {
  const std::size_t before = bytes_.size();
  bytes_.resize(before + proto::kHeaderBytes + limit);
  const ssize_t got = ::read(fd, bytes_.data() + before + proto::kHeaderBytes, limit);
  const int error_number = errno;
  if (got > 0) {
    std::vector<std::byte> header;
    proto::append_header(header, proto::Type::Data, channel, stream, static_cast<std::uint32_t>(got));
    std::copy(header.begin(), header.end(), bytes_.begin() + static_cast<std::ptrdiff_t>(before));
    bytes_.resize(before + proto::kHeaderBytes + static_cast<std::size_t>(got));
  } else {
    bytes_.resize(before);
  }
  errno = error_number;
  return got;
}

Job::Job(std::uint32_t channel, Child child, Outbox& outbox)
    : channel_(channel), child_(std::move(child)), outbox_(outbox) {
  outbox_.add(proto::Type::Started, channel_, proto::encode_u32(static_cast<std::uint32_t>(child_.pid)));
}

bool Job::on_data(std::span<const std::byte> bytes) {
  if (input_ended_) return false;
  if (pending_.size() - pending_start_ + ungranted_ + bytes.size() > proto::kWindow) return false;
  if (!child_.input) {
    // The command closed its stdin: the bytes have nowhere to go, and the host must not wait for room.
    ungranted_ += static_cast<std::uint32_t>(bytes.size());
    pump_input();
    return true;
  }
  pending_.insert(pending_.end(), bytes.begin(), bytes.end());
  pump_input();
  return true;
}

void Job::on_eof() {
  input_ended_ = true;
  pump_input();
}

bool Job::on_credit(proto::Stream stream, std::uint32_t bytes) {
  Source& source = stream == proto::Stream::Error ? error_ : output_;
  if (bytes > proto::kWindow - source.credit) return false;
  source.credit += bytes;
  return true;
}

void Job::signal(int number) {
  if (reaped_ || number <= 0 || number >= NSIG) return;
  ::kill(-child_.pid, number);
}

void Job::resize(const proto::Window& window) {
  if (child_.output && !child_.error) set_window(child_.output.get(), window.rows, window.columns);
}

void Job::abandon() {
  signal(SIGKILL);
  abandoned_ = true;
  child_.input.reset();
  child_.output.reset();
  child_.error.reset();
}

void Job::on_reaped(int wait_status) {
  reaped_ = true;
  wait_status_ = wait_status;
  // What the command left in its pipes is still to be sent.
  output_.dry = false;
  error_.dry = false;
}

int Job::wants_output(proto::Stream stream) const {
  const Source& source = stream == proto::Stream::Error ? error_ : output_;
  const UniqueFd& fd = stream == proto::Stream::Error ? child_.error : child_.output;
  return source.credit > 0 && !outbox_.full() ? fd.get() : -1;
}

void Job::pump_input() {
  while (child_.input && pending_start_ < pending_.size()) {
    const ssize_t wrote =
        ::write(child_.input.get(), pending_.data() + pending_start_, pending_.size() - pending_start_);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0 && errno == EAGAIN) break;
    const std::size_t gone = wrote < 0 ? pending_.size() - pending_start_ : static_cast<std::size_t>(wrote);
    if (wrote < 0) child_.input.reset();
    pending_start_ += gone;
    ungranted_ += static_cast<std::uint32_t>(gone);
  }
  if (pending_start_ == pending_.size() || pending_start_ >= proto::kWindow / 2) {
    pending_.erase(pending_.begin(), pending_.begin() + static_cast<std::ptrdiff_t>(pending_start_));
    pending_start_ = 0;
  }
  if (ungranted_ >= proto::kWindow / 4) {
    outbox_.add(proto::Type::Credit, channel_, proto::encode_u32(ungranted_), proto::Stream::Input);
    ungranted_ = 0;
  }
  if (!input_ended_ || !pending_.empty() || !child_.input) return;
  // A terminal has no half-close: end of file is the character that says so, at the start of a line.
  if (!child_.error && ::isatty(child_.input.get()) != 0) {
    const char end_of_file = 4;
    [[maybe_unused]] const auto wrote = ::write(child_.input.get(), &end_of_file, 1);
  }
  child_.input.reset();
}

void Job::pump(UniqueFd& fd, Source& source, proto::Stream stream) {
  if (!fd || source.credit == 0 || outbox_.full()) return;
  const auto limit = std::min(source.credit, proto::kDataBytes);
  const long got = outbox_.add_from(fd.get(), channel_, stream, limit);
  if (got > 0) {
    source.credit -= static_cast<std::uint32_t>(got);
    return;
  }
  if (got < 0 && errno == EINTR) return;
  source.dry = true;
  // A terminal whose last user is gone reads as EIO.
  if (got < 0 && errno == EAGAIN) return;
  fd.reset();
}

void Job::pump_output() {
  if (abandoned_ || done_) return;
  pump(child_.output, output_, proto::Stream::Output);
  pump(child_.error, error_, proto::Stream::Error);
  maybe_finish();
}

void Job::maybe_finish() {
  // A process that the command left behind may hold the pipes open for ever; the end of the command is what counts.
  const bool output_done = !child_.output || output_.dry;
  const bool error_done = !child_.error || error_.dry;
  if (!reaped_ || !output_done || !error_done) return;
  proto::ExitReport report;
  if (WIFSIGNALED(wait_status_)) {
    report = {.code = static_cast<std::uint32_t>(128 + WTERMSIG(wait_status_)),
              .signal = static_cast<std::uint32_t>(WTERMSIG(wait_status_))};
  } else {
    report = {.code = static_cast<std::uint32_t>(WEXITSTATUS(wait_status_)), .signal = 0};
  }
  outbox_.add(proto::Type::Exit, channel_, proto::encode(report));
  done_ = true;
}

}  // namespace blueprint::agent
