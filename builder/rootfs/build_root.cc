// A working root: an overlay mounted where nobody else sees it.
//
// The overlay is mounted in a MountNamespace, and this process reaches it through a directory descriptor: names below
// are resolved from there, whatever namespace the resolving thread is in. Rejected: a mount in the host's namespace
// (kill -9 leaves it behind), a helper process that holds the namespace (one more thing that can die or stay), and
// detached mounts of the new mount interface (a detached mount cannot be cloned for each container before Linux 6.15,
// and the options of overlayfs fit there only since 6.7).
//
// mount(2) takes one page of options. Lower directories are named by symbolic links with short names, relative to the
// working directory, so that as many fit as overlayfs can stack.
#include "builder/rootfs/build_root.h"

#include <algorithm>
#include <cerrno>
#include <optional>
#include <set>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/text.h"
#include "builder/rootfs/bind_points.h"
#include "builder/rootfs/container_config.h"
#include "builder/rootfs/errors.h"
#include "builder/rootfs/mount_namespace.h"
#include "builder/rootfs/name_service.h"
#include "builder/rootfs/oci_runtime.h"

namespace blueprint::rootfs {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kMaxTrees = 500;  // OVL_MAX_STACK of the kernel
constexpr const char* kStaging = ".blueprint-staging";

void make_directory(const fs::path& path, unsigned mode) {
  // mkdir applies the umask, and modes of the tree must not depend on it.
  if (::mkdir(path.c_str(), mode) != 0 && errno != EEXIST) throw os_error("create " + path.string());
  if (::chmod(path.c_str(), mode) != 0) throw os_error("set the mode of " + path.string());
}

/// The root directory of an overlay is that of the upper tree: unless it equals the parent's, "/" itself looks changed.
void copy_root_metadata(const fs::path& from, const fs::path& to) {
  struct stat status {};
  if (::stat(from.c_str(), &status) != 0) throw os_error("look at " + from.string());
  const timespec times[2] = {status.st_atim, status.st_mtim};
  if (::chown(to.c_str(), status.st_uid, status.st_gid) != 0 || ::chmod(to.c_str(), status.st_mode & 07777U) != 0 ||
      ::utimensat(AT_FDCWD, to.c_str(), times, 0) != 0) {
    throw os_error("prepare " + to.string());
  }
}

/// Mounts the overlay at work/merged. Runs on a thread whose working directory is its own.
void mount_overlay(const BuildRoot::Options& options) {
  if (::chdir(options.work.c_str()) != 0) throw os_error("enter " + options.work.string());
  std::string lower;
  // overlayfs wants the topmost first, and no directory twice: layers that change nothing, or the same, have one tree.
  // What a tree has below another of itself is hidden by it.
  std::set<fs::path> named;
  for (std::size_t i = options.lower.size(); i-- > 0;) {
    if (!named.insert(options.lower[i]).second) continue;
    const std::string name = fmt::format("l{}", i);
    // The root of a failed step is opened again with the names of its first life.
    if (::symlink(fs::absolute(options.lower[i]).c_str(), name.c_str()) != 0 && errno != EEXIST) {
      throw os_error("name a lower directory");
    }
    lower += (lower.empty() ? "" : ":") + name;
  }
  // No index, metacopy or redirects: the upper directory must say by itself what the step changed, as whole files,
  // because it is read without overlayfs. volatile: it is scratch, and unmounting must not sync the file system.
  const std::string base =
      "index=off,metacopy=off,redirect_dir=off,xino=auto,upperdir=upper,workdir=work,lowerdir=" + lower;
  for (const char* extra : {"volatile,", ""}) {  // volatile came with Linux 5.10
    if (::mount("overlay", "merged", "overlay", 0, (extra + base).c_str()) == 0) return;
    if (errno != EINVAL) break;
  }
  throw overlay_refused(options.work, errno);
}

/// Directories that a container needs as mount points and that the tree lacks: there while a command runs. base-files
/// ships them all, so this is for odd images; without the removal they would appear in the layer.
class MountPoints {
 public:
  explicit MountPoints(const RootDir& root) : root_(root) {
    for (const auto& name : mount_points()) {
      if (root.status(name)) continue;
      if (::mkdirat(root.fd(), name.c_str(), 0755) != 0) continue;  // the runtime will say why it cannot start
      // A runtime gives the tmpfs the mode of what it covers.
      ::fchmodat(root.fd(), name.c_str(), name == "tmp" ? 01777 : 0755, 0);
      made_.push_back(name);
    }
  }
  ~MountPoints() {
    for (const auto& name : made_) ::unlinkat(root_.fd(), name.c_str(), AT_REMOVEDIR);
  }
  MountPoints(const MountPoints&) = delete;
  MountPoints& operator=(const MountPoints&) = delete;

