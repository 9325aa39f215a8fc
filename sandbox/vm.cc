#include "sandbox/vm.h"

#include <algorithm>
#include <cerrno>
#include <csignal>

#include <fmt/format.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "sandbox/accel.h"
#include "sandbox/agent_client.h"
#include "sandbox/console.h"
#include "sandbox/errors.h"
#include "sandbox/exec_session.h"
#include "sandbox/qemu.h"
#include "sandbox/qmp.h"
#include "sandbox/vfio.h"
#include "sandbox/vm_boot.h"
#include "sandbox/wakeup.h"

namespace blueprint::sandbox {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_between(Clock::time_point from, Clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

std::string how_far(const BootProgress& progress) {
  std::string text = progress.last_stage.empty() ? "the kernel did not start our init"
                                                 : fmt::format("the last that it said was '{}'", progress.last_stage);
  if (!progress.complaint.empty()) text += fmt::format("; it complained: {}", progress.complaint);
  return text;
}

}  // namespace

/// Order matters: members are destroyed from the last to the first, so that QEMU is gone before the threads that read
/// from it.
struct Vm::State {
  VmConfig config;
  Accel accel = Accel::Tcg;
  BootTimes times;
  std::map<std::uint16_t, std::uint16_t> ports;
  std::filesystem::path complaints;
  Wakeup changed;
  std::unique_ptr<Qmp> qmp;
  std::unique_ptr<ConsoleReader> console;
  std::unique_ptr<AgentClient> agent;
  std::unique_ptr<ChildProcess> qemu;
  UniqueFd process;  ///< pidfd of QEMU

  ~State() {
    if (qemu) qemu->kill(SIGKILL);
  }

  void start(Events& events, const std::stop_token& stop);
  void wait_until_ready(Clock::time_point started, const std::stop_token& stop);
  /// Whether QEMU has ended, now or within `timeout`. Any thread may ask.
  bool ended_within(std::chrono::milliseconds timeout) const;
  [[noreturn]] void throw_boot_failure();
  [[noreturn]] void throw_lost();
  ExitStatus run_on(Channel& channel, const ExecStreams& streams, const std::stop_token& stop);
};

void Vm::State::start(Events& events, const std::stop_token& stop) {
  const auto began = Clock::now();
  const auto program = require_program("qemu-system-x86_64", "qemu-system-x86");
  const auto vfio = vfio_nodes("/sys", config.pci_devices);
  check_vfio_access(vfio, config.memory_bytes);
  accel = choose_accel(config.accel, config.cache, program, events, stop);
  VmParts parts = prepare_vm(config, accel);
  for (const auto& [host, guest] : parts.options.ports) ports[guest] = host;
  complaints = parts.complaints;
  Command command = qemu_command(parts.options, parts.qemu, program);
  std::vector<std::filesystem::path> devices = vfio;
  if (accel == Accel::Kvm) devices.emplace_back("/dev/kvm");
  if (const auto device = drop_privileges(command, devices)) {
    events.note(fmt::format("qemu runs as root, because only root may use {} here", device->string()));
  }
  qmp = std::make_unique<Qmp>(std::move(parts.qmp));
  console = std::make_unique<ConsoleReader>(std::move(parts.console), config.state / "console.log",
                                            [this] { changed.raise(); });
  qemu = std::make_unique<ChildProcess>(command);
  process.reset(static_cast<int>(::syscall(SYS_pidfd_open, qemu->pid(), 0)));
  parts.qemu = {};  // QEMU has its own; ours would keep its pipes open after its death
  agent = std::make_unique<AgentClient>(std::move(parts.agent), [this] { changed.raise(); });
  const auto started = Clock::now();
  times.start_seconds = seconds_between(began, started);
  wait_until_ready(started, stop);
}

void Vm::State::wait_until_ready(Clock::time_point started, const std::stop_token& stop) {
  Wakeup interrupt;
  const std::stop_callback on_stop(stop, [&interrupt] { interrupt.raise(); });
  const auto deadline = started + config.boot_timeout;
  while (!agent->agent()) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
    if (left.count() <= 0) {
      throw agent_silent(config.boot_timeout.count(), how_far(console->log().progress()), console->log().last_lines());
    }
    pollfd waits[3] = {{.fd = changed.fd(), .events = POLLIN, .revents = 0},
                       {.fd = process.get(), .events = POLLIN, .revents = 0},
                       {.fd = interrupt.fd(), .events = POLLIN, .revents = 0}};
    ::poll(waits, 3, static_cast<int>(left.count()));
    changed.clear();
    if (stop.stop_requested()) throw Interrupted{};
    if (waits[1].revents != 0) throw_boot_failure();
    // The socket closes a moment before QEMU has ended; what the guest said then is for the next round.
    if (const auto lost = agent->lost(); lost && !ended_within(std::chrono::seconds(5))) throw protocol_broken(*lost);
  }
  const auto time = std::chrono::system_clock::now().time_since_epoch();
  agent->send(protocol::Type::Clock, protocol::encode_u64(static_cast<std::uint64_t>(
                                         std::chrono::duration_cast<std::chrono::nanoseconds>(time).count())));
  const auto now = Clock::now();
  times.ready_seconds = seconds_between(started, now);
  times.agent_seconds = seconds_between(started, console->log().progress().agent_started.value_or(now));
}

