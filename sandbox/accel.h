#pragma once

#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>

#include "base/events.h"
#include "sandbox/vm.h"

namespace blueprint::sandbox {

/// Whether a guest really runs under KVM here: nothing when it does, else why not. Boots the machine of our VMs with a
/// boot sector that goes through real, protected and long mode with paging and then says so; two seconds is the limit.
/// Throws Interrupted.
[[nodiscard]] std::optional<std::string> probe_kvm(const std::filesystem::path& qemu, std::stop_token stop);

/// The accelerator to use for `wanted`. For Auto the answer of the probe is kept in `cache` for this boot of the host,
/// and falling back to TCG is said once per boot through `events`. Throws Error V007 when KVM is demanded and does not
/// work.
[[nodiscard]] Accel choose_accel(Accel wanted, const std::filesystem::path& cache, const std::filesystem::path& qemu,
                                 Events& events, std::stop_token stop);

}  // namespace blueprint::sandbox
