#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/events.h"
#include "base/process.h"

namespace blueprint::sandbox {

enum class Accel { Auto, Kvm, Tcg };

/// Reads a file of the image that is booted: bytes, or nothing when it is absent. For kernel modules.
using ImageFile = std::function<std::optional<std::string>(std::string_view path)>;

struct VmConfig {
  std::string name;                ///< host name of the guest
  std::string nbd_socket;          ///< path of a unix socket that serves the root disk read-only over NBD
  std::uint64_t device_bytes = 0;  ///< size of that disk
  std::uint64_t disk_bytes = 0;    ///< size of the VM's disk, at least device_bytes; the root filesystem grows to it
  std::filesystem::path kernel;    ///< bzImage
  std::string kernel_version;
  ImageFile image_file;  ///< reads usr/lib/modules/VERSION/…
  std::uint32_t cpus = 2;
  std::uint64_t memory_bytes = 2ULL << 30;
  std::vector<std::pair<std::uint16_t, std::uint16_t>>
      ports;  ///< (loopback port of the host, 0 = any; port of the guest)
  Accel accel = Accel::Auto;
  std::filesystem::path agent;  ///< the static blueprint-agent; empty = the one that is installed with this program
  std::filesystem::path cache;  ///< initramfs by kernel and agent digest, and the answer of the KVM probe
  std::filesystem::path state;  ///< an empty directory of this VM: overlay, sockets, console log
  std::chrono::seconds boot_timeout{120};
  bool network = true;
  std::vector<std::string> pci_devices;  ///< addresses (0000:65:00.0) of the host's devices that the guest gets
};

struct ExecRequest {
  std::vector<std::string> argv;
  std::map<std::string, std::string> env;
  std::string user;     ///< name or number; empty = root
  std::string workdir;  ///< empty = the user's home
  bool tty = false;
  std::uint16_t rows = 24;
  std::uint16_t columns = 80;
  std::string term = "xterm";
};

/// What a running command sees and says. `read_input` is polled through input_fd (-1 = no stdin).
struct ExecStreams {
  int input_fd = -1;  ///< borrowed; end of file closes the command's stdin
  std::function<void(std::string_view)> on_stdout;
  std::function<void(std::string_view)> on_stderr;
  std::function<std::optional<std::pair<std::uint16_t, std::uint16_t>>()>
      window;          ///< called on SIGWINCH-ish polls; rows, columns
  int signal_fd = -1;  ///< borrowed; each byte read from it is a signal number to send to the command
};

struct BootTimes {
  double start_seconds = 0;  ///< until QEMU runs
  double agent_seconds = 0;  ///< from start until the agent answered
  double ready_seconds = 0;  ///< from start until the image's init had started the agent's service
};

/// A booted virtual machine. Its processes end with this object and with this process, whatever happens.
class Vm {
 public:
  /// Boots; returns when the agent answers in the final root. Throws Error V0xx (kind Machine): QEMU missing or
  /// failing, kernel panic, no agent within boot_timeout; each with the last lines of the console. Throws Interrupted.
  Vm(VmConfig config, Events& events, std::stop_token stop);
  ~Vm();
  Vm(const Vm&) = delete;
  Vm& operator=(const Vm&) = delete;

  [[nodiscard]] const BootTimes& boot_times() const;
  [[nodiscard]] Accel accel() const;
  /// Loopback ports of the host, by port of the guest.
  [[nodiscard]] std::map<std::uint16_t, std::uint16_t> ports() const;

  /// Runs a command to its end. Throws Error V010 when the VM is lost; V011 when the command cannot be started (kind
  /// Machine).
  ExitStatus exec(const ExecRequest& request, const ExecStreams& streams, std::stop_token stop);

  /// Unpacks a tar stream read from `tar_fd` into the directory `path` of the guest / writes the tar of `path` to
  /// `tar_fd`.
  void put(int tar_fd, const std::string& path, std::stop_token stop);
  void get(const std::string& path, int tar_fd, std::stop_token stop);

  /// Asks the guest to power off and waits; kills it after `timeout`. Returns whether it went by itself.
  bool power_off(std::chrono::seconds timeout = std::chrono::seconds(20));

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace blueprint::sandbox
