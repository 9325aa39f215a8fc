#include "tests/unit/registry_client/loopback_server.h"

#include <algorithm>
#include <cctype>
#include <stdexcept>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/text.h"

namespace blueprint::test {
namespace {

void send_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

/// Reads until `buffer` holds `marker`, or the client is gone.
bool read_until(int fd, std::string& buffer, const std::function<bool()>& enough) {
  char chunk[65536];
  while (!enough()) {
    const ssize_t got = ::recv(fd, chunk, sizeof(chunk), 0);
    if (got <= 0) return false;
    buffer.append(chunk, static_cast<std::size_t>(got));
  }
  return true;
}

bool read_chunked(int fd, std::string& buffer, std::string& body) {
  while (true) {
    if (!read_until(fd, buffer, [&] { return buffer.find("\r\n") != std::string::npos; })) return false;
    const auto line = buffer.find("\r\n");
    const auto size = static_cast<std::size_t>(std::stoul(buffer.substr(0, line), nullptr, 16));
    if (!read_until(fd, buffer, [&] { return buffer.size() >= line + 2 + size + 2; })) return false;
    body += buffer.substr(line + 2, size);
    buffer.erase(0, line + 2 + size + 2);
    if (size == 0) return true;
  }
}

bool read_request(int fd, std::string& buffer, ServerRequest& request) {
  if (!read_until(fd, buffer, [&] { return buffer.find("\r\n\r\n") != std::string::npos; })) return false;
  const auto end = buffer.find("\r\n\r\n");
  const auto lines = split(buffer.substr(0, end), '\n');
  buffer.erase(0, end + 4);
  const auto words = split(lines.at(0), ' ');
  request.method = words.at(0);
  request.path = words.at(1);
  for (std::size_t i = 1; i < lines.size(); ++i) {
    const auto colon = lines[i].find(':');
    std::string name = lines[i].substr(0, colon);
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    request.headers[name] = std::string(trim(std::string_view(lines[i]).substr(colon + 1)));
  }
  if (request.headers["transfer-encoding"] == "chunked") return read_chunked(fd, buffer, request.body);
  const auto length = request.headers.contains("content-length") ? std::stoul(request.headers["content-length"]) : 0;
  if (!read_until(fd, buffer, [&] { return buffer.size() >= length; })) return false;
  request.body = buffer.substr(0, length);
  buffer.erase(0, length);
  return true;
}

}  // namespace

void Reply::send(int status, std::string_view body, std::string_view headers) {
  raw(fmt::format("HTTP/1.1 {} X\r\nContent-Length: {}\r\n{}\r\n{}", status, body.size(), headers, body));
}

void Reply::raw(std::string_view bytes) { send_all(fd_, bytes); }

void Reply::wait_for_client() {
  char byte = 0;
  while (::recv(fd_, &byte, 1, 0) > 0) {
  }
  cut_ = true;
}

LoopbackServer::LoopbackServer(Handler handler) : handler_(std::move(handler)) {
  listener_.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  if (::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(listener_.get(), 64) != 0 ||
      ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    throw std::runtime_error("cannot listen on loopback");
  }
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { accept_connections(); });
}

LoopbackServer::~LoopbackServer() {
  closing_ = true;
  ::shutdown(listener_.get(), SHUT_RDWR);
  acceptor_.join();
  {
    const std::lock_guard lock(mutex_);
    for (const int fd : open_) ::shutdown(fd, SHUT_RDWR);
  }
  for (auto& thread : threads_) thread.join();
}

std::string LoopbackServer::url(std::string_view path) const {
  return fmt::format("http://127.0.0.1:{}{}", port_, path);
}

void LoopbackServer::accept_connections() {
  while (!closing_) {
    const int fd = ::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) continue;
    ++connections_;
    const std::lock_guard lock(mutex_);
    open_.push_back(fd);
    most_open_ = std::max(most_open_.load(), static_cast<int>(open_.size()));
    threads_.emplace_back([this, fd] { serve(fd); });
  }
}

void LoopbackServer::serve(int fd) {
  std::string buffer;
  while (!closing_) {
    ServerRequest request;
    if (!read_request(fd, buffer, request)) break;
    Reply reply(fd);
    {
      const std::lock_guard lock(handler_mutex_);
      handler_(request, reply);
    }
    if (reply.is_cut()) break;
  }
  const std::lock_guard lock(mutex_);
  std::erase(open_, fd);
  ::shutdown(fd, SHUT_RDWR);
  ::close(fd);
}

}  // namespace blueprint::test
