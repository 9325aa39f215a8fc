#include "sandbox/errors.h"

#include <cerrno>
#include <cstring>

#include <fmt/format.h>
#include <unistd.h>

#include "base/text.h"

namespace blueprint::sandbox {
namespace {

Error machine(std::string_view code, std::string message, std::vector<std::string> hints = {}) {
  return Error({.kind = ErrorKind::Machine,
                .code = std::string(code),
                .message = std::move(message),
                .hints = std::move(hints)});
}

std::string last_lines(const std::vector<std::string>& console) {
  if (console.empty()) return "the guest's console is empty";
  std::string text = "the last lines of the guest's console:";
  for (const auto& line : console) text += fmt::format("\n  | {}", printable(line));
  return text;
}

std::string how_to_bind(std::string_view address) {
  return fmt::format(
      "bind {0}, as root: modprobe vfio-pci; echo vfio-pci >/sys/bus/pci/devices/{0}/driver_override; "
      "echo {0} >/sys/bus/pci/devices/{0}/driver/unbind; echo {0} >/sys/bus/pci/drivers_probe",
      printable(address));
}

}  // namespace

Error qemu_failed(std::string_view complaint, const std::vector<std::string>& console) {
  const auto said = trim(complaint);
  auto error = machine("V001", said.empty() ? "qemu ended before the guest was up"
                                            : fmt::format("qemu ended before the guest was up: {}", printable(said)));
  if (!console.empty()) error.add_hint(last_lines(console));
  return error;
}

Error guest_did_not_boot(std::string_view reason, const std::vector<std::string>& console) {
  return machine("V002", fmt::format("the guest could not boot: {}", printable(trim(reason))), {last_lines(console)});
}

Error agent_silent(long seconds, std::string_view reached, const std::vector<std::string>& console) {
  return machine(
      "V003", fmt::format("the guest did not answer within {} s; {}", seconds, printable(reached)),
      {last_lines(console), "the machine may be too slow or too busy: an emulated guest needs a processor for itself"});
}

Error module_missing(std::string_view module, std::string_view kernel_version) {
  return machine(
      "V004", fmt::format("the image's kernel {} has no module '{}', which a VM needs", kernel_version, module),
      {"install a whole kernel package in the image, such as linux-image-cloud-amd64 or linux-image-virtual"});
}

Error module_damaged(std::string_view path, std::string_view reason) {
  return machine("V005", fmt::format("the kernel module '{}' of the image cannot be used: {}", printable(path), reason),
                 {"run 'blueprint verify' on the image"});
}

Error agent_missing(const std::filesystem::path& looked_for) {
  return machine("V006", fmt::format("the guest agent '{}' is not there", looked_for.string()),
                 {"install blueprint as a whole: 'make install' puts the agent beside the program"});
}

Error kvm_unusable(std::string_view reason) {
  return machine("V007", fmt::format("KVM cannot run a guest on this machine: {}", reason),
                 {"use --accel auto or --accel tcg"});
}

Error port_taken(unsigned port) {
  return machine("V008", fmt::format("port {} of 127.0.0.1 is taken", port),
                 {"choose another port, or 0 for any that is free"});
}

Error bad_vm_config(std::string_view reason) {
  return machine("V009", fmt::format("this VM cannot be made: {}", reason));
}

Error vm_lost(std::string_view reason, const std::vector<std::string>& console) {
  return machine("V010", fmt::format("the VM is lost: {}", printable(trim(reason))), {last_lines(console)});
}

Error command_not_started(std::string_view reason, int error_number) {
  auto message = printable(reason);
  if (error_number != 0) message += fmt::format(": {}", std::strerror(error_number));
  return machine("V011", std::move(message));
}

Error transfer_failed(std::string_view path, std::string_view complaint) {
  const auto said = trim(complaint);
  return machine("V012", fmt::format("the guest could not transfer '{}'{}{}", printable(path), said.empty() ? "" : ": ",
                                     printable(said)));
}

Error protocol_broken(std::string_view reason) {
  return machine("V013", fmt::format("the guest agent does not speak our protocol: {}", printable(reason)));
}

Error too_few_gpus(std::size_t wanted, std::size_t bound, const std::vector<std::string>& others) {
  const auto those = bound == 0 ? std::string("none") : fmt::format("only {}", bound);
  auto error =
      machine("V014", fmt::format("the sandbox is to get {} GPU{}, and {} on this machine {} bound to vfio-pci", wanted,
                                  wanted == 1 ? "" : "s", those, bound > 1 ? "are" : "is"));
  for (const auto& address : others) error.add_hint(how_to_bind(address));
  if (others.empty()) error.add_hint("this machine has no other GPU ('lspci -d ::0300' and '::0302' list them)");
  error.add_hint("'--gpu none' boots without one");
  return error;
}

Error no_such_device(std::string_view address) {
  return machine("V014", fmt::format("this machine has no PCI device {}", printable(address)),
                 {"'lspci -D' lists the devices with their addresses"});
}

Error device_not_bound(std::string_view address, std::string_view driver) {
  return machine("V014",
                 fmt::format("the PCI device {} is bound to {}, not to vfio-pci", address,
                             driver.empty() ? std::string("no driver") : fmt::format("'{}'", driver)),
                 {how_to_bind(address)});
}

Error no_iommu(std::string_view address) {
  return machine("V015", fmt::format("the PCI device {} has no IOMMU group: the IOMMU of this machine is off", address),
                 {"switch on VT-d or AMD-Vi in the firmware, and boot the host with intel_iommu=on (Intel)"});
}

Error group_in_use(std::string_view address, std::string_view group, std::string_view neighbour,
                   std::string_view driver) {
  return machine(
      "V015",
      fmt::format("the PCI device {} shares IOMMU group {} with {}, which the host uses with the driver '{}'", address,
                  group, neighbour, driver),
      {how_to_bind(neighbour)});
}

Error vfio_node_unusable(const std::filesystem::path& node, int error_number) {
  return machine(
      "V016", fmt::format("'{}' cannot be opened: {}", node.string(), std::strerror(error_number)),
      {error_number == ENOENT ? std::string("load the driver: modprobe vfio-pci")
                              : fmt::format("let this user have it: chown {} {}", ::geteuid(), node.string())});
}

Error memory_lock_limit(std::uint64_t limit_bytes, std::uint64_t needed_bytes) {
  return machine("V016",
                 fmt::format("a guest with a device needs {} of locked memory, and this user may lock {}",
                             format_size(needed_bytes), format_size(limit_bytes)),
                 {"raise the limit 'memlock' in /etc/security/limits.conf", "or give the VM less memory: --memory"});
}

}  // namespace blueprint::sandbox
