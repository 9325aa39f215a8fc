#include "sandbox/errors.h"

#include <cstring>

#include <fmt/format.h>

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

}  // namespace blueprint::sandbox
