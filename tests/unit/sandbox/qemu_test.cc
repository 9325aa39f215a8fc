#include "sandbox/qemu.h"

#include <catch2/catch.hpp>

#include <algorithm>

#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"

namespace blueprint::sandbox {
namespace {

std::string command_line(const QemuOptions& options) {
  const QemuFds fds;
  return join(qemu_command(options, fds, "/usr/bin/qemu-system-x86_64").argv, " ");
}

}  // namespace

TEST_CASE("ports are forwarded from the loopback interface and from no other") {
  const auto line = command_line({.memory_bytes = 1 << 30, .ports = {{4000, 80}, {4001, 443}}});
  CHECK(line.find("hostfwd=tcp:127.0.0.1:4000-10.0.2.15:80,hostfwd=tcp:127.0.0.1:4001-10.0.2.15:443") !=
        std::string::npos);
  CHECK(line.find("hostfwd=tcp::") == std::string::npos);
}

TEST_CASE("a guest without a network has no network device") {
  const auto line = command_line({.memory_bytes = 1 << 30, .network = false});
  CHECK(line.find("-netdev") == std::string::npos);
  CHECK(line.find("virtio-net") == std::string::npos);
}

TEST_CASE("QEMU is confined: no defaults, no user's configuration, no processes, no reboot") {
  const auto line = command_line({.memory_bytes = 1 << 30});
  for (const char* word : {"-nodefaults", "-no-user-config", "-no-reboot", "spawn=deny", "elevateprivileges=deny"}) {
    INFO(word);
    CHECK(line.find(word) != std::string::npos);
  }
}

TEST_CASE("devices of the host are handed over by their addresses, each behind a port of its own") {
  const auto line = command_line({.memory_bytes = 1 << 30, .pci_devices = {"0000:65:00.0", "0000:b3:00.0"}});
  CHECK(line.find("-device pcie-root-port,id=port1,chassis=1 -device vfio-pci,host=0000:65:00.0,bus=port1") !=
        std::string::npos);
  CHECK(line.find("-device vfio-pci,host=0000:b3:00.0,bus=port2") != std::string::npos);
  CHECK(command_line({.memory_bytes = 1 << 30}).find("vfio") == std::string::npos);
}

TEST_CASE("QEMU keeps the groups of its devices, and its privileges where only root may use one") {
  if (::geteuid() != 0) return;
  const TempDir directory;
  const auto device = [&](const char* name, unsigned mode, gid_t group) {
    const auto path = directory.path() / name;
    write_file_atomic(path, "");
    REQUIRE(::chown(path.c_str(), 0, group) == 0);
    REQUIRE(::chmod(path.c_str(), mode) == 0);
    return path;
  };
  const auto everybody = device("everybody", 0666, 0);
  const auto group = device("group", 0660, 107);
  Command command{.argv = {"qemu"}};
  CHECK_FALSE(drop_privileges(command, {everybody, group}));
  const auto line = join(command.argv, " ");
  CHECK(line.find("--groups=107") != std::string::npos);
  CHECK(line.ends_with(" qemu"));

  const auto only_root = device("root", 0600, 0);
  Command untouched{.argv = {"qemu"}};
  CHECK(drop_privileges(untouched, {only_root}) == only_root);
  CHECK(untouched.argv == std::vector<std::string>{"qemu"});
}

TEST_CASE("memory is given in whole MiB and the accelerator as chosen") {
  const auto line = command_line({.accel = Accel::Kvm, .cpus = 3, .memory_bytes = (512ULL << 20) + 5});
  CHECK(line.find("-m 512M") != std::string::npos);
  CHECK(line.find("-smp 3") != std::string::npos);
  CHECK(line.find("-accel kvm -cpu host") != std::string::npos);
}

TEST_CASE("only an emulated guest goes without mitigations") {
  CHECK(kernel_arguments("a", Accel::Tcg, "id").find("mitigations=off") != std::string::npos);
  CHECK(kernel_arguments("a", Accel::Kvm, "id").find("mitigations=off") == std::string::npos);
  CHECK(kernel_arguments("a", Accel::Kvm, "id").ends_with(" systemd.machine_id=id systemd.hostname=a"));
  CHECK(kernel_arguments("", Accel::Kvm, "id").find("hostname") == std::string::npos);
}

}  // namespace blueprint::sandbox
