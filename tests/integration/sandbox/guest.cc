#include "guest.h"

#include <cstdlib>
#include <thread>

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/error.h"

namespace blueprint::sandbox::test {
namespace fs = std::filesystem;

fs::path guests() { return BLUEPRINT_TEST_GUESTS; }

std::unique_ptr<ChildProcess> serve_image(const fs::path& path, const fs::path& socket) {
  // The directory tells when the socket is there.
  const UniqueFd watch(::inotify_init1(IN_CLOEXEC));
  ::inotify_add_watch(watch.get(), socket.parent_path().c_str(), IN_CREATE);
  Command command{.argv = {require_program("nbdkit", "nbdkit").string(), "--foreground", "--readonly", "--unix",
                           socket.string(), "file", path.string()},
                  .stderr_fd = 2};
  auto child = std::make_unique<ChildProcess>(command);
  while (!fs::exists(socket)) {
    if (child->poll()) throw bug("nbdkit ended");
    char buffer[4096];
    [[maybe_unused]] const auto got = ::read(watch.get(), buffer, sizeof(buffer));
  }
  // A socket has its name before its server listens.
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  socket.string().copy(address.sun_path, sizeof(address.sun_path) - 1);
  while (true) {
    const UniqueFd client(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (::connect(client.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) return child;
    if (child->poll()) throw bug("nbdkit ended");
    ::sched_yield();
  }
}

Guest::Guest(std::string_view image) {
  const auto disk = guests() / fmt::format("{}.img", image);
  const auto modules = guests() / "kernel/lib/modules";
  const auto version = fs::directory_iterator(modules)->path().filename().string();
  const auto socket = directory_.path() / "image.sock";
  export_ = serve_image(disk, socket);
  config.name = "testguest";
  config.nbd_socket = socket.string();
  config.device_bytes = fs::file_size(disk);
  config.disk_bytes = config.device_bytes;
  config.kernel = guests() / "kernel/boot" / ("vmlinuz-" + version);
  config.kernel_version = version;
  config.image_file = [modules](std::string_view path) -> std::optional<std::string> {
    constexpr std::string_view kPrefix = "usr/lib/modules/";
    if (!path.starts_with(kPrefix)) return std::nullopt;
    return read_file_if_exists(modules / path.substr(kPrefix.size()));
  };
  config.memory_bytes = 1ULL << 30;
  config.accel = Accel::Tcg;
  config.cache = directory_.path() / "cache";
  config.state = directory_.path() / "state";
  config.boot_timeout = std::chrono::seconds(300);  // many guests may boot at once on a small machine
  fs::create_directories(config.state);
}

Guest::~Guest() = default;

std::unique_ptr<Vm> Guest::boot() {
  NoEvents events;
  return std::make_unique<Vm>(config, events, std::stop_token());
}

Ran run_in(Vm& vm, ExecRequest request, std::string_view input) {
  const UniqueFd stdin_file(::memfd_create("input", MFD_CLOEXEC));
  write_all(stdin_file.get(), input, "the input");
  ::lseek(stdin_file.get(), 0, SEEK_SET);
  Ran ran;
  ran.status = vm.exec(request,
                       {.input_fd = stdin_file.get(),
                        .on_stdout = [&ran](std::string_view bytes) { ran.out += bytes; },
                        .on_stderr = [&ran](std::string_view bytes) { ran.err += bytes; }},
                       {});
  return ran;
}

Ran run_shell(Vm& vm, std::string script, std::string_view input) {
  return run_in(vm, {.argv = {"sh", "-c", std::move(script)}}, input);
}

}  // namespace blueprint::sandbox::test
