#include "cli/terminal.h"

#include <cerrno>

#include <sys/ioctl.h>
#include <unistd.h>

#include "base/error.h"

namespace blueprint::cli {

std::optional<std::pair<std::uint16_t, std::uint16_t>> window_size(int fd) {
  winsize size{};
  if (::ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_row == 0) return std::nullopt;
  return std::pair{static_cast<std::uint16_t>(size.ws_row), static_cast<std::uint16_t>(size.ws_col)};
}

void write_answer(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t wrote = ::write(STDOUT_FILENO, bytes.data(), bytes.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0 && errno == EPIPE) throw ReaderGone{};
    if (wrote < 0) throw os_error("write to stdout");
    bytes.remove_prefix(static_cast<std::size_t>(wrote));
  }
}

RawTerminal::RawTerminal(int fd) : fd_(fd) {
  if (::tcgetattr(fd, &before_) != 0) throw os_error("read the terminal's settings");
  termios raw = before_;
  ::cfmakeraw(&raw);
  if (::tcsetattr(fd, TCSANOW, &raw) != 0) throw os_error("set the terminal to raw mode");
}

RawTerminal::~RawTerminal() { ::tcsetattr(fd_, TCSANOW, &before_); }

}  // namespace blueprint::cli
