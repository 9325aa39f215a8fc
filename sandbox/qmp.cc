#include "sandbox/qmp.h"

#include <cerrno>

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

#include "base/error.h"
#include "base/json.h"

namespace blueprint::sandbox {
namespace {

constexpr std::size_t kMaxLine = 1U << 20;

}  // namespace

std::string Qmp::read_line(Deadline deadline) {
  while (true) {
    if (const auto end = buffer_.find('\n'); end != std::string::npos) {
      std::string line = buffer_.substr(0, end);
      buffer_.erase(0, end + 1);
      return line;
    }
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    pollfd wait{.fd = socket_.get(), .events = POLLIN, .revents = 0};
    if (left.count() <= 0 || buffer_.size() > kMaxLine) return {};
    if (::poll(&wait, 1, static_cast<int>(left.count())) <= 0) continue;
    char bytes[4096];
    const ssize_t got = ::recv(socket_.get(), bytes, sizeof(bytes), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return {};
    buffer_.append(bytes, static_cast<std::size_t>(got));
  }
}

bool Qmp::converse(std::string_view command, Deadline deadline) {
  const auto text = fmt::format("{{\"execute\":\"{}\"}}\n", command);
  if (::send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(text.size())) return false;
  while (true) {
    const auto line = read_line(deadline);
    if (line.empty()) return false;
    const auto answer = parse_json(line, "an answer of qemu");
    if (answer.contains("return")) return true;
    if (answer.contains("error")) return false;
    // Events come in between.
  }
}

bool Qmp::execute(std::string_view command, std::chrono::milliseconds timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  try {
    if (!ready_) ready_ = !read_line(deadline).empty() && converse("qmp_capabilities", deadline);
    return ready_ && converse(command, deadline);
  } catch (const Error&) {
    return false;  // no JSON: this is not a monitor that can be talked to
  }
}

}  // namespace blueprint::sandbox
