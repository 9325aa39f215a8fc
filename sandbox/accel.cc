// Does KVM work here? /dev/kvm may open, create VMs and yet never run a guest to anywhere (nested virtualisation), or
// QEMU may fail on a register that the host does not let it set. So we ask the way a real guest would: same machine,
// same processor, same kind of disk, firmware included. A boot sector takes the processor into long mode with paging
// and ends QEMU through the isa-debug-exit device. A healthy machine answers within 0.2 s; one that needs over two
// seconds for it is slower than TCG.

#include "sandbox/accel.h"

#include <array>
#include <cstdint>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/file.h"
#include "base/process.h"
#include "base/text.h"
#include "sandbox/errors.h"
#include "sandbox/qemu.h"
#include "sandbox/wakeup.h"

namespace blueprint::sandbox {
namespace {

constexpr std::chrono::milliseconds kDeadline{2000};
constexpr int kDiskFd = 10;

/// The guest writes 42 to the debug-exit port; QEMU then exits with 42 * 2 + 1.
constexpr int kExitCode = 85;

/// Loaded at 0x7c00 in real mode:
///   cli; ax = ds = es = ss = 0; sp = 0x7c00
///   zero 0x1000..0x3fff; PML4[0] = 0x2003; PDPT[0] = 0x3003; PD[0] = 0x83 (one page of 2 MiB)
///   cr4 = PAE; cr3 = 0x1000; EFER |= LME; lgdt; cr0 |= PG | PE; ljmp 8:long
///   long: out 0x3f8, 'K'; out 0xf4, 42; hlt
///   gdt: null, 64-bit code; gdtr: 15, gdt
constexpr std::uint8_t kBootSector[] = {
    0xfa, 0x31, 0xc0, 0x8e, 0xd8, 0x8e, 0xc0, 0x8e, 0xd0, 0xbc, 0x00, 0x7c, 0xfc, 0xbf, 0x00, 0x10, 0xb9, 0x00, 0x18,
    0xf3, 0xab, 0xc7, 0x06, 0x00, 0x10, 0x03, 0x20, 0xc7, 0x06, 0x00, 0x20, 0x03, 0x30, 0xc7, 0x06, 0x00, 0x30, 0x83,
    0x00, 0x66, 0xb8, 0x20, 0x00, 0x00, 0x00, 0x0f, 0x22, 0xe0, 0x66, 0xb8, 0x00, 0x10, 0x00, 0x00, 0x0f, 0x22, 0xd8,
    0x66, 0xb9, 0x80, 0x00, 0x00, 0xc0, 0x0f, 0x32, 0x0d, 0x00, 0x01, 0x0f, 0x30, 0x0f, 0x20, 0xc0, 0x66, 0x0d, 0x01,
    0x00, 0x00, 0x80, 0x0f, 0x01, 0x16, 0x80, 0x7c, 0x0f, 0x22, 0xc0, 0xea, 0x5c, 0x7c, 0x08, 0x00, 0x66, 0xba, 0xf8,
    0x03, 0xb0, 0x4b, 0xee, 0xb0, 0x2a, 0x66, 0xba, 0xf4, 0x00, 0xee, 0xf4, 0xeb, 0xfd, 0x0f, 0x1f, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0x00, 0x00, 0x00, 0x9b, 0xaf, 0x00, 0x0f, 0x00, 0x70, 0x7c,
};

UniqueFd boot_disk() {
  UniqueFd disk(::memfd_create("probe", MFD_CLOEXEC));
  // The firmware wants a disk of more than one sector.
  if (!disk || ::ftruncate(disk.get(), 1 << 20) != 0) throw os_error("make the probe's disk");
  pwrite_all(disk.get(), std::as_bytes(std::span(kBootSector)), 0, "the probe's disk");
  constexpr std::array<std::uint8_t, 2> kSignature = {0x55, 0xaa};
  pwrite_all(disk.get(), std::as_bytes(std::span(kSignature)), 510, "the probe's disk");
  return disk;
}

std::string boot_id() { return std::string(trim(read_file_if_exists("/proc/sys/kernel/random/boot_id").value_or(""))); }

/// Waits for the end of `child`; nothing when `timeout` passes first. Throws Interrupted.
std::optional<ExitStatus> wait_or_stop(ChildProcess& child, std::chrono::milliseconds timeout,
                                       const std::stop_token& stop) {
  Wakeup interrupt;
  const std::stop_callback on_stop(stop, [&interrupt] { interrupt.raise(); });
  const UniqueFd process(static_cast<int>(::syscall(SYS_pidfd_open, child.pid(), 0)));
  pollfd waits[2] = {{.fd = process.get(), .events = POLLIN, .revents = 0},
                     {.fd = interrupt.fd(), .events = POLLIN, .revents = 0}};
  ::poll(waits, 2, static_cast<int>(timeout.count()));
  if (stop.stop_requested()) throw Interrupted{};
  return child.poll();
}

}  // namespace

std::optional<std::string> probe_kvm(const std::filesystem::path& qemu, std::stop_token stop) {
  if (::access("/dev/kvm", R_OK | W_OK) != 0) return "/dev/kvm is not there or not ours to use";
  const UniqueFd disk = boot_disk();
  Command command;
  command.argv.push_back(qemu.string());
  for (auto& word : machine_arguments(Accel::Kvm)) command.argv.push_back(std::move(word));
  for (const char* word :
       {"-m", "16", "-no-reboot", "-add-fd", "fd=10,set=1", "-blockdev",
        R"({"driver":"file","node-name":"disk","filename":"/dev/fdset/1","read-only":true,"locking":"off"})", "-device",
        "virtio-blk-pci,drive=disk,disable-legacy=on", "-device", "isa-debug-exit,iobase=0xf4,iosize=4"}) {
    command.argv.emplace_back(word);
  }
  command.extra_fds = {{disk.get(), kDiskFd}};
  command.new_session = true;
  ChildProcess child(command);
  const auto status = wait_or_stop(child, kDeadline, stop);
  if (!status)
    return fmt::format("a probe guest did not get through its first instructions in {} ms", kDeadline.count());
  if (*status == ExitStatus{.code = kExitCode, .signal = 0}) return std::nullopt;
  return fmt::format("qemu ended a probe guest with {}", status->to_string());
}

Accel choose_accel(Accel wanted, const std::filesystem::path& cache, const std::filesystem::path& qemu, Events& events,
                   std::stop_token stop) {
  if (wanted == Accel::Tcg) return wanted;
  if (wanted == Accel::Kvm) {
    if (const auto reason = probe_kvm(qemu, stop)) throw kvm_unusable(*reason);
    return wanted;
  }
  if (::access("/dev/kvm", F_OK) != 0) return Accel::Tcg;
  const auto file = cache / "kvm-probe";
  const auto id = boot_id();
  const auto known = split(read_file_if_exists(file).value_or(""), ' ');
  if (known.size() == 2 && known[0] == id && !id.empty()) return trim(known[1]) == "kvm" ? Accel::Kvm : Accel::Tcg;
  const auto reason = probe_kvm(qemu, stop);
  if (reason)
    events.note(fmt::format("KVM is not used: {}; guests run under TCG, which is several times slower", *reason));
  try {
    std::error_code ignored;
    std::filesystem::create_directories(cache, ignored);
    write_file_atomic(file, fmt::format("{} {}\n", id, reason ? "tcg" : "kvm"));
  } catch (const Error&) {
    // A cache that cannot be written costs the next boot another probe.
  }
  return reason ? Accel::Tcg : Accel::Kvm;
}

}  // namespace blueprint::sandbox
