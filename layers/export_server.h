#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "base/process.h"
#include "layers/image.h"

namespace blueprint::layers {

struct ExportOptions {
  std::filesystem::path store;   ///< root of the store
  std::vector<LayerRef> layers;  ///< of the image, parent first
  std::filesystem::path
      directory;  ///< for socket and log; its path has at most about 90 bytes (a rule for unix sockets)
  std::uint64_t cache_bytes = 64ULL << 20;
  std::filesystem::path plugin;  ///< nbdkit-blueprint-plugin.so; empty = find_export_plugin()
};

/// nbdkit serving an image, read-only, on a unix socket. Ends with this object, and with this process however it ends.
class ExportServer {
 public:
  /// Returns when clients can connect. Throws Error B011 when nbdkit is not installed, L006 with nbdkit's words when it
  /// does not start or is not ready in 30 s, L007 when there is no plugin.
  explicit ExportServer(const ExportOptions& options);

  [[nodiscard]] const std::filesystem::path& socket() const { return socket_; }
  /// nbd+unix:///?socket=…
  [[nodiscard]] std::string uri() const;
  /// What nbdkit said so far: damaged frames are named there.
  [[nodiscard]] std::string log() const;
  [[nodiscard]] pid_t pid() const { return child_->pid(); }

 private:
  void wait_until_ready();

  std::filesystem::path socket_;
  std::filesystem::path log_;
  std::optional<ChildProcess> child_;
};

/// Calls `gone`, from a thread of its own, when the server ends while this object lives: whoever reads from it would
/// wait or get errors without a reason.
class ExportWatch {
 public:
  ExportWatch(const ExportServer& server, std::function<void()> gone);
  ~ExportWatch();
  ExportWatch(const ExportWatch&) = delete;
  ExportWatch& operator=(const ExportWatch&) = delete;

 private:
  UniqueFd process_;
  UniqueFd done_;
  std::thread thread_;
};

/// L009: nbdkit ended while the image was in use.
[[nodiscard]] Error export_ended();

/// The plugin of this installation: beside the running program, or in ../lib/blueprint from there. Throws Error L007.
[[nodiscard]] std::filesystem::path find_export_plugin();

}  // namespace blueprint::layers
