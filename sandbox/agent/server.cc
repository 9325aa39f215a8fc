// One thread, one poll() over: the port, a signalfd for children that ended, and the streams of all commands. A stream
// is polled only while it has credit and the outbox has room, so that a command whose output nobody reads costs
// nothing, holds a bounded amount of memory and stops by itself, and the others go on.
//
// When the host goes away all commands are killed: nobody is left to hear of them.

#include "sandbox/agent/server.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <memory>

#include <poll.h>
#include <sys/reboot.h>
#include <sys/signalfd.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandbox/agent/job.h"
#include "sandbox/agent/port.h"
#include "sandbox/agent/sys.h"

namespace blueprint::agent {
namespace {

namespace proto = sandbox::protocol;
using proto::Frame;
using proto::Stream;
using proto::Type;

constexpr std::uint64_t kNanosecondsPerSecond = 1'000'000'000;

/// Steps the clock to `now` unless it is right already: a step is something that services notice.
void set_clock(std::uint64_t now) {
  timespec mine{};
  ::clock_gettime(CLOCK_REALTIME, &mine);
  const auto current =
      static_cast<std::uint64_t>(mine.tv_sec) * kNanosecondsPerSecond + static_cast<std::uint64_t>(mine.tv_nsec);
  const auto difference = now > current ? now - current : current - now;
  if (difference < kNanosecondsPerSecond) return;
  const timespec time{.tv_sec = static_cast<time_t>(now / kNanosecondsPerSecond),
                      .tv_nsec = static_cast<long>(now % kNanosecondsPerSecond)};
  ::clock_settime(CLOCK_REALTIME, &time);
}

class Server {
 public:
  Server();
  [[noreturn]] void run();

 private:
  enum class Verdict { Fine, Broken };

  void on_port();
  void take_frames();
  void disconnect();
  Verdict on_frame(const Frame& frame);
  Verdict on_connection_frame(const Frame& frame);
  Verdict on_job_frame(Job& job, const Frame& frame);
  Verdict start(const Frame& frame);
  Verdict transfer(const Frame& frame);
  void launch(std::uint32_t channel, const proto::Exec& request);
  void refuse(std::uint32_t channel, const proto::Failure& failure);
  void answer_hello(const proto::Hello& hello);
  void answer_ping();
  void reap();
  void poll_once();
  Job* find(std::uint32_t channel);

