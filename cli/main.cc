#include <cerrno>
#include <csignal>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <system_error>
#include <thread>

#include <fmt/format.h>
#include <unistd.h>

#include "base/error.h"
#include "cli/command.h"
#include "cli/context.h"
#include "cli/parser.h"
#include "cli/terminal.h"

namespace {

using namespace std::string_view_literals;
namespace cli = blueprint::cli;

constexpr int kInterruptedExitCode = 130;
/// As of a program that SIGPIPE ended.
constexpr int kReaderGoneExitCode = 128 + SIGPIPE;

/// Turns SIGINT, SIGTERM and SIGHUP into a stop request: every long job ends at its next step and cleans up. A second
/// one ends the process at once, which is safe too: nothing half-done has a name.
class SignalThread {
 public:
  explicit SignalThread(std::stop_source stop) {
    sigset_t signals;
    sigemptyset(&signals);
    for (const int number : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&signals, number);
    ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    ::signal(SIGPIPE, SIG_IGN);
    std::thread([signals, stop]() mutable {
      int number = 0;
      while (::sigwait(&signals, &number) == 0) {
        if (!stop.request_stop()) ::_exit(kInterruptedExitCode);
        constexpr auto kText = "\ninterrupted: finishing up (once more to stop at once)\n"sv;
        [[maybe_unused]] const auto wrote = ::write(STDERR_FILENO, kText.data(), kText.size());
      }
    }).detach();
  }
};

void print(const blueprint::Error& error) {
  bool first = true;
  for (const auto& diagnostic : error.diagnostics()) {
    if (!first) std::fputs("\n", stderr);
    first = false;
    std::fputs(blueprint::render(diagnostic).c_str(), stderr);
  }
}

/// What the standard library says when the system refuses: most of it from std::filesystem, whose message names the
/// path.
blueprint::Error as_error(const std::system_error& failure) {
  const auto* file = dynamic_cast<const std::filesystem::filesystem_error*>(&failure);
  if (file == nullptr) return blueprint::os_error("go on", failure.code().value());
  const auto& path = file->path2().empty() ? file->path1() : file->path2();
  return blueprint::os_error(fmt::format("work with '{}'", path.string()), failure.code().value());
}

/// What was printed is part of the answer: a full disk behind a redirection is an error.
int flush_answer(int code) {
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return code;
  if (errno == EPIPE) return kReaderGoneExitCode;
  print(blueprint::os_error("write the answer to stdout"));
  return code != 0 ? code : blueprint::exit_code(blueprint::ErrorKind::Store);
}

int run(int argc, char** argv, std::stop_source& stop) {
  // The context (and with it the progress line) is gone before an error is printed.
  try {
    cli::Context context(cli::load_settings(), stop.get_token());
    auto commands = cli::all_commands();
    return flush_answer(cli::parse_and_run(argc, argv, commands, context));
  } catch (const blueprint::Error& error) {
    print(error);
    return error.exit_code();
  } catch (const blueprint::Interrupted&) {
    std::fputs("interrupted\n", stderr);
    return kInterruptedExitCode;
  } catch (const std::bad_alloc&) {
    std::fputs("error: out of memory\n", stderr);
    return blueprint::exit_code(blueprint::ErrorKind::Machine);
  } catch (const cli::ReaderGone&) {
    return kReaderGoneExitCode;
  } catch (const std::system_error& failure) {
    if (failure.code() == std::errc::broken_pipe) return kReaderGoneExitCode;
    const auto error = as_error(failure);
    print(error);
    return error.exit_code();
  } catch (const std::exception& failure) {
    print(blueprint::bug(failure.what()));
    return blueprint::exit_code(blueprint::ErrorKind::Bug);
  }
}

}  // namespace

int main(int argc, char** argv) {
  std::stop_source stop;
  const SignalThread signals(stop);
  return run(argc, argv, stop);
}
