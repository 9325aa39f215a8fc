#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace blueprint::sandbox {

// Devices of the host that a guest gets whole. The kernel's vfio-pci driver hands a device to a process; the IOMMU
// keeps the device to that process's memory, group by group (Documentation/driver-api/vfio.rst). Which devices are
// given away is the host's administrator's word: those that are bound to vfio-pci. `sysfs` is /sys, or a tree like it.

/// Whether `text` is a PCI address with its domain: 0000:65:00.0.
[[nodiscard]] bool is_pci_address(std::string_view text);

/// Addresses of the first `count` GPUs (display controllers and processing accelerators) that are bound to vfio-pci, in
/// the order of their addresses. Throws Error V014 (kind Machine) when there are fewer; its hints are the commands that
/// bind those that the machine has.
[[nodiscard]] std::vector<std::string> find_gpus(const std::filesystem::path& sysfs, std::size_t count);

/// The nodes that QEMU opens for these devices: /dev/vfio/vfio and /dev/vfio/GROUP for each group, sorted. Throws Error
/// V014 for a device that is absent or bound to another driver, V015 when its IOMMU group cannot be handed over: there
/// is no IOMMU, or a driver of the host still works in the group.
[[nodiscard]] std::vector<std::filesystem::path> vfio_nodes(const std::filesystem::path& sysfs,
                                                            const std::vector<std::string>& addresses);

/// Lets this process and its children lock `memory_bytes` of a guest in memory: devices write to it whenever they like,
/// so it is never swapped out. Throws Error V016 when that is not allowed, or one of `nodes` cannot be opened.
void check_vfio_access(const std::vector<std::filesystem::path>& nodes, std::uint64_t memory_bytes);

/// What a guest with devices locks: its memory, and what QEMU maps beside it. libvirt allows the same gibibyte.
[[nodiscard]] constexpr std::uint64_t locked_bytes(std::uint64_t memory_bytes) {
  return memory_bytes + (std::uint64_t{1} << 30);
}

}  // namespace blueprint::sandbox
