#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/fd.h"
#include "base/process.h"
#include "sandbox/vm.h"

namespace blueprint::sandbox {

/// The descriptors that a QEMU is given. It opens nothing by name but its own firmware, so it can run as nobody,
/// whatever the permissions of the directories on the way to store and state.
struct QemuFds {
  UniqueFd agent_listener;
  UniqueFd qmp_listener;
  UniqueFd nbd;      ///< connected to the export of the root disk
  UniqueFd overlay;  ///< the qcow2 file, read-write
  UniqueFd kernel;
  UniqueFd initramfs;
  UniqueFd console;  ///< write end of a pipe: the serial port
  UniqueFd complaints;
};

struct QemuOptions {
  std::string hostname;
  Accel accel = Accel::Tcg;  ///< not Auto
  std::uint32_t cpus = 1;
  std::uint64_t memory_bytes = 0;
  bool network = true;
  std::vector<std::pair<std::uint16_t, std::uint16_t>> ports;  ///< (host, guest); no host port is 0
  std::string kernel_arguments;
  std::vector<std::string> pci_devices;  ///< addresses; each is bound to vfio-pci
};

/// Machine, processor and accelerator; the KVM probe uses the same, so that its answer holds for real guests.
[[nodiscard]] std::vector<std::string> machine_arguments(Accel accel);

/// The rest of the command line. `fds` decide the numbers in it.
[[nodiscard]] Command qemu_command(const QemuOptions& options, const QemuFds& fds,
                                   const std::filesystem::path& program);

/// `command` run as an unprivileged user when this process is root (setpriv and prlimit, which are parts of
/// util-linux). The groups of `devices`, which it opens by name, are kept; where that is not enough to open one,
/// privileges stay and that one is returned.
std::optional<std::filesystem::path> drop_privileges(Command& command,
                                                     const std::vector<std::filesystem::path>& devices);

/// The kernel's command line for a guest.
[[nodiscard]] std::string kernel_arguments(std::string_view hostname, Accel accel, std::string_view machine_id);

}  // namespace blueprint::sandbox
