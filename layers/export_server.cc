#include "layers/export_server.h"

#include <cstring>
#include <string_view>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "layers/errors.h"

namespace blueprint::layers {
namespace {

namespace fs = std::filesystem;
using std::chrono::steady_clock;

constexpr std::chrono::seconds kStartTimeout{30};
constexpr const char* kPluginName = "nbdkit-blueprint-plugin.so";

bool accepts(const fs::path& socket) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, socket.c_str(), socket.native().size());
  const UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) throw os_error("make a socket");
  return ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
}

}  // namespace

fs::path find_export_plugin() {
  const fs::path program = fs::read_symlink("/proc/self/exe").parent_path();
  for (const fs::path& directory : {program, program.parent_path() / "lib/blueprint"}) {
    if (fs::exists(directory / kPluginName)) return directory / kPluginName;
  }
  throw export_plugin_missing(program / kPluginName);
}

ExportServer::ExportServer(const ExportOptions& options)
    : socket_(options.directory / "nbd.sock"), log_(options.directory / "nbdkit.log") {
  const fs::path nbdkit = require_program("nbdkit", "nbdkit");
  const fs::path plugin = options.plugin.empty() ? find_export_plugin() : options.plugin;
  if (!fs::exists(plugin)) throw export_plugin_missing(plugin);
  if (socket_.native().size() >= sizeof(sockaddr_un::sun_path)) {
    throw export_not_started(fmt::format("the path of its socket is too long: {}", socket_.string()));
  }
  fs::remove(socket_);  // of a server that was killed

  std::vector<std::string> digests;
  for (const LayerRef& layer : options.layers) digests.push_back(layer.digest.to_string());
  const UniqueFd log = open_file(log_, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
  Command command;
  command.argv = {nbdkit.string(),
                  "--foreground",
                  "--exit-with-parent",
                  "--readonly",
                  "--unix",
                  socket_.string(),
                  plugin.string(),
                  "store=" + options.store.string(),
                  "layers=" + join(digests, ","),
                  fmt::format("cache={}", options.cache_bytes)};
  command.stderr_fd = log.get();
  command.new_session = true;  // a Ctrl-C at the terminal ends it through us, after the VM that reads from it
  child_.emplace(command);
  wait_until_ready();
}

void ExportServer::wait_until_ready() {
  const auto deadline = steady_clock::now() + kStartTimeout;
  while (!accepts(socket_)) {
    if (child_->wait_for(std::chrono::milliseconds(2))) throw export_not_started(log());
    if (steady_clock::now() > deadline) throw export_not_started("it does not answer");
  }
}

std::string ExportServer::uri() const { return "nbd+unix:///?socket=" + socket_.string(); }

std::string ExportServer::log() const { return read_file_if_exists(log_).value_or(""); }

Error export_ended() {
  return Error({.kind = ErrorKind::Machine,
                .code = "L009",
                .message = "nbdkit, which serves the image, has ended",
                .hints = {"was it killed, by hand or for want of memory? see dmesg"}});
}

ExportWatch::ExportWatch(const ExportServer& server, std::function<void()> gone)
    : process_(static_cast<int>(::syscall(SYS_pidfd_open, server.pid(), 0))), done_(::eventfd(0, EFD_CLOEXEC)) {
  if (!process_ || !done_) throw os_error("watch nbdkit");
  thread_ = std::thread([this, gone = std::move(gone)] {
    pollfd waits[2] = {{.fd = process_.get(), .events = POLLIN, .revents = 0},
                       {.fd = done_.get(), .events = POLLIN, .revents = 0}};
    while (::poll(waits, 2, -1) < 0) {
    }
    if (waits[1].revents == 0) gone();
  });
}

ExportWatch::~ExportWatch() {
  ::eventfd_write(done_.get(), 1);
  thread_.join();
}

}  // namespace blueprint::layers
