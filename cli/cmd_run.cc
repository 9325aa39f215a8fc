#include <algorithm>
#include <csignal>
#include <memory>

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/image_argument.h"
#include "cli/terminal.h"
#include "layers/export_server.h"
#include "sandbox/vfio.h"
#include "sandbox/vm.h"

namespace blueprint::cli {
namespace {

struct Flags {
  std::string image;
  bool interactive = false;
  bool tty = false;
  std::vector<std::string> env;
  std::string user;
  std::string workdir;
  std::optional<std::string> memory;
  std::optional<std::string> disk;
  unsigned cpus = 0;
  std::vector<std::string> ports;
  std::optional<std::string> accel;
  std::vector<std::string> gpus;
  bool timing = false;
  std::vector<std::string> rest;
};

std::uint64_t size_flag(const std::optional<std::string>& text, const char* flag, std::uint64_t otherwise) {
  if (!text) return otherwise;
  const auto size = parse_size(*text);
  if (!size || *size == 0) {
    throw Error({.kind = ErrorKind::Usage,
                 .code = "U004",
                 .message = fmt::format("{} wants a size such as 4GiB, not '{}'", flag, printable(*text))});
  }
  return *size;
}

std::uint16_t port_number(const std::string& text, const std::string& word) {
  const auto number = parse_size(text);
  if (!number || *number > 65535 || text.find_first_not_of("0123456789") != std::string::npos) {
    throw Error(
        {.kind = ErrorKind::Usage,
         .code = "U005",
         .message = fmt::format("--port wants [HOST:]GUEST with numbers up to 65535, not '{}'", printable(word))});
  }
  return static_cast<std::uint16_t>(*number);
}

/// From --port and the image: (host, guest); host 0 = any free port.
std::vector<std::pair<std::uint16_t, std::uint16_t>> ports_of(const Flags& flags, const layers::ImageConfig& config) {
  std::vector<std::pair<std::uint16_t, std::uint16_t>> ports;
  for (const auto& word : flags.ports) {
    const std::size_t colon = word.find(':');
    const std::string guest = colon == std::string::npos ? word : word.substr(colon + 1);
    ports.emplace_back(colon == std::string::npos ? 0 : port_number(word.substr(0, colon), word),
                       port_number(guest, word));
  }
  for (const auto port : config.launch_ports) {
    const bool said = std::any_of(ports.begin(), ports.end(), [&](const auto& pair) { return pair.second == port; });
    if (!said) ports.emplace_back(0, port);
  }
  return ports;
}

sandbox::Accel accel_of(const std::string& text) {
  if (text == "auto") return sandbox::Accel::Auto;
  if (text == "kvm") return sandbox::Accel::Kvm;
  if (text == "tcg") return sandbox::Accel::Tcg;
  throw Error({.kind = ErrorKind::Usage,
               .code = "U006",
               .message = fmt::format("accel is auto, kvm or tcg, not '{}'", printable(text))});
}

/// The devices that the guest gets: those of --gpu, or as many GPUs as the image asks for.
std::vector<std::string> gpus_of(const Flags& flags, const layers::ImageConfig& config) {
  std::vector<std::string> addresses;
  for (const auto& word : flags.gpus) {
    if ((word == "none" || word == "auto") && flags.gpus.size() == 1) continue;
    if (!sandbox::is_pci_address(word)) {
      throw Error({.kind = ErrorKind::Usage,
                   .code = "U021",
                   .message = fmt::format("--gpu wants none, auto or PCI addresses such as 0000:65:00.0, not '{}'",
                                          printable(word)),
                   .hints = {"'lspci -D' lists the devices with their addresses"}});
    }
    addresses.push_back(word);
  }
  const bool automatic = flags.gpus.empty() || flags.gpus.front() == "auto";
  if (automatic && config.launch_gpu > 0) addresses = sandbox::find_gpus("/sys", config.launch_gpu);
  return addresses;
}

sandbox::VmConfig vm_config(Context& context, const Flags& flags, const layers::ImageRecord& image,
                            const layers::FileTree& tree, const std::filesystem::path& state) {
  const auto& config = image.config;
  if (!config.kernel) {
    throw Error(
        {.kind = ErrorKind::Machine,
         .code = "V020",
         .message = fmt::format("the image '{}' has no kernel to boot", flags.image),
         .hints = {
             "add a kernel package to its recipe: linux-image-cloud-amd64 (Debian) or linux-image-virtual (Ubuntu)"}});
  }
  constexpr std::uint64_t kDefaultMemory = 2ULL << 30;
  sandbox::VmConfig vm{.name = "sandbox", .device_bytes = config.device_bytes};
  vm.disk_bytes = std::max(config.device_bytes, size_flag(flags.disk, "--disk", config.launch_disk_bytes));
  vm.kernel = context.store().blob_path(*config.kernel);
  vm.kernel_version = config.kernel_version;
  vm.image_file = [&context, &image, &tree](std::string_view path) -> std::optional<std::string> {
    const auto* entry = tree.resolve(path);
    if (entry == nullptr || entry->type != layers::FileType::Regular) return std::nullopt;
    return layers::read_file(context.store(), image.layers, *entry);
  };
  if (flags.cpus > 0 || config.launch_cpu > 0) vm.cpus = flags.cpus > 0 ? flags.cpus : config.launch_cpu;
  vm.memory_bytes =
      size_flag(flags.memory, "--memory", config.launch_memory_bytes > 0 ? config.launch_memory_bytes : kDefaultMemory);
  vm.ports = ports_of(flags, config);
  vm.pci_devices = gpus_of(flags, config);
  vm.accel = accel_of(flags.accel.value_or(context.settings().accel));
  vm.cache = context.store().root() / "boot";
  vm.state = state;
  return vm;
}

sandbox::ExecRequest exec_request(const Flags& flags, const layers::ImageConfig& config, const Context& context) {
  sandbox::ExecRequest request{.argv = flags.rest,
                               .env = config.env,
                               .user = flags.user.empty() ? config.user : flags.user,
                               .workdir = flags.workdir.empty() ? config.workdir : flags.workdir,
                               .tty = flags.tty};
  for (const auto& word : flags.env) {
    const std::size_t equals = word.find('=');
    if (equals == 0 || equals == std::string::npos) {
      throw Error({.kind = ErrorKind::Usage,
                   .code = "U002",
                   .message = fmt::format("--env wants NAME=VALUE, not '{}'", printable(word))});
    }
    request.env[word.substr(0, equals)] = word.substr(equals + 1);
  }
  if (request.argv.empty())
    request.argv = {"/bin/sh", "-c", "if command -v bash >/dev/null; then exec bash -l; else exec sh -l; fi"};
  if (flags.tty) {
    const auto window = window_size(STDOUT_FILENO).value_or(std::pair<std::uint16_t, std::uint16_t>{24, 80});
    request.rows = window.first;
    request.columns = window.second;
    request.term = context.settings().terminal;
  }
  return request;
}

/// For sockets, overlay and console log. The name of a unix socket has 107 bytes: a store far down gets a directory
/// elsewhere, which then only this process removes.
TempDir state_directory(const layers::Store& store) {
  constexpr std::size_t kLongestParent = 70;
  if (!layers::is_writable(store)) return layers::make_scratch(store, "vm-");
  const auto tmp = store.tmp();
  return TempDir(tmp.string().size() <= kLongestParent ? tmp : std::filesystem::path("/var/tmp"), "vm-");
}

/// Asks for a shell where there is nothing to run and a terminal to run it on.
void check_terminal(Flags& flags) {
  if (flags.rest.empty() && !flags.interactive) {
    if (::isatty(STDIN_FILENO) == 1 && ::isatty(STDOUT_FILENO) == 1) {
      flags.interactive = flags.tty = true;
    } else {
      throw Error({.kind = ErrorKind::Usage,
                   .code = "U007",
                   .message = "nothing to run",
                   .hints = {fmt::format("blueprint run {} -- COMMAND", flags.image),
                             fmt::format("blueprint run -it {}    # a shell", flags.image)}});
    }
  }
  if (flags.tty && ::isatty(STDIN_FILENO) != 1) {
    throw Error({.kind = ErrorKind::Usage,
                 .code = "U008",
                 .message = "--tty wants a terminal, and stdin is none",
                 .hints = {"leave out -t"}});
  }
}

ExitStatus run_in(sandbox::Vm& vm, const Flags& flags, const sandbox::ExecRequest& request, std::stop_token stop) {
  std::optional<RawTerminal> raw;
  if (flags.tty) raw.emplace(STDIN_FILENO);
  sandbox::ExecStreams streams{
      .input_fd = flags.interactive ? STDIN_FILENO : -1,
      .on_stdout = [](std::string_view bytes) { write_answer(bytes); },
      .on_stderr = [](std::string_view bytes) { write_all(STDERR_FILENO, bytes, "to stderr"); }};
  if (flags.tty) streams.window = [] { return window_size(STDOUT_FILENO); };
  return vm.exec(request, streams, std::move(stop));
}

ExitStatus boot_and_run(Context& context, const Flags& flags, sandbox::VmConfig config,
                        const sandbox::ExecRequest& request, const std::stop_token& stop) {
  sandbox::Vm vm(std::move(config), context.events(), stop);
  if (flags.timing) {
    const auto& times = vm.boot_times();
    context.events().note(fmt::format("booted in {} (agent after {})", format_seconds(times.ready_seconds),
                                      format_seconds(times.agent_seconds)));
  }
  for (const auto& [guest, host] : vm.ports())
    context.events().note(fmt::format("port {} of the guest is 127.0.0.1:{}", guest, host));
  context.end_progress();
  // What the guest wrote is thrown away with its overlay: there is nothing that a clean shutdown would save.
  return run_in(vm, flags, request, stop);
}

/// What the image's server said of damage: the guest only saw an I/O error. Our plugin's words end in a code; what else
/// nbdkit logs, such as a client that went away, is of no interest.
std::string complaints_of(const layers::ExportServer& server) {
  std::vector<std::string> words;
  for (const auto& line : split(server.log(), '\n')) {
    constexpr std::string_view kError = "error: ";
    const std::size_t at = line.find(kError);
    if (at == std::string::npos || !line.ends_with(']')) continue;
    auto said = printable(std::string_view(line).substr(at + kError.size()));
    // A guest asks again for what it did not get.
    if (std::find(words.begin(), words.end(), said) == words.end()) words.push_back(std::move(said));
  }
  if (words.empty()) return {};
  const std::size_t more = words.size() - 1;
  return fmt::format("the guest could not read its disk: {}{}", words.front(),
                     more == 0 ? "" : fmt::format(" (and {} more like it)", more));
}

int run(Context& context, Flags flags) {
  check_terminal(flags);
  const auto image = load_image(context, flags.image);
  const sandbox::ExecRequest request = exec_request(flags, image.config, context);
  const auto lease = lease_image(context, image.digest, fmt::format("blueprint run {}", flags.image));
  const auto tree = layers::load_tree(context.store(), image.layers);
  const TempDir state = state_directory(context.store());
  sandbox::VmConfig config = vm_config(context, flags, image, tree, state.path());
  const layers::ExportServer server({.store = context.store().root(),
                                     .layers = image.layers,
                                     .directory = state.path(),
                                     .plugin = context.installation().nbd_plugin});
  config.nbd_socket = server.socket().string();
  std::stop_source ended;
  const std::stop_callback on_stop(context.stop(), [&ended] { ended.request_stop(); });
  const layers::ExportWatch watch(server, [&ended] { ended.request_stop(); });
  try {
    const ExitStatus status = boot_and_run(context, flags, std::move(config), request, ended.get_token());
    if (const auto text = complaints_of(server); !text.empty()) context.events().note(text);
    return status.signal != 0 ? 128 + status.signal : status.code;
  } catch (Error& failure) {
    if (auto text = complaints_of(server); !text.empty()) failure.add_hint(std::move(text));
    throw;
  } catch (const Interrupted&) {
    if (context.stop().stop_requested()) throw;
    Error failure = layers::export_ended();
    if (auto text = complaints_of(server); !text.empty()) failure.add_hint(std::move(text));
    throw failure;
  }
}

}  // namespace

Command cmd_run() {
  auto flags = std::make_shared<Flags>();
  return {
      .name = "run",
      .summary = "Boot a VM from an image and run a command in it.",
      .description =
          "The disk is served from the store block by block; what the VM writes is thrown away at the end. Exits with "
          "the command's own\n"
          "exit code. Without a command, on a terminal: a shell. A command starts as soon as the guest answers, while "
          "its\n"
          "services may still be starting: 'systemctl is-system-running --wait' waits for them.",
      .examples = {"blueprint run hello -- cat /etc/os-release", "blueprint run -it hello",
                   "tar c src | blueprint run -i hello -- tar x -C /tmp",
                   "blueprint run hello --port 8080 --memory 4GiB -- python3 -m http.server 8080",
                   "blueprint run runloop/universal-debian-12-x86_64-gpu --gpu 0000:65:00.0 -- nvidia-smi"},
      .options =
          {image_option(flags->image),
           {.flags = "--interactive,-i", .help = "pass stdin to the command", .target = &flags->interactive},
           {.flags = "--tty,-t", .help = "give the command a terminal", .target = &flags->tty},
           {.flags = "--env,-e", .value = "NAME=VALUE", .help = "set a variable (repeatable)", .target = &flags->env},
           {.flags = "--user,-u",
            .value = "USER",
            .help = "run as this user (default: the image's)",
            .target = &flags->user},
           {.flags = "--workdir,-w", .value = "DIR", .help = "run in this directory", .target = &flags->workdir},
           {.flags = "--cpus", .value = "N", .help = "virtual processors", .target = &flags->cpus},
           {.flags = "--memory,-m", .value = "SIZE", .help = "memory: 4GiB", .target = &flags->memory},
           {.flags = "--disk",
            .value = "SIZE",
            .help = "disk; the root file system grows to it",
            .target = &flags->disk},
           {.flags = "--port,-p",
            .value = "[HOST:]GUEST",
            .help = "forward 127.0.0.1:HOST to the guest (repeatable)",
            .target = &flags->ports},
           {.flags = "--accel",
            .value = "ACCEL",
            .help = "auto, kvm or tcg",
            .target = &flags->accel,
            .choices = {"auto", "kvm", "tcg"}},
           {.flags = "--gpu",
            .value = "GPU",
            .help = "none, auto (as many as the image asks for) or a PCI address bound to vfio-pci (repeatable)",
            .target = &flags->gpus},
           {.flags = "--timing", .help = "say how long the boot took", .target = &flags->timing}},
      .rest_is_command = true,
      .rest = &flags->rest,
      .run = [flags](Context& context) { return run(context, *flags); }};
}

}  // namespace blueprint::cli
