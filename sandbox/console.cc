#include "sandbox/console.h"

#include <cerrno>

#include <fcntl.h>
#include <poll.h>

#include "base/file.h"
#include "base/text.h"

namespace blueprint::sandbox {
namespace {

constexpr std::string_view kAgent = "blueprint-agent: ";
constexpr std::string_view kAgentError = "error: ";
constexpr std::string_view kPanic = "Kernel panic - not syncing: ";
constexpr std::size_t kFileBytes = 1U << 20;

}  // namespace

void ConsoleLog::add(std::string_view bytes) {
  const std::lock_guard lock(mutex_);
  for (const char c : bytes) {
    if (c == '\n' || partial_.size() >= kLineBytes) {
      take_line(std::move(partial_));
      partial_.clear();
    }
    if (c != '\n' && c != '\r') partial_ += c;
  }
}

void ConsoleLog::take_line(std::string line) {
  if (const auto at = line.find(kPanic); at != std::string::npos && progress_.panic.empty()) {
    progress_.panic = line.substr(at + kPanic.size());
  }
  if (const auto at = line.find(kAgent); at != std::string::npos) {
    const std::string said = line.substr(at + kAgent.size());
    if (said.starts_with(kAgentError)) {
      progress_.complaint = said.substr(kAgentError.size());
    } else {
      progress_.last_stage = said;
    }
    if (!progress_.agent_started) progress_.agent_started = std::chrono::steady_clock::now();
  }
  if (trim(line).empty() || lines_after_panic_ >= kLinesAfterPanic) return;
  // What follows a panic are registers and a trace that would push out what led to it.
  if (!progress_.panic.empty()) ++lines_after_panic_;
  lines_.push_back(std::move(line));
  if (lines_.size() > kLines) lines_.pop_front();
}

std::vector<std::string> ConsoleLog::last_lines() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> lines(lines_.begin(), lines_.end());
  if (!trim(partial_).empty()) lines.push_back(partial_);
  return lines;
}

BootProgress ConsoleLog::progress() const {
  const std::lock_guard lock(mutex_);
  return progress_;
}

ConsoleReader::ConsoleReader(UniqueFd pipe, const std::filesystem::path& file, std::function<void()> changed)
    : pipe_(std::move(pipe)),
      file_(open_file(file, O_WRONLY | O_CREAT | O_TRUNC, 0600)),
      changed_(std::move(changed)),
      thread_([this] { read_all(); }) {}

ConsoleReader::~ConsoleReader() {
  stop_.raise();
  if (thread_.joinable()) thread_.join();
}

void ConsoleReader::join() {
  const std::lock_guard lock(join_mutex_);
  if (thread_.joinable()) thread_.join();
}

void ConsoleReader::read_all() {
  std::size_t written = 0;
  char buffer[4096];
  while (true) {
    pollfd waits[2] = {{.fd = pipe_.get(), .events = POLLIN, .revents = 0},
                       {.fd = stop_.fd(), .events = POLLIN, .revents = 0}};
    if (::poll(waits, 2, -1) < 0) continue;
    if (waits[1].revents != 0) return;
    const ssize_t got = ::read(pipe_.get(), buffer, sizeof(buffer));
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got <= 0) break;
    const std::string_view bytes(buffer, static_cast<std::size_t>(got));
    log_.add(bytes);
    if (written < kFileBytes) {
      // A console log that cannot be written is no reason to stop a VM.
      const ssize_t wrote = ::write(file_.get(), bytes.data(), bytes.size());
      if (wrote > 0) written += static_cast<std::size_t>(wrote);
    }
    changed_();
  }
  changed_();
}

}  // namespace blueprint::sandbox
