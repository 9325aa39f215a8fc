#include "builder/packages/normalise.h"

#include <algorithm>
#include <cerrno>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <fnmatch.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/text.h"

namespace blueprint::packages {
namespace {

struct Rule {
  const char* directory;
  const char* pattern;  ///< fnmatch(3) on names in it
};

/// Removed, with all below. Each is written again by its program when it is needed.
constexpr Rule kRemoved[] = {
    // What dpkg, apt and their friends note while they work.
    {"var/log", "dpkg.log"},
    {"var/log", "bootstrap.log"},
    {"var/log", "alternatives.log"},
    {"var/log", "fontconfig.log"},
    {"var/log/apt", "*"},
    {"var/log/journal", "*"},  // the directory itself asks for a journal that lasts
    // Copies of the state before the last change.
    {"etc", "passwd-"},
    {"etc", "group-"},
    {"etc", "shadow-"},
    {"etc", "gshadow-"},
    {"etc", "subuid-"},
    {"etc", "subgid-"},
    {"etc", ".pwd.lock"},
    {"var/lib/dpkg", "status-old"},
    {"var/lib/dpkg", "available-old"},
    {"var/lib/dpkg", "diversions-old"},
    {"var/lib/dpkg", "statoverride-old"},
    {"var/lib/dpkg/triggers", "Lock"},
    {"var/lib/dpkg", "lock"},
    {"var/lib/dpkg", "lock-frontend"},
    {"var/cache/debconf", "*-old"},
    {"var/backups", "*"},
    // Caches keyed by inode numbers or times.
    {"var/cache/ldconfig", "aux-cache"},
    {"var/cache/man", "*"},
    {"var/cache/fontconfig", "*"},
    {"var/cache/apt", "*.bin"},
    {"var/cache/apt/archives", "*.deb"},
    {"var/cache/apt/archives", "lock"},
    {"var/lib/apt/lists", "*"},
    {"var/lib/command-not-found", "*"},
    {"var/lib/systemd/catalog", "database"},
    // An initramfs that a kernel's hooks packed: holds the time at which that was. A sandbox boots with one of ours.
    {"boot", "initrd.img-*"},
    // Secrets and ids that two machines must not share.
    {"etc/ssh", "ssh_host_*_key"},
    {"etc/ssh", "ssh_host_*_key.pub"},
    {"etc/ssl/private", "ssl-cert-snakeoil.key"},
    {"etc/docker", "key.json"},
    {"var/lib/systemd", "random-seed"},
    {"var/lib/systemd", "credential.secret"},
    {"var/lib/dbus", "machine-id"},
    // What is a tmpfs on a running machine.
    {"tmp", "*"},
    {"run", "*"},
    // Device nodes come from devtmpfs.
    {"dev", "*"},
};

/// Emptied: their package or the system expects the file to be there.
constexpr const char* kEmptied[] = {"etc/machine-id", "var/log/lastlog", "var/log/wtmp",
                                    "var/log/btmp",   "var/log/faillog", "var/log/tallylog"};

struct DirectoryCloser {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

/// Names in an open directory, sorted; empty when it is none.
std::vector<std::string> names_in(int fd) {
  std::vector<std::string> names;
  const std::unique_ptr<DIR, DirectoryCloser> directory(::fdopendir(fd));
  if (!directory) {
    ::close(fd);
    return names;
  }
  while (const dirent* entry = ::readdir(directory.get())) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

void remove_entry(int directory, const std::string& name) {
  if (::unlinkat(directory, name.c_str(), 0) == 0 || errno == ENOENT) return;
  if (errno != EISDIR && errno != EPERM) throw os_error("remove " + printable(name));
  const UniqueFd child(::openat(directory, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!child) throw os_error("remove " + printable(name));
  for (const auto& inner : names_in(::dup(child.get()))) remove_entry(child.get(), inner);
  if (::unlinkat(directory, name.c_str(), AT_REMOVEDIR) != 0) throw os_error("remove " + printable(name));
}

void remove_matching(const RootDir& root, const Rule& rule) {
  const UniqueFd directory = root.try_open(rule.directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (!directory) return;
  for (const auto& name : names_in(::dup(directory.get()))) {
    if (::fnmatch(rule.pattern, name.c_str(), 0) == 0) remove_entry(directory.get(), name);
  }
}

void empty_file(const RootDir& root, const char* path) {
  const auto status = root.status(path);
  if (!status || !S_ISREG(status->st_mode) || status->st_size == 0) return;
  const UniqueFd fd = root.open(path, O_WRONLY | O_TRUNC);
}

}  // namespace

void normalise_root(const RootDir& root, std::int64_t epoch) {
  for (const auto& rule : kRemoved) remove_matching(root, rule);
  for (const char* path : kEmptied) empty_file(root, path);
  // An empty file, not a missing one: systemd then takes the id that the virtual machine is given, and does not think
  // that this is the first boot (machine-id(5)).
  if (root.status("etc/machine-id") == std::nullopt && root.status("usr/lib/systemd/systemd")) {
    root.write_file("etc/machine-id", "", 0444);
  }
  // The clock's, where the tool does not know SOURCE_DATE_EPOCH.
  const std::int64_t day = epoch / 86400;
  replace_password_days(root, day + 1, std::numeric_limits<std::int64_t>::max(), day);
}

void replace_password_days(const RootDir& root, std::int64_t first, std::int64_t last, std::int64_t day) {
  constexpr const char* kShadow = "etc/shadow";
  const auto text = root.read_file_if_exists(kShadow);
  if (!text) return;
  const auto is_day = [&](const std::string& field) {
    return !field.empty() && field.size() <= 9 && field.find_first_not_of("0123456789") == std::string::npos &&
           std::stoll(field) >= first && std::stoll(field) <= last;
  };
  std::vector<std::string> lines = split(*text, '\n');
  for (auto& line : lines) {
    auto fields = split(line, ':');
    if (fields.size() < 3 || !is_day(fields[2])) continue;
    fields[2] = fmt::format("{}", day);
    line = join(fields, ":");
  }
  const std::string changed = join(lines, "\n");
  if (changed != *text) root.write_file(kShadow, changed, root.status(kShadow)->st_mode & 07777U);
}

}  // namespace blueprint::packages
