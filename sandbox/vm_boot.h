#pragma once

#include <filesystem>
#include <utility>
#include <vector>

#include "base/fd.h"
#include "sandbox/qemu.h"
#include "sandbox/vm.h"

namespace blueprint::sandbox {

/// All that a VM is made of before QEMU runs: QEMU's descriptors and our ends of them.
struct VmParts {
  QemuFds qemu;
  UniqueFd agent;  ///< connected to the agent's listener; what is sent waits until QEMU and guest are there
  UniqueFd qmp;
  UniqueFd console;                  ///< read end
  std::filesystem::path complaints;  ///< the file that takes QEMU's stderr
  QemuOptions options;
};

/// Checks `config`, writes overlay and initramfs, opens the sockets. Throws Errors V004 to V009 and os_error.
[[nodiscard]] VmParts prepare_vm(const VmConfig& config, Accel accel);

/// `config.agent`, else what is installed with this program: beside it, or in ../libexec/blueprint. Throws Error V006.
[[nodiscard]] std::filesystem::path find_agent(const VmConfig& config);

}  // namespace blueprint::sandbox
