#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/fd.h"

namespace blueprint::test {

/// A request as it arrived. Names of headers are in lower case.
struct ServerRequest {
  std::string method;
  std::string path;
  std::map<std::string, std::string> headers;
  std::string body;
};

/// What a handler lets the server do: write any bytes, then keep or cut the connection.
class Reply {
 public:
  explicit Reply(int fd) : fd_(fd) {}
  /// A whole response with Content-Length and these further header lines ("Name: value\r\n"…).
  void send(int status, std::string_view body, std::string_view headers = "");
  /// Bytes as they are.
  void raw(std::string_view bytes);
  /// Ends the connection after what was sent.
  void cut() { cut_ = true; }
  /// Sends nothing more until the client goes away.
  void wait_for_client();
  [[nodiscard]] bool is_cut() const { return cut_; }

 private:
  int fd_;
  bool cut_ = false;
};

/// An HTTP/1.1 server on loopback for tests of the client: one thread per connection, every answer by `handler`, which
/// is called by those threads one at a time.
class LoopbackServer {
 public:
  using Handler = std::function<void(const ServerRequest&, Reply&)>;
  explicit LoopbackServer(Handler handler);
  ~LoopbackServer();
  LoopbackServer(const LoopbackServer&) = delete;
  LoopbackServer& operator=(const LoopbackServer&) = delete;

  /// "http://127.0.0.1:PORT" + path.
  [[nodiscard]] std::string url(std::string_view path) const;
  /// Connections accepted so far.
  [[nodiscard]] int connections() const { return connections_; }
  /// The most connections that were open at one time.
  [[nodiscard]] int most_open() const { return most_open_; }

 private:
  void accept_connections();
  void serve(int fd);

  Handler handler_;
  UniqueFd listener_;
  int port_ = 0;
  std::mutex mutex_;
  std::mutex handler_mutex_;
  std::vector<int> open_;
  std::vector<std::thread> threads_;
  std::atomic<int> connections_{0};
  std::atomic<int> most_open_{0};
  std::atomic<bool> closing_{false};
  std::thread acceptor_;
};

}  // namespace blueprint::test