 private:
  const RootDir& root_;
  std::vector<std::string> made_;
};

void write_private_file(const fs::path& path, std::string_view text, const RunOptions& options, unsigned mode) {
  const UniqueFd fd = open_file(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
  write_all(fd.get(), text, path.string());
  if (::fchown(fd.get(), options.uid, options.gid) != 0 || ::fchmod(fd.get(), mode) != 0) {
    throw os_error("prepare " + path.string());
  }
}

}  // namespace

struct BuildRoot::State {
  explicit State(Options given) : options(std::move(given)), runtime(options.work / "container") {}

  Options options;
  OciRuntime runtime;
  std::optional<MountNamespace> mounts;
  std::optional<RootDir> root;
  bool staging = false;

  [[nodiscard]] fs::path container_root() const { return options.work / (options.lower.empty() ? "upper" : "merged"); }
  [[nodiscard]] ContainerSpec container_spec(const RunOptions& run) const;
  void add_private_files(const RunOptions& run, const std::optional<std::string>& resolv_conf,
                         ContainerSpec& spec) const;
};

ContainerSpec BuildRoot::State::container_spec(const RunOptions& run) const {
  ContainerSpec spec{.root = container_root().string(),
                     .hostname = options.hostname,
                     .argv = run.argv,
                     .has_shell = static_cast<bool>(root->try_open("bin/sh", O_PATH)),
                     .environment = step_environment(options.epoch, run.environment),
                     .workdir = run.workdir.empty() ? "/" : run.workdir,
                     .uid = run.uid,
                     .gid = run.gid,
                     .groups = run.groups,
                     .host_network = run.host_network,
                     .read_only_binds = {},
                     .binds = {}};
  for (const auto& mount : run.mounts) {
    const bool in_memory = mount.source.empty();
    spec.binds.push_back({in_memory ? "" : fs::absolute(mount.source).string(), mount.target,
                          in_memory ? mount.size_bytes : std::nullopt});
  }
  for (const auto& [source, target] : run.read_only_mounts) {
    spec.read_only_binds.push_back({fs::absolute(source).string(), target});
  }
  return spec;
}

/// Files that only the command may see are on a tmpfs of its own mount namespace: they are never on disk.
void BuildRoot::State::add_private_files(const RunOptions& run, const std::optional<std::string>& resolv_conf,
                                         ContainerSpec& spec) const {
  if (run.secret_files.empty() && !resolv_conf) return;
  const fs::path directory = options.work / "private";
  make_directory(directory, 0700);
  if (::mount("tmpfs", directory.c_str(), "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700") != 0) {
    throw namespace_refused("mount a tmpfs for secrets", errno);
  }
  for (std::size_t i = 0; i < run.secret_files.size(); ++i) {
    const auto& [name, value] = run.secret_files[i];
    if (name.empty() || name.find('/') != std::string::npos || name == "." || name == "..") {
      throw bug("a secret's name is not a file name");
    }
    const fs::path file = directory / fmt::format("secret-{}", i);
    write_private_file(file, value, run, 0400);
    spec.read_only_binds.push_back({file.string(), "/run/secrets/" + name});
  }
  if (resolv_conf) {
    const fs::path file = directory / "resolv.conf";
    write_private_file(file, read_file_if_exists("/etc/resolv.conf").value_or(""), {}, 0644);
    spec.read_only_binds.push_back({file.string(), *resolv_conf});
  }
}

BuildRoot::BuildRoot(Options options) {
  if (::geteuid() != 0) throw needs_root();
  if (options.lower.size() > kMaxTrees) throw too_many_trees(options.lower.size(), kMaxTrees);
  options.work = fs::absolute(options.work);
  state_ = std::make_unique<State>(std::move(options));
  const Options& o = state_->options;
  make_directory(o.work / "upper", 0755);
  state_->mounts.emplace();
  if (o.lower.empty()) {
    state_->root.emplace((o.work / "upper").string());
    return;
  }
  copy_root_metadata(o.lower.back(), o.work / "upper");
  // What an earlier mount left in it, such as the mark of a volatile one, would make the kernel refuse a second.
  remove_tree(o.work / "work");
  make_directory(o.work / "work", 0700);
  make_directory(o.work / "merged", 0755);
  state_->mounts->inside(MountNamespace::Changes::Kept, [this, &o] {
    mount_overlay(o);
    state_->root.emplace((o.work / "merged").string());
  });
}

BuildRoot::~BuildRoot() {
  try {
    close();
  } catch (const Error&) {
    // Closing descriptors is all that unmounting needs; what failed is the removal of scratch files.
  }
}

const RootDir& BuildRoot::root() const { return *state_->root; }

fs::path BuildRoot::upper() const { return state_->options.work / "upper"; }

bool BuildRoot::has_parents() const { return !state_->options.lower.empty(); }

RootDir BuildRoot::make_staging() {
  state_->staging = true;
  if (!has_parents()) {
    const fs::path path = state_->options.work / "staging";
    make_directory(path, 0700);
    return RootDir(path.string());
  }
  if (::mkdirat(root().fd(), kStaging, 0700) != 0) throw os_error("create a staging directory");
  return RootDir(root().open(kStaging, O_PATH | O_DIRECTORY), kStaging);
}

void BuildRoot::remove_staging() {
  if (!state_->staging) return;
  state_->staging = false;
  if (!has_parents()) {
    remove_tree(state_->options.work / "staging");
    return;
  }
  state_->mounts->inside(MountNamespace::Changes::Kept,
                         [this] { remove_tree(state_->options.work / "merged" / kStaging); });
}

ExitStatus BuildRoot::run(const RunOptions& options, const std::function<void(std::string_view)>& on_output,
                          std::stop_token stop) {
  if (stop.stop_requested()) throw Interrupted{};
  const MountPoints mount_points(root());
  const BindPoints bind_points(root(), options.mounts);
  std::optional<NameService> names;
  if (options.host_network) names.emplace(root());
  ExitStatus status;
  state_->mounts->inside(MountNamespace::Changes::Dropped, [&] {
    ContainerSpec spec = state_->container_spec(options);
    state_->add_private_files(options, names ? names->target() : std::nullopt, spec);
    status = state_->runtime.run(spec, options.input, on_output, stop);
  });
  return status;
}

ExitStatus BuildRoot::run_interactive(const RunOptions& options) {
  const MountPoints mount_points(root());
  ExitStatus status;
  state_->mounts->inside(MountNamespace::Changes::Dropped,
                         [&] { status = state_->runtime.run_attached(state_->container_spec(options)); });
  return status;
}

void BuildRoot::close() {
  if (state_ == nullptr || !state_->mounts) return;
  if (state_->root) remove_staging();
  state_->root.reset();
  // The last descriptor: the kernel unmounts here.
  state_->mounts.reset();
}

}  // namespace blueprint::rootfs
