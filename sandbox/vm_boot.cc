#include "sandbox/vm_boot.h"

#include <array>
#include <cstring>
#include <random>

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/process.h"
#include "sandbox/errors.h"
#include "sandbox/initramfs.h"
#include "sandbox/kernel_modules.h"

namespace blueprint::sandbox {
namespace fs = std::filesystem;
namespace {

constexpr std::uint64_t kMinMemory = 128ULL << 20;

std::pair<UniqueFd, UniqueFd> make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw os_error("create a pipe");
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

/// An address for `path`, through a descriptor of its directory where the path is longer than a socket address holds.
struct UnixAddress {
  explicit UnixAddress(const fs::path& path) {
    address.sun_family = AF_UNIX;
    std::string name = path.string();
    if (name.size() >= sizeof(address.sun_path)) {
      directory = open_file(path.parent_path(), O_PATH | O_DIRECTORY);
      name = fmt::format("/proc/self/fd/{}/{}", directory.get(), path.filename().string());
    }
    if (name.size() >= sizeof(address.sun_path))
      throw bad_vm_config(fmt::format("the socket name '{}' is too long", path.string()));
    std::memcpy(address.sun_path, name.c_str(), name.size() + 1);
  }
  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&address); }
  sockaddr_un address{};
  UniqueFd directory;
};

UniqueFd unix_socket() {
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket) throw os_error("create a socket");
  return socket;
}

UniqueFd connect_to(const fs::path& path) {
  UniqueFd socket = unix_socket();
  const UnixAddress address(path);
  if (::connect(socket.get(), address.get(), sizeof(address.address)) != 0) {
    throw os_error(fmt::format("connect to the socket '{}'", path.string()));
  }
  return socket;
}

/// A listening socket for QEMU, and our connection to it, which waits in its backlog.
std::pair<UniqueFd, UniqueFd> listen_and_connect(const fs::path& path) {
  UniqueFd listener = unix_socket();
  const UnixAddress address(path);
  if (::bind(listener.get(), address.get(), sizeof(address.address)) != 0 || ::listen(listener.get(), 4) != 0) {
    throw os_error(fmt::format("listen on the socket '{}'", path.string()));
  }
  return {std::move(listener), connect_to(path)};
}

/// A file that any user may read, in memory.
UniqueFd memory_file(const char* name, std::string_view content) {
  UniqueFd file(::memfd_create(name, MFD_CLOEXEC));
  if (!file || ::fchmod(file.get(), 0444) != 0) throw os_error("make a file in memory");
  write_all(file.get(), content, name);
  return file;
}

UniqueFd open_kernel(const fs::path& path) {
  UniqueFd file = open_file(path, O_RDONLY);
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) throw os_error("look at the kernel");
  if ((status.st_mode & 0004) != 0) return file;
  return memory_file("kernel", read_file(path));
}

UniqueFd make_overlay(const VmConfig& config) {
  const auto path = config.state / "overlay.qcow2";
  // Sub-clusters of 4 KiB: a small write copies nothing from the image, which would have to be fetched and
  // decompressed.
  const auto made = run({.argv = {require_program("qemu-img", "qemu-utils").string(), "create", "-q", "-f", "qcow2",
                                  "-o", "cluster_size=128k,extended_l2=on,lazy_refcounts=on", path.string(),
                                  std::to_string(config.disk_bytes)}});
  if (!made.status.success()) throw qemu_failed(made.err, {});
  return open_file(path, O_RDWR);
}

UniqueFd make_boot_archive(const VmConfig& config) {
  using Need = ModuleWish::Need;
  std::vector<ModuleWish> wishes = {{"virtio_pci", Need::Required},
                                    {"virtio_blk", Need::Required},
                                    {"ext4", Need::Required},
                                    {"virtio_console", Need::Required},
                                    {"virtio_rng", Need::Optional}};
  if (config.network) wishes.push_back({"virtio_net", Need::Optional});
  const auto modules = collect_modules(config.image_file, config.kernel_version, wishes);
  return memory_file("initramfs", make_initramfs(read_file(find_agent(config)), modules));
}

std::string random_machine_id() {
  std::random_device device;
  std::string id;
  for (int i = 0; i < 4; ++i) id += fmt::format("{:08x}", device());
  return id;
}

/// `port` when it can be bound, or one that is free for 0.
std::uint16_t free_port(std::uint16_t port) {
  const UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int yes = 1;
  ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0) throw port_taken(port);
  if (::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) throw os_error("choose a port");
  return ntohs(address.sin_port);
}

void check(const VmConfig& config) {
  if (config.cpus == 0) throw bad_vm_config("it has no processor");
  if (config.memory_bytes < kMinMemory) throw bad_vm_config("it has less than 128 MiB of memory");
  if (config.disk_bytes < config.device_bytes) {
    throw bad_vm_config(
        fmt::format("its disk of {} bytes is smaller than the image of {}", config.disk_bytes, config.device_bytes));
  }
  for (const char c : config.name) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '-')
      throw bad_vm_config("its name is not a host name");
  }
}

}  // namespace

fs::path find_agent(const VmConfig& config) {
  if (!config.agent.empty()) {
    if (!fs::exists(config.agent)) throw agent_missing(config.agent);
    return config.agent;
  }
  const auto here = fs::read_symlink("/proc/self/exe").parent_path();
  for (const auto& candidate : {here / "blueprint-agent", here.parent_path() / "libexec/blueprint/blueprint-agent"}) {
    if (fs::exists(candidate)) return candidate;
  }
  throw agent_missing(here / "blueprint-agent");
}

VmParts prepare_vm(const VmConfig& config, Accel accel) {
  check(config);
  VmParts parts;
  std::tie(parts.qemu.agent_listener, parts.agent) = listen_and_connect(config.state / "agent.sock");
  std::tie(parts.qemu.qmp_listener, parts.qmp) = listen_and_connect(config.state / "qmp.sock");
  std::tie(parts.console, parts.qemu.console) = make_pipe();
  parts.complaints = config.state / "qemu.log";
  parts.qemu.complaints = open_file(parts.complaints, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  parts.qemu.nbd = connect_to(config.nbd_socket);
  parts.qemu.overlay = make_overlay(config);
  parts.qemu.kernel = open_kernel(config.kernel);
  parts.qemu.initramfs = make_boot_archive(config);
  parts.options = {.hostname = config.name,
                   .accel = accel,
                   .cpus = config.cpus,
                   .memory_bytes = config.memory_bytes,
                   .network = config.network,
                   .pci_devices = config.pci_devices};
  parts.options.kernel_arguments = kernel_arguments(config.name, accel, random_machine_id());
  for (const auto& [host, guest] : config.ports) parts.options.ports.emplace_back(free_port(host), guest);
  return parts;
}

}  // namespace blueprint::sandbox
