// From the kernel's first instruction in user space to the image's init.
//
// The initramfs holds this program as /init and, in /modules, what the root device needs, in the order of
// /modules/list. The disk appears some time after its driver is loaded, so we wait for kernel events and try again at
// each; there is no sleeping and no limit here: the host has the deadline and shows our last line when it passes.
//
// Nothing is written to the image. Agent and unit go to a tmpfs on /run, which systemd leaves alone when it is mounted
// already.

#include "sandbox/agent/boot.h"

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string>

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox/agent/network.h"
#include "sandbox/agent/sys.h"

namespace blueprint::agent {
namespace {

constexpr const char* kRoot = "/sysroot";
constexpr const char* kAgent = "/run/blueprint/agent";

constexpr std::string_view kUnit =
    "[Unit]\n"
    "Description=blueprint agent\n"
    "DefaultDependencies=no\n"
    "IgnoreOnIsolate=yes\n"
    // First among equals: a boot has many services to start, and the host waits for this one.
    "Before=systemd-journald.service systemd-udevd.service systemd-udev-trigger.service systemd-modules-load.service "
    "systemd-tmpfiles-setup-dev.service systemd-sysctl.service systemd-sysusers.service systemd-random-seed.service "
    "systemd-remount-fs.service local-fs-pre.target\n"
    "[Service]\n"
    "ExecStart=/run/blueprint/agent serve\n"
    "Restart=always\n"
    "RestartSec=0\n"
    "StartLimitInterval=0\n"
    // Commands run in this unit's control group, which is theirs to divide; they end with the agent.
    "Delegate=yes\n"
    "KillMode=control-group\n"
    "SendSIGHUP=yes\n"
    "TasksMax=infinity\n"
    "LimitNOFILE=1048576\n"
    "OOMScoreAdjust=-900\n"
    "Nice=-10\n"
    "StandardInput=null\n"
    "StandardOutput=null\n"
    "StandardError=null\n";

[[noreturn]] void give_up(const char* action, int error_number) {
  complain(action, error_number);
  // Ending would be a panic, whose trace hides the line above. The host knows a boot that ends itself for one that
  // failed.
  ::reboot(RB_POWER_OFF);
  ::_exit(1);
}

void must_mount(const char* source, const char* target, const char* type, unsigned long flags, const char* data) {
  ::mkdir(target, 0755);
  if (::mount(source, target, type, flags, data) != 0 && errno != EBUSY) give_up(target, errno);
}

void load_modules() {
  const auto list = read_text("/modules/list").value_or("");
  for (const auto& name : split_words(list, '\n')) {
    const std::string path = "/modules/" + name;
    const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    // One that does not load may not be needed; when it is, the disk stays away and the host shows this line.
    if (!fd || (::syscall(SYS_finit_module, fd.get(), "", 0) != 0 && errno != EEXIST)) complain("load " + name, errno);
    ::unlink(path.c_str());
  }
}

void wait_for_device(const char* device, KernelEvents& events) {
  if (!exists(device)) say(std::string("waiting for ") + device);
  while (!exists(device)) events.wait();
}

/// Blocks that the filesystem on `device` has and blocks of its size that the device has; zeros when it is not ext4.
struct Extent {
  std::uint64_t filesystem_blocks = 0;
  std::uint64_t device_blocks = 0;
};

Extent measure(const char* device) {
  const UniqueFd fd(::open(device, O_RDONLY | O_CLOEXEC));
  unsigned char super[1024];
  std::uint64_t bytes = 0;
  if (!fd || ::pread(fd.get(), super, sizeof(super), 1024) != sizeof(super)) return {};
  if (::ioctl(fd.get(), BLKGETSIZE64, &bytes) != 0) return {};
  const auto u32 = [&super](std::size_t offset) {
    std::uint32_t value = 0;
    std::memcpy(&value, super + offset, sizeof(value));
    return std::uint64_t{value};
  };
  if (super[0x38] != 0x53 || super[0x39] != 0xef || u32(0x18) > 6) return {};
  constexpr std::uint64_t k64Bit = 0x80;
  const bool wide = (u32(0x60) & k64Bit) != 0;
  return {.filesystem_blocks = u32(0x4) | (wide ? u32(0x150) << 32 : 0), .device_blocks = bytes >> (10 + u32(0x18))};
}

void grow(const char* device) {
  const Extent extent = measure(device);
  if (extent.device_blocks <= extent.filesystem_blocks || extent.filesystem_blocks == 0) return;
  const UniqueFd root(::open(kRoot, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  constexpr unsigned long kResize = _IOW('f', 16, std::uint64_t);  // EXT4_IOC_RESIZE_FS
  // A disk that stays small is no reason not to boot.
  if (!root || ::ioctl(root.get(), kResize, &extent.device_blocks) != 0) complain("grow the root filesystem", errno);
}

/// The disk answers over a socket, and may fetch and decompress: fewer, larger reads boot systemd a fifth sooner (512
/// against the kernel's 128, median of four boots each under TCG).
void read_ahead(const std::string& device) {
  const auto name = device.substr(device.rfind('/') + 1);
  write_text(("/sys/block/" + name + "/queue/read_ahead_kb").c_str(), "512");
}

void mount_root(const std::string& device) {
  read_ahead(device);
  ::mkdir(kRoot, 0755);
  // noinit_itable: zeroing unused inode tables in the background would copy hundreds of MiB into the overlay.
  if (::mount(device.c_str(), kRoot, "ext4", MS_NOATIME, "noinit_itable") != 0) {
    give_up("mount the root filesystem", errno);
  }
  grow(device.c_str());
}

int copy_file(const char* from, const char* to, unsigned mode) {
  const UniqueFd in(::open(from, O_RDONLY | O_CLOEXEC));
  const UniqueFd out(::open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode));
  if (!in || !out) return errno;
  char buffer[65536];
  while (true) {
    const ssize_t got = ::read(in.get(), buffer, sizeof(buffer));
    if (got == 0) return 0;
    if (got < 0 || ::write(out.get(), buffer, static_cast<std::size_t>(got)) != got) return errno;
  }
}

/// The agent and its unit, where systemd finds both.
void install_in_run() {
  must_mount("tmpfs", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=20%");
  make_directories("/run/blueprint", 0755);
  if (const int error_number = copy_file("/init", kAgent, 0755); error_number != 0)
    give_up("copy the agent", error_number);
  for (const char* target : {"sysinit.target.wants", "emergency.target.wants"}) {
    const std::string wants = std::string("/run/systemd/system/") + target;
    make_directories(wants);
    [[maybe_unused]] const int linked =
        ::symlink("../blueprint-agent.service", (wants + "/blueprint-agent.service").c_str());
  }
  write_text("/run/systemd/system/blueprint-agent.service", kUnit);
}

void switch_root() {
  for (const char* directory : {"/dev", "/proc", "/sys", "/run"}) {
    const std::string target = std::string(kRoot) + directory;
    ::mkdir(target.c_str(), 0755);
    if (::mount(directory, target.c_str(), nullptr, MS_MOVE, nullptr) != 0) give_up(target.c_str(), errno);
  }
  ::unlink("/init");
  if (::chdir(kRoot) != 0 || ::mount(".", "/", nullptr, MS_MOVE, nullptr) != 0 || ::chroot(".") != 0 ||
      ::chdir("/") != 0) {
    give_up("switch to the root filesystem", errno);
  }
}

bool is_systemd(const char* init) {
  char target[4096];
  const ssize_t size = ::readlink(init, target, sizeof(target));
  return size > 0 && std::string_view(target, static_cast<std::size_t>(size)).find("systemd") != std::string_view::npos;
}

[[noreturn]] void start(const char* program, const char* argument) {
  const char* argv[] = {program, argument, nullptr};
  const char* environment[] = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=linux",
                               nullptr};
  ::execve(program, const_cast<char**>(argv), const_cast<char**>(environment));
  give_up(program, errno);
}

}  // namespace

void boot() {
  must_mount("devtmpfs", "/dev", "devtmpfs", MS_NOSUID, "mode=0755");
  must_mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr);
  must_mount("sysfs", "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr);
  say("started");
  KernelEvents events;
  load_modules();
  const std::string device = kernel_argument("blueprint.root").value_or("/dev/vda");
  wait_for_device(device.c_str(), events);
  mount_root(device);
  install_in_run();
  configure_network();
  switch_root();
  configure_resolver();

  const bool wants_init = kernel_argument("blueprint.init").value_or("auto") != "none";
  const char* init = "/sbin/init";
  if (!wants_init || ::access(init, X_OK) != 0) {
    say("no init in the image; running as init");
    start(kAgent, "init");
  }
  say("root is mounted; starting /sbin/init");
  // Any other init knows nothing of units in /run: the agent runs beside it from the start.
  if (!is_systemd(init) && ::fork() == 0) {
    ::setsid();
    start(kAgent, "serve");
  }
  start(init, nullptr);
}

void prepare_as_init() {
  must_mount("devpts", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "mode=0620,gid=5,ptmxmode=0666");
  must_mount("tmpfs", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777");
  ::mount("cgroup2", "/sys/fs/cgroup", "cgroup2", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr);
  ::mkdir("/run/lock", 01777);
  ::mkdir("/run/shm", 0755);
  ::umask(022);
  for (const auto& [target, link] : {std::pair{"/proc/self/fd", "/dev/fd"},
                                     {"/proc/self/fd/0", "/dev/stdin"},
                                     {"/proc/self/fd/1", "/dev/stdout"},
                                     {"/proc/self/fd/2", "/dev/stderr"}}) {
    [[maybe_unused]] const int linked = ::symlink(target, link);
  }
  if (const auto name = kernel_argument("systemd.hostname")) ::sethostname(name->data(), name->size());
}

}  // namespace blueprint::agent
