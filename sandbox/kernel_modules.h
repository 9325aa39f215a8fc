#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sandbox/vm.h"

namespace blueprint::sandbox {

struct KernelModule {
  std::string name;   ///< as the kernel says it: "virtio_pci"
  std::string bytes;  ///< the ELF file, decompressed
};

/// What a module says of itself in its .modinfo section.
struct ModuleInfo {
  std::vector<std::string> depends;
  std::vector<std::string> soft_depends;  ///< "softdep=pre: …": load first when there is such a module
};

/// `bytes` decompressed when it is xz, zstd or gzip; as it is otherwise. Throws Error V005 naming `path`.
[[nodiscard]] std::string decompress_module(std::string bytes, std::string_view path);
/// Reads .modinfo of an ELF64 module; bytes may be hostile. Throws Error V005 naming `path`.
[[nodiscard]] ModuleInfo read_module_info(std::string_view bytes, std::string_view path);

struct ModuleWish {
  std::string name;
  enum class Need { Required, Optional } need = Need::Required;
};

/// The wished-for modules and all that they depend on, each once and after what it depends on. What is built into the
/// kernel is left out. Throws Error V004 when a required one is neither a file nor built in.
[[nodiscard]] std::vector<KernelModule> collect_modules(const ImageFile& image_file, std::string_view kernel_version,
                                                        std::span<const ModuleWish> wishes);

}  // namespace blueprint::sandbox