  Port port_;
  UniqueFd signals_;
  proto::Decoder decoder_;
  Outbox outbox_;
  std::vector<std::unique_ptr<Job>> jobs_;
  std::vector<std::byte> buffer_ = std::vector<std::byte>(256 * 1024);
};

Server::Server() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGCHLD);
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  signals_.reset(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  say("serving");
}

Job* Server::find(std::uint32_t channel) {
  for (const auto& job : jobs_) {
    if (job->channel() == channel) return job.get();
  }
  return nullptr;
}

void Server::disconnect() {
  for (const auto& job : jobs_) job->abandon();
  decoder_.resync();
}

void Server::on_port() {
  port_.settle();
  while (true) {
    std::span<const std::byte> bytes;
    const auto result = port_.read(buffer_, bytes);
    if (result == Port::Read::HostAway) {
      // QEMU drops what nobody listens to. In all other cases the outbox is kept: it may have begun with half a frame
      // gone.
      outbox_.clear();
      return disconnect();
    }
    if (result == Port::Read::Nothing) return;
    decoder_.feed(bytes);
    take_frames();
  }
}

void Server::take_frames() {
  while (true) {
    const auto frame = decoder_.next();
    if (frame && on_frame(*frame) == Verdict::Fine) continue;
    if (!frame && !decoder_.broken()) return;
    disconnect();
  }
}

Server::Verdict Server::on_frame(const Frame& frame) {
  if (frame.channel == 0) return on_connection_frame(frame);
  if (frame.type == Type::Exec) return start(frame);
  if (frame.type == Type::Put || frame.type == Type::Get) return transfer(frame);
  // Frames for a command that has just ended are in order: the host did not know yet.
  if (Job* job = find(frame.channel)) return on_job_frame(*job, frame);
  return Verdict::Fine;
}

Server::Verdict Server::on_connection_frame(const Frame& frame) {
  if (frame.type == Type::Hello) {
    const auto hello = proto::decode_hello(frame.payload);
    if (!hello) return Verdict::Broken;
    // A new host on an old connection: what the last one left is not its business.
    for (const auto& job : jobs_) job->abandon();
    answer_hello(*hello);
    return Verdict::Fine;
  }
  if (frame.type == Type::Ping) {
    answer_ping();
    return Verdict::Fine;
  }
  if (frame.type == Type::Clock) {
    const auto now = proto::decode_u64(frame.payload);
    if (!now) return Verdict::Broken;
    set_clock(*now);
    return Verdict::Fine;
  }
  if (frame.type != Type::Shutdown) return Verdict::Broken;
  say("powering off");
  ::sync();
  // systemd takes SIGRTMIN+4 as "power off, cleanly". Where the agent is init, or init is something else, this is all
  // there is.
  const auto init = read_text("/proc/1/comm").value_or("");
  if (init != "systemd\n" || ::kill(1, SIGRTMIN + 4) != 0) {
    ::kill(-1, SIGTERM);
    ::sync();
    ::reboot(RB_POWER_OFF);
  }
  return Verdict::Fine;
}

void Server::answer_hello(const proto::Hello& hello) {
  proto::Hello answer;
  answer.nonce = hello.nonce;
  answer.description = "blueprint-agent " BLUEPRINT_VERSION ", init ";
  answer.description += read_text("/proc/1/comm").value_or("unknown");
  while (answer.description.back() == '\n') answer.description.pop_back();
  outbox_.add(Type::Hello, 0, proto::encode(answer));
}

void Server::answer_ping() {
  struct sysinfo info {};
  ::sysinfo(&info);
  timespec uptime{};
  ::clock_gettime(CLOCK_BOOTTIME, &uptime);
  proto::Health health;
  health.uptime_ms =
      static_cast<std::uint64_t>(uptime.tv_sec) * 1000 + static_cast<std::uint64_t>(uptime.tv_nsec) / 1000000;
  health.memory_total = info.totalram * std::uint64_t{info.mem_unit};
  health.memory_available = (info.freeram + info.bufferram) * std::uint64_t{info.mem_unit};
  health.commands = static_cast<std::uint32_t>(jobs_.size());
  outbox_.add(Type::Pong, 0, proto::encode(health));
}

void Server::refuse(std::uint32_t channel, const proto::Failure& failure) {
  outbox_.add(Type::Failure, channel, proto::encode(failure));
}

void Server::launch(std::uint32_t channel, const proto::Exec& request) {
  auto started = start_child(request);
  if (const auto* failure = std::get_if<proto::Failure>(&started)) return refuse(channel, *failure);
  jobs_.push_back(std::make_unique<Job>(channel, std::get<Child>(std::move(started)), outbox_));
}

Server::Verdict Server::start(const Frame& frame) {
  const auto request = proto::decode_exec(frame.payload);
  if (!request || find(frame.channel) != nullptr) return Verdict::Broken;
  launch(frame.channel, *request);
  return Verdict::Fine;
}

Server::Verdict Server::transfer(const Frame& frame) {
  const auto path = proto::decode_string(frame.payload);
  if (!path || path->empty() || find(frame.channel) != nullptr) return Verdict::Broken;
  proto::Exec request;
  if (frame.type == Type::Put) {
    make_directories(*path);
    request.argv = {"tar", "-C", *path, "--numeric-owner", "-xpf", "-"};
  } else {
    request.argv = {"tar", "-C", *path, "--numeric-owner", "-cf", "-", "."};
  }
  launch(frame.channel, request);
  return Verdict::Fine;
}

Server::Verdict Server::on_job_frame(Job& job, const Frame& frame) {
  const auto verdict = [](bool fine) { return fine ? Verdict::Fine : Verdict::Broken; };
  switch (frame.type) {
    case Type::Data: return verdict(job.on_data(frame.payload));
    case Type::Eof: job.on_eof(); return Verdict::Fine;
    case Type::Credit: {
      const auto bytes = proto::decode_u32(frame.payload);
      return verdict(bytes && job.on_credit(frame.stream, *bytes));
    }
    case Type::Signal: {
      const auto number = proto::decode_u32(frame.payload);
      if (number) job.signal(static_cast<int>(*number));
      return verdict(number.has_value());
    }
    case Type::Resize: {
      const auto window = proto::decode_window(frame.payload);
      if (window) job.resize(*window);
      return verdict(window.has_value());
    }
    case Type::Close: job.abandon(); return Verdict::Fine;
    default: return Verdict::Broken;
  }
}

void Server::reap() {
  signalfd_siginfo info;
  while (::read(signals_.get(), &info, sizeof(info)) > 0) {
  }
  // All that ended, not only our commands: as process 1 the agent inherits every orphan.
  int status = 0;
  for (pid_t pid = 0; (pid = ::waitpid(-1, &status, WNOHANG)) > 0;) {
    for (const auto& job : jobs_) {
      if (job->pid() == pid) job->on_reaped(status);
    }
  }
}

void Server::poll_once() {
  std::vector<pollfd> waits = {{.fd = port_.event_fd(), .events = POLLIN, .revents = 0},
                               {.fd = signals_.get(), .events = POLLIN, .revents = 0}};
  for (const auto& job : jobs_) {
    waits.push_back({.fd = job->wants_output(Stream::Output), .events = POLLIN, .revents = 0});
    waits.push_back({.fd = job->wants_output(Stream::Error), .events = POLLIN, .revents = 0});
    waits.push_back({.fd = job->wants_input(), .events = POLLOUT, .revents = 0});
  }
  if (::poll(waits.data(), waits.size(), -1) < 0) return;
  const std::size_t polled = jobs_.size();
  if (waits[1].revents != 0) reap();
  for (std::size_t i = 0; i < polled; ++i) {
    if (waits[2 + 3 * i + 2].revents != 0) jobs_[i]->pump_input();
  }
  if (waits[0].revents != 0) on_port();
  // Not only those that poll named: a command that ended, or got credit, may have something too. A read that finds
  // nothing is cheap.
  for (const auto& job : jobs_) job->pump_output();
  outbox_.sent(port_.write(outbox_.waiting()));
  std::erase_if(jobs_, [](const auto& job) { return job->finished(); });
}

void Server::run() {
  while (true) poll_once();
}

}  // namespace

void serve() {
  Server server;
  server.run();
}

}  // namespace blueprint::agent
