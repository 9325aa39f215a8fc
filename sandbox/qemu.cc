// The command line of QEMU.
//
// Machine: q35 with all that a guest of ours never looks at switched off. microvm was measured too: under TCG its
// firmware alone takes 2.5 s longer (docs/agent-protocol.md names the numbers), and it would need virtio-mmio modules.
//
// Everything that belongs to a VM arrives as a descriptor: overlay and kernel through /proc/self/fd and fd sets,
// sockets as listening descriptors to which we have already connected, the NBD export as a connected socket. So QEMU
// needs no permission on any of our directories, no socket has to be waited for, and a path is as long as it likes.

#include "sandbox/qemu.h"

#include <array>
#include <set>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "sandbox/protocol.h"

namespace blueprint::sandbox {
namespace {

constexpr unsigned kNobody = 65534;

// What QEMU sees. 0 to 2 are its standard streams.
enum : int { kAgentFd = 10, kQmpFd, kNbdFd, kOverlayFd, kKernelFd, kInitramfsFd };

void add(std::vector<std::string>& argv, std::initializer_list<std::string> words) { argv.insert(argv.end(), words); }

void add_disk(std::vector<std::string>& argv) {
  // The backing file is named here and not in the overlay's header, because it is a descriptor. Flushes are not passed
  // on: an overlay does not outlive its VM, let alone a crash of the host.
  add(argv,
      {"-add-fd", fmt::format("fd={},set=1,opaque=overlay", static_cast<int>(kOverlayFd)), "-blockdev",
       fmt::format(R"({{"driver":"nbd","node-name":"image","read-only":true,"server":{{"type":"fd","str":"{}"}}}})",
                   static_cast<int>(kNbdFd)),
       "-blockdev",
       R"({"driver":"qcow2","node-name":"disk","file":{"driver":"file","filename":"/dev/fdset/1","locking":"off",)"
       R"("cache":{"no-flush":true}},"backing":"image","discard":"unmap","cache":{"no-flush":true}})",
       "-device", "virtio-blk-pci,drive=disk,disable-legacy=on"});
}

void add_network(std::vector<std::string>& argv, const QemuOptions& options) {
  if (!options.network) return;
  std::string netdev = "user,id=net,ipv6=off";
  if (!options.hostname.empty()) netdev += fmt::format(",hostname={}", options.hostname);
  for (const auto& [host, guest] : options.ports)
    netdev += fmt::format(",hostfwd=tcp:127.0.0.1:{}-10.0.2.15:{}", host, guest);
  add(argv, {"-netdev", netdev, "-device", "virtio-net-pci,netdev=net,romfile=,disable-legacy=on"});
}

/// Each behind a port of its own, as on a real board: drivers look at the link above their device.
void add_pci_devices(std::vector<std::string>& argv, const QemuOptions& options) {
  int number = 0;
  for (const auto& address : options.pci_devices) {
    ++number;
    add(argv, {"-device", fmt::format("pcie-root-port,id=port{0},chassis={0}", number), "-device",
               fmt::format("vfio-pci,host={},bus=port{}", address, number)});
  }
}

}  // namespace

std::vector<std::string> machine_arguments(Accel accel) {
  std::vector<std::string> argv = {"-nodefaults", "-no-user-config",
                                   "-display",    "none",
                                   "-machine",    "q35,hpet=off,smm=off,sata=off,smbus=off,vmport=off,i8042=off"};
  if (accel == Accel::Kvm) {
    add(argv, {"-accel", "kvm", "-cpu", "host"});
  } else {
    add(argv, {"-accel", "tcg,thread=multi", "-cpu", "max"});
  }
  return argv;
}

Command qemu_command(const QemuOptions& options, const QemuFds& fds, const std::filesystem::path& program) {
  Command command;
  command.argv.push_back(program.string());
  for (auto& word : machine_arguments(options.accel)) command.argv.push_back(std::move(word));
  auto& argv = command.argv;
  add(argv, {"-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny", "-name",
             fmt::format("blueprint-{}", options.hostname.empty() ? "vm" : options.hostname), "-smp",
             std::to_string(options.cpus), "-m", fmt::format("{}M", options.memory_bytes >> 20), "-no-reboot",
             "-kernel", fmt::format("/proc/self/fd/{}", static_cast<int>(kKernelFd)), "-initrd",
             fmt::format("/proc/self/fd/{}", static_cast<int>(kInitramfsFd)), "-append", options.kernel_arguments,
             // The console goes to QEMU's stdout, which is our pipe.
             "-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console", "-chardev",
             fmt::format("socket,id=agent,fd={},server=on,wait=off", static_cast<int>(kAgentFd)), "-chardev",
             fmt::format("socket,id=qmp,fd={},server=on,wait=off", static_cast<int>(kQmpFd)), "-mon",
             "chardev=qmp,mode=control", "-device", "virtio-serial-pci,disable-legacy=on", "-device",
             fmt::format("virtserialport,chardev=agent,name={}", protocol::kPortName), "-object",
             "rng-random,id=rng,filename=/dev/urandom", "-device", "virtio-rng-pci,rng=rng,disable-legacy=on"});
  add_disk(argv);
  add_network(argv, options);
  add_pci_devices(argv, options);
  command.stdout_fd = fds.console.get();
  command.stderr_fd = fds.complaints.get();
  command.extra_fds = {
      {fds.agent_listener.get(), kAgentFd}, {fds.qmp_listener.get(), kQmpFd}, {fds.nbd.get(), kNbdFd},
      {fds.overlay.get(), kOverlayFd},      {fds.kernel.get(), kKernelFd},    {fds.initramfs.get(), kInitramfsFd}};
  command.environment = std::vector<std::string>{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"};
  command.new_session = true;
  return command;
}

std::optional<std::filesystem::path> drop_privileges(Command& command,
                                                     const std::vector<std::filesystem::path>& devices) {
  if (::geteuid() != 0) return std::nullopt;
  std::set<gid_t> groups;
  for (const auto& device : devices) {
    struct stat status {};
    if (::stat(device.c_str(), &status) != 0 || (status.st_mode & 0006) == 0006) continue;
    if ((status.st_mode & 0060) != 0060 || status.st_gid == 0) return device;
    groups.insert(status.st_gid);
  }
  std::vector<std::string> argv = {require_program("setpriv", "util-linux").string(),
                                   fmt::format("--reuid={}", kNobody), fmt::format("--regid={}", kNobody),
                                   "--no-new-privs", "--bounding-set=-all",
                                   // Changing the user clears the signal that base/process asked for.
                                   "--pdeathsig=KILL"};
  argv.push_back(groups.empty() ? std::string("--clear-groups") : fmt::format("--groups={}", fmt::join(groups, ",")));
  command.argv.insert(command.argv.begin(), argv.begin(), argv.end());
  return std::nullopt;
}

std::string kernel_arguments(std::string_view hostname, Accel accel, std::string_view machine_id) {
  std::string line =
      "console=ttyS0 quiet panic=-1 rw root=/dev/vda rootfstype=ext4 net.ifnames=0 random.trust_cpu=on "
      "systemd.getty_auto=no systemd.show_status=no";
  // Emulated instructions do not speculate, so the mitigations would only cost; the kernel's self-tests of its
  // cryptography take a fifth of an emulated boot. A timer that is late on a busy host is no reason to look for
  // another.
  if (accel == Accel::Tcg) line += " mitigations=off cryptomgr.notests no_timer_check";
  line += fmt::format(" systemd.machine_id={}", machine_id);
  if (!hostname.empty()) line += fmt::format(" systemd.hostname={}", hostname);
  return line;
}

}  // namespace blueprint::sandbox
