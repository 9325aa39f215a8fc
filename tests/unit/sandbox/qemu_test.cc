#include "sandbox/qemu.h"

#include <catch2/catch.hpp>

#include <algorithm>

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
