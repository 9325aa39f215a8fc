#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sandbox/kernel_modules.h"

namespace blueprint::sandbox {

/// Writes a cpio archive in the kernel's "newc" format (Documentation/driver-api/early-userspace/buffer-format.rst).
/// Times, owners and device numbers are zero and inode numbers count up, so that the bytes follow from the calls alone.
class CpioWriter {
 public:
  void directory(std::string_view path);
  void file(std::string_view path, std::uint32_t permissions, std::string_view content);
  void character_device(std::string_view path, std::uint32_t major, std::uint32_t minor);
  /// Ends the archive, padded as the kernel likes it.
  [[nodiscard]] std::string finish();

 private:
  void entry(std::string_view path, std::uint32_t mode, std::string_view content, std::uint32_t major,
             std::uint32_t minor);
  std::string bytes_;
  std::uint32_t inode_ = 0;
};

/// The initramfs of a VM: the agent as /init, its console, and the modules with their order in /modules/list.
[[nodiscard]] std::string make_initramfs(std::string_view agent, std::span<const KernelModule> modules);

}  // namespace blueprint::sandbox
