#include "sandbox/agent/sys.h"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <linux/netlink.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

namespace blueprint::agent {

std::optional<std::string> read_text(const char* path) {
  const UniqueFd fd(::open(path, O_RDONLY | O_CLOEXEC));
  if (!fd) return std::nullopt;
  std::string text;
  char buffer[4096];
  while (text.size() < (1U << 20)) {
    const ssize_t got = ::read(fd.get(), buffer, sizeof(buffer));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::nullopt;
    if (got == 0) return text;
    text.append(buffer, static_cast<std::size_t>(got));
  }
  return std::nullopt;
}

int write_text(const char* path, std::string_view text, unsigned mode) {
  const UniqueFd fd(::open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode));
  if (!fd) return errno;
  while (!text.empty()) {
    const ssize_t wrote = ::write(fd.get(), text.data(), text.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return errno;
    text.remove_prefix(static_cast<std::size_t>(wrote));
  }
  return 0;
}

void make_directories(const std::string& path, unsigned mode) {
  for (std::size_t slash = 1; slash != 0; ++slash) {
    slash = path.find('/', slash);
    ::mkdir(path.substr(0, slash).c_str(), mode);
    if (slash == std::string::npos) break;
  }
}

bool exists(const char* path) { return ::access(path, F_OK) == 0; }

std::vector<std::string> split_words(std::string_view text, char separator) {
  std::vector<std::string> words;
  while (!text.empty()) {
    const auto end = text.find(separator);
    words.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return words;
}

std::optional<std::string> kernel_argument(std::string_view name) {
  auto line = read_text("/proc/cmdline").value_or("");
  while (!line.empty() && line.back() == '\n') line.pop_back();
  for (const auto& word : split_words(line, ' ')) {
    if (word.size() > name.size() && word.compare(0, name.size(), name) == 0 && word[name.size()] == '=') {
      return word.substr(name.size() + 1);
    }
  }
  return std::nullopt;
}

KernelEvents::KernelEvents() : fd_(::socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT)) {
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = 1;
  if (fd_) ::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address));
}

void KernelEvents::wait() {
  pollfd wait{.fd = fd_.get(), .events = POLLIN, .revents = 0};
  ::poll(&wait, 1, 1000);
  char buffer[8192];
  while (::recv(fd_.get(), buffer, sizeof(buffer), MSG_DONTWAIT) > 0) {
  }
}

void say(std::string_view text) {
  const UniqueFd console(::open("/dev/console", O_WRONLY | O_NOCTTY | O_CLOEXEC | O_NONBLOCK));
  if (!console) return;
  // One write, so that the line is not mixed with what others print.
  std::string line = "blueprint-agent: ";
  line += text;
  line += '\n';
  [[maybe_unused]] const auto wrote = ::write(console.get(), line.data(), line.size());
}

void complain(std::string_view action, int error_number) {
  std::string text = "error: ";
  text += action;
  text += ": ";
  text += std::strerror(error_number);
  say(text);
}

}  // namespace blueprint::agent