bool Vm::State::ended_within(std::chrono::milliseconds timeout) const {
  pollfd wait{.fd = process.get(), .events = POLLIN, .revents = 0};
  int ready = 0;
  do {
    ready = ::poll(&wait, 1, static_cast<int>(timeout.count()));
  } while (ready < 0 && errno == EINTR);
  return ready > 0;
}

void Vm::State::throw_boot_failure() {
  qemu->wait();
  console->join();
  const auto progress = console->log().progress();
  const auto lines = console->log().last_lines();
  // What the agent complained of comes before the panic that it causes by ending.
  if (!progress.complaint.empty()) throw guest_did_not_boot(progress.complaint, lines);
  if (!progress.panic.empty()) throw guest_did_not_boot(fmt::format("kernel panic: {}", progress.panic), lines);
  throw qemu_failed(read_file_if_exists(complaints).value_or(""), lines);
}

void Vm::State::throw_lost() {
  std::string reason = agent->lost().value_or("its agent does not answer");
  if (ended_within(std::chrono::seconds(1))) {
    console->join();
    const auto progress = console->log().progress();
    const auto said = std::string(trim(read_file_if_exists(complaints).value_or("")));
    if (!progress.panic.empty()) {
      reason = fmt::format("its kernel panicked: {}", progress.panic);
    } else if (!said.empty()) {
      reason = said;
    } else {
      reason = "it was switched off";
    }
  }
  throw vm_lost(reason, console->log().last_lines());
}

ExitStatus Vm::State::run_on(Channel& channel, const ExecStreams& streams, const std::stop_token& stop) {
  ExecSession session(*agent, channel, streams, stop);
  if (const auto status = session.run()) return *status;
  throw_lost();
}

Vm::Vm(VmConfig config, Events& events, std::stop_token stop) : state_(std::make_unique<State>()) {
  state_->config = std::move(config);
  state_->start(events, stop);
}

Vm::~Vm() = default;

const BootTimes& Vm::boot_times() const { return state_->times; }
Accel Vm::accel() const { return state_->accel; }
std::map<std::uint16_t, std::uint16_t> Vm::ports() const { return state_->ports; }

ExitStatus Vm::exec(const ExecRequest& request, const ExecStreams& streams, std::stop_token stop) {
  if (request.argv.empty()) throw command_not_started("there is no command to run", 0);
  protocol::Exec exec{.tty = request.tty,
                      .rows = request.rows,
                      .columns = request.columns,
                      .user = request.user,
                      .workdir = request.workdir,
                      .argv = request.argv};
  if (request.tty) exec.environment.push_back("TERM=" + request.term);
  for (const auto& [name, value] : request.env) exec.environment.push_back(fmt::format("{}={}", name, value));
  const auto payload = protocol::encode(exec);
  if (payload.size() > protocol::kMaxPayload)
    throw command_not_started("its arguments and environment are over 256 KiB", 0);
  const auto channel = state_->agent->open();
  try {
    channel->send(protocol::Type::Exec, payload, protocol::Stream::Input, stop);
    return state_->run_on(*channel, streams, stop);
  } catch (const Error& error) {
    if (error.first().code == "V010") state_->throw_lost();
    throw;
  }
}

void Vm::put(int tar_fd, const std::string& path, std::stop_token stop) {
  std::string complaint;
  const auto channel = state_->agent->open();
  channel->send(protocol::Type::Put, protocol::encode_string(path), protocol::Stream::Input, stop);
  const auto keep = [&complaint](std::string_view text) { complaint += text; };
  const auto status = state_->run_on(*channel, {.input_fd = tar_fd, .on_stdout = keep, .on_stderr = keep}, stop);
  if (!status.success()) throw transfer_failed(path, complaint);
}

void Vm::get(const std::string& path, int tar_fd, std::stop_token stop) {
  std::string complaint;
  const auto channel = state_->agent->open();
  channel->send(protocol::Type::Get, protocol::encode_string(path), protocol::Stream::Input, stop);
  const auto keep = [&complaint](std::string_view text) { complaint += text; };
  const auto write = [tar_fd](std::string_view bytes) { write_all(tar_fd, bytes, "the archive"); };
  const auto status = state_->run_on(*channel, {.on_stdout = write, .on_stderr = keep}, stop);
  if (!status.success()) throw transfer_failed(path, complaint);
}

bool Vm::power_off(std::chrono::seconds timeout) {
  constexpr std::chrono::milliseconds kMonitor{2000};
  try {
    state_->agent->send(protocol::Type::Shutdown);
  } catch (const Error&) {
    // The agent is gone; an init that listens to the power button may still be there. Or all is gone: the wait tells.
    state_->qmp->system_powerdown(kMonitor);
  }
  const bool clean = state_->ended_within(timeout);
  if (!clean && (!state_->qmp->quit(kMonitor) || !state_->ended_within(kMonitor))) state_->qemu->kill(SIGKILL);
  state_->ended_within(std::chrono::milliseconds(-1));
  return clean;
}

}  // namespace blueprint::sandbox
