// The container that build commands run in, as an OCI runtime configuration.
//
// Maintainer scripts and `run` steps are programs of the recipe's author or of the distribution: not hostile, but they
// must not change the host and must not see what differs between hosts. So they get namespaces of their own, the
// capabilities that dpkg and its scripts use and no more, fresh /proc, /dev and tmpfs, and a file system of /sys and
// /proc/sys that is read-only, because most of it is not namespaced.
//
// Two rules are for speed. The fsync family does nothing and answers success: the tree is scratch until the layer that
// is made of it is published, and dpkg alone syncs thousands of times (measured by others: 143 s to 69 s for an image
// of mkosi). And /tmp and /run are memory.
#include "builder/rootfs/container_config.h"

#include <map>

#include <fmt/format.h>

#include "base/json.h"

namespace blueprint::rootfs {
namespace {

/// What chown, chmod, mknod, setcap, su, chroot and start-up of a service in a maintainer script need. Left out above
/// all: SYS_ADMIN, SYS_PTRACE, SYS_MODULE, NET_ADMIN, SYS_TIME, SYS_BOOT, DAC_READ_SEARCH (open_by_handle_at leaves the
/// root).
constexpr const char* kCapabilities[] = {"CAP_AUDIT_WRITE", "CAP_CHOWN",  "CAP_DAC_OVERRIDE", "CAP_FOWNER",
                                         "CAP_FSETID",      "CAP_KILL",   "CAP_MKNOD",        "CAP_NET_BIND_SERVICE",
                                         "CAP_SETFCAP",     "CAP_SETGID", "CAP_SETUID",       "CAP_SETPCAP",
                                         "CAP_SYS_CHROOT"};

Json mount(std::string_view destination, std::string_view type, std::vector<std::string> options) {
  return {{"destination", destination}, {"type", type}, {"source", type}, {"options", std::move(options)}};
}

Json mounts(const ContainerSpec& spec) {
  // devpts is a new instance with a ptmx of its own: posix_openpt fails on a bind mount of the host's.
  Json list = Json::array({
      mount("/proc", "proc", {"nosuid", "noexec", "nodev"}),
      mount("/dev", "tmpfs", {"nosuid", "noexec", "mode=755", "size=64k"}),
      mount("/dev/pts", "devpts", {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"}),
      mount("/dev/shm", "tmpfs", {"nosuid", "nodev", "mode=1777"}),
      mount("/sys", "sysfs", {"nosuid", "noexec", "nodev", "ro"}),
      mount("/tmp", "tmpfs", {"nosuid", "nodev", "mode=1777"}),
      mount("/run", "tmpfs", {"nosuid", "nodev", "mode=755"}),
      mount("/run/lock", "tmpfs", {"nosuid", "nodev", "noexec", "mode=1777"}),
  });
  const auto add = [&](const ContainerSpec::Bind& bind, const char* access) {
    if (bind.source.empty()) {
      Json memory = mount(bind.target, "tmpfs", {"nosuid", "nodev", "mode=1777"});
      if (bind.size_bytes) memory["options"].push_back(fmt::format("size={}", *bind.size_bytes));
      list.push_back(std::move(memory));
      return;
    }
    Json entry = mount(bind.target, "bind", {"bind", access, "nosuid", "nodev"});
    entry["source"] = bind.source;
    list.push_back(std::move(entry));
  };
  for (const auto& bind : spec.read_only_binds) add(bind, "ro");
  for (const auto& bind : spec.binds) add(bind, "rw");
  return list;
}

Json seccomp() {
  return {
      {"defaultAction", "SCMP_ACT_ALLOW"},
      {"architectures", {"SCMP_ARCH_X86_64", "SCMP_ARCH_X86"}},
      {"syscalls",
       {{{"names", {"fsync", "fdatasync", "sync", "syncfs", "msync", "sync_file_range"}},
         {"action", "SCMP_ACT_ERRNO"},
         {"errnoRet", 0}},
        // Kernel state that no namespace separates and no build needs. 38 is ENOSYS: programs have a fallback for it.
        {{"names", {"add_key", "request_key", "keyctl", "bpf", "perf_event_open", "userfaultfd"}},
         {"action", "SCMP_ACT_ERRNO"},
         {"errnoRet", 38}}}}};
}

Json process(const ContainerSpec& spec) {
  Json capabilities;
  for (const char* set : {"bounding", "effective", "permitted"}) capabilities[set] = kCapabilities;
  Json user = {{"uid", spec.uid}, {"gid", spec.gid}, {"umask", 022}};
  if (!spec.groups.empty()) user["additionalGids"] = spec.groups;
  return {{"terminal", spec.terminal},
          {"user", std::move(user)},
          {"args", spec.argv},
          {"env", spec.environment},
          {"cwd", spec.workdir},
          {"capabilities", std::move(capabilities)},
          // The host's own limits differ from machine to machine, and a huge one makes programs that close every
          // possible descriptor crawl.
          {"rlimits", {{{"type", "RLIMIT_NOFILE"}, {"soft", 1024}, {"hard", 4096}}}},
          // sudo, su and ping of the image must work in a run step.
          {"noNewPrivileges", false}};
}

}  // namespace

const std::vector<std::string>& mount_points() {
  static const std::vector<std::string> points = {"proc", "sys", "dev", "tmp", "run"};
  return points;
}

std::string container_config(const ContainerSpec& spec) {
  Json namespaces = Json::array();
  // cgroup: the name of our group, which has our process number in it, must not be seen.
  for (const char* type : {"mount", "pid", "ipc", "uts", "cgroup"}) namespaces.push_back({{"type", type}});
  if (!spec.host_network) namespaces.push_back({{"type", "network"}});
  const Json config = {
      {"ociVersion", "1.0.2"},
      {"process", process(spec)},
      {"root", {{"path", spec.root}, {"readonly", false}}},
      {"hostname", spec.hostname},
      {"mounts", mounts(spec)},
      {"linux",
       {{"namespaces", std::move(namespaces)},
        {"resources", {{"devices", {{{"allow", false}, {"access", "rwm"}}}}}},
        {"seccomp", seccomp()},
        {"maskedPaths",
         {"/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list", "/proc/sched_debug",
          "/proc/scsi", "/sys/firmware"}},
        {"readonlyPaths", {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"}}}}};
  return config.dump(1);
}

std::vector<std::string> step_environment(std::int64_t epoch, const std::vector<std::string>& overrides) {
  std::map<std::string, std::string, std::less<>> values = {
      {"DEBIAN_FRONTEND", "noninteractive"},
      {"HOME", "/root"},
      {"LC_ALL", "C.UTF-8"},
      {"PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
      {"SOURCE_DATE_EPOCH", fmt::format("{}", epoch)},
      {"TZ", "UTC"},
  };
  for (const auto& pair : overrides) {
    const std::size_t equals = pair.find('=');
    values[pair.substr(0, equals)] = equals == std::string::npos ? "" : pair.substr(equals + 1);
  }
  std::vector<std::string> environment;
  for (const auto& [name, value] : values) environment.push_back(name + "=" + value);
  return environment;
}

}  // namespace blueprint::rootfs
