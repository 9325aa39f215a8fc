#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace blueprint::sandbox {

// The wording of everything that can go wrong with a VM. `console` is the last lines of the guest's console; it becomes
// part of the hints, made printable: a guest does not drive the user's terminal.

/// V001: QEMU ended before the guest was up; `complaint` is what it said.
[[nodiscard]] Error qemu_failed(std::string_view complaint, const std::vector<std::string>& console);
/// V002: the guest gave up: its kernel panicked, or the agent could not mount the root.
[[nodiscard]] Error guest_did_not_boot(std::string_view reason, const std::vector<std::string>& console);
/// V003: no agent answered in time; `reached` says how far the boot came.
[[nodiscard]] Error agent_silent(long seconds, std::string_view reached, const std::vector<std::string>& console);
/// V004: the image lacks what a VM needs.
[[nodiscard]] Error module_missing(std::string_view module, std::string_view kernel_version);
/// V005: a kernel module of the image cannot be read.
[[nodiscard]] Error module_damaged(std::string_view path, std::string_view reason);
/// V006: the agent's program is not installed.
[[nodiscard]] Error agent_missing(const std::filesystem::path& looked_for);
/// V007: KVM was asked for and does not run a guest.
[[nodiscard]] Error kvm_unusable(std::string_view reason);
/// V008: a host port cannot be forwarded.
[[nodiscard]] Error port_taken(unsigned port);
/// V009: the VM's configuration cannot work.
[[nodiscard]] Error bad_vm_config(std::string_view reason);
/// V010: the VM, or its agent, is gone.
[[nodiscard]] Error vm_lost(std::string_view reason, const std::vector<std::string>& console);
/// V011: the guest could not start the command.
[[nodiscard]] Error command_not_started(std::string_view reason, int error_number);
/// V012: a transfer of files failed in the guest.
[[nodiscard]] Error transfer_failed(std::string_view path, std::string_view complaint);
/// V013: host and guest do not speak the same protocol.
[[nodiscard]] Error protocol_broken(std::string_view reason);
/// V014: fewer GPUs are bound to vfio-pci than the guest is to get; `others` are those with another driver or none.
[[nodiscard]] Error too_few_gpus(std::size_t wanted, std::size_t bound, const std::vector<std::string>& others);
/// V014: the machine has no such PCI device / its driver is another one; empty = it has none.
[[nodiscard]] Error no_such_device(std::string_view address);
[[nodiscard]] Error device_not_bound(std::string_view address, std::string_view driver);
/// V015: a device cannot be isolated: the machine's IOMMU is off, or `neighbour` of its group works for the host.
[[nodiscard]] Error no_iommu(std::string_view address);
[[nodiscard]] Error group_in_use(std::string_view address, std::string_view group, std::string_view neighbour,
                                 std::string_view driver);
/// V016: this user may not take devices.
[[nodiscard]] Error vfio_node_unusable(const std::filesystem::path& node, int error_number);
[[nodiscard]] Error memory_lock_limit(std::uint64_t limit_bytes, std::uint64_t needed_bytes);

}  // namespace blueprint::sandbox
