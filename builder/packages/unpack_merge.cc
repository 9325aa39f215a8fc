#include "builder/packages/unpack_merge.h"

#include <algorithm>
#include <cerrno>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/text.h"
#include "builder/packages/install_errors.h"

namespace blueprint::packages {
namespace {

/// Whether `winner` declares Replaces for the package of `loser`.
bool replaces(const ControlStanza& winner, const ControlStanza& loser) {
  for (const auto& alternatives : parse_relations(winner.get("Replaces"))) {
    for (const auto& relation : alternatives) {
      if (relation.name == loser.get("Package") && satisfies(loser.get("Version"), relation)) return true;
    }
  }
  return false;
}

bool is_conffile(const StagedPackage& package, const std::string& path) {
  return std::find(package.conffiles.begin(), package.conffiles.end(), path) != package.conffiles.end();
}

[[noreturn]] void fail(std::string_view action, const std::string& path) {
  throw os_error(fmt::format("{} /{}", action, printable(path)));
}

}  // namespace

TreeMerger::TreeMerger(const RootDir& root, const RootDir& staging, UsrMerge usr, DpkgDatabase& database)
    : root_(root), staging_(staging), usr_(usr), database_(database), accounts_(root) {}

void TreeMerger::merge(const StagedPackage& package) {
  std::vector<std::string> listed;
  std::vector<std::pair<std::string, std::string>> conffiles;
  for (const auto& staged : package.members) {
    const DataMember& member = staged.member;
    if (member.type == MemberType::Directory) {
      make_directory(package, member, usr_.canonical(member.path));
      listed.push_back(member.path);
      continue;
    }
    const std::string path = destination(package, member.path);
    const auto existing = root_.status(path);
    if (existing && claim(package, staged, path) == Claim::Keep) {
      if (const auto own = claims_.find(path); own != claims_.end() && own->second == package.info_name()) {
        listed.push_back(member.path);
      }
      continue;
    }
    listed.push_back(member.path);
    const bool by_administrator =
        existing && S_ISREG(existing->st_mode) && !claims_.contains(path) && is_conffile(package, member.path);
    if (is_conffile(package, member.path) && member.type == MemberType::Regular) {
      conffiles.emplace_back(member.path, by_administrator ? "newconffile" : staged.md5);
    }
    // dpkg leaves a directory where a package has a symbolic link: what is in it may belong to others.
    if (existing && S_ISDIR(existing->st_mode) && member.type == MemberType::Symlink) continue;
    if (existing && S_ISDIR(existing->st_mode)) throw file_conflict(package.package.name, path, "a directory is there");
    put(package, staged, by_administrator ? path + ".dpkg-new" : path);
    claims_[path] = package.info_name();
  }
  database_.add_unpacked(package, listed, conffiles);
  database_.record_triggers(package, listed);
}

std::string TreeMerger::destination(const StagedPackage& package, const std::string& shipped) const {
  const std::string path = usr_.canonical(shipped);
  const auto* diversion = database_.diversion(path);
  return diversion != nullptr && diversion->owner != package.package.name ? diversion->target : path;
}

TreeMerger::Claim TreeMerger::claim(const StagedPackage& package, const StagedMember& staged, const std::string& path) {
  std::vector<std::string> owners;
  if (const auto found = claims_.find(path); found != claims_.end()) {
    owners.push_back(found->second);
  } else if (!usr_.is_alias(path)) {
    owners = database_.owners(path);
  }
  for (const auto& owner : owners) {
    if (owner == package.info_name()) {
      // One package that ships /bin/x and /usr/bin/x, one a link to the other: in a merged root they are one file.
      if (staged.member.type == MemberType::Symlink) return Claim::Keep;
      const auto existing = root_.status(path);
      if (existing && (S_ISLNK(existing->st_mode) || same_content(package, staged, path))) continue;
      throw file_conflict(package.package.name, path, "it ships this path twice, below / and below /usr");
    }
    const ControlStanza* other = database_.find_info_name(owner);
    if (other != nullptr && claim_from(package, staged, path, *other, owner) == Claim::Keep) return Claim::Keep;
  }
  return Claim::Take;
}

TreeMerger::Claim TreeMerger::claim_from(const StagedPackage& package, const StagedMember& staged,
                                         const std::string& path, const ControlStanza& other,
                                         const std::string& other_info_name) {
  const bool is_directory = S_ISDIR(root_.status(path)->st_mode);
  // Directories have many owners; that they cannot become files is the caller's rule.
  if (is_directory) return Claim::Take;
  if (other.get("Package") == package.package.name && package.multi_arch_same()) {
    if (same_content(package, staged, path)) return Claim::Take;
    throw file_conflict(package.package.name, path,
                        fmt::format("{} has it with other content, and both are Multi-Arch: same", other_info_name));
  }
  if (replaces(package.control, other)) {
    database_.disown(other_info_name, path);
    return Claim::Take;
  }
  if (replaces(other, package.control)) return Claim::Keep;
  throw file_conflict(package.package.name, path, fmt::format("package {} has it too", other_info_name));
}

bool TreeMerger::same_content(const StagedPackage& package, const StagedMember& staged, const std::string& path) const {
  if (staged.member.type != MemberType::Regular) return true;
  const auto existing = root_.status(path);
  if (!existing || !S_ISREG(existing->st_mode) || static_cast<std::uint64_t>(existing->st_size) != staged.member.size)
    return false;
  return root_.read_file(path) == staging_.read_file(fmt::format("{}/{}", package.directory, staged.file));
}

int TreeMerger::parent_of(const std::string& path, std::string& name) {
  const std::size_t slash = path.rfind('/');
  const std::string directory = slash == std::string::npos ? "" : path.substr(0, slash);
  name = slash == std::string::npos ? path : path.substr(slash + 1);
  // Archives list a directory's files together: nearly every member has the parent of the one before.
  if (directory != parent_path_) {
    parent_ = root_.try_open(directory, O_PATH | O_DIRECTORY);
    if (!parent_) {
      if (errno != ENOENT) fail("open", directory);
      root_.make_directories(directory);  // a package that does not ship its own directories
      parent_ = root_.open(directory, O_PATH | O_DIRECTORY);
    }
    parent_path_ = directory;
  }
  return parent_.get();
}

void TreeMerger::make_directory(const StagedPackage& package, const DataMember& member, const std::string& path) {
  if (path.empty()) return;
  std::string name;
  const int directory = parent_of(path, name);
  if (::mkdirat(directory, name.c_str(), 0700) != 0) {
    if (errno != EEXIST) fail("create", path);
    if (!root_.try_open(path, O_PATH | O_DIRECTORY)) {
      throw file_conflict(package.package.name, path, "it is a directory in the package, and something else is there");
    }
    return;
  }
  set_owner(member, directory, name, path);
}

void TreeMerger::put(const StagedPackage& package, const StagedMember& staged, const std::string& path) {
  const DataMember& member = staged.member;
  std::string name;
  const int directory = parent_of(path, name);
  if (member.type == MemberType::Regular) {
    const std::string source = fmt::format("{}/{}", package.directory, staged.file);
    if (::renameat(staging_.fd(), source.c_str(), directory, name.c_str()) != 0) fail("create", path);
    if (member.user != "root" || member.group != "root" || database_.stat_override(path) != nullptr)
      set_owner(member, directory, name, path);
    return;
  }
  if (::unlinkat(directory, name.c_str(), 0) != 0 && errno != ENOENT) fail("replace", path);
  switch (member.type) {
    case MemberType::HardLink: {
      const auto source = root_.place(destination(package, member.target));
      if (::linkat(source.directory.get(), source.name.c_str(), directory, name.c_str(), 0) != 0) fail("link", path);
      return;
    }
    case MemberType::Symlink: {
      if (::symlinkat(member.target.c_str(), directory, name.c_str()) != 0) fail("create", path);
      if (member.uid != 0 || member.gid != 0) set_owner(member, directory, name, path);
      const timespec times[2] = {{.tv_sec = member.mtime, .tv_nsec = 0}, {.tv_sec = member.mtime, .tv_nsec = 0}};
      if (::utimensat(directory, name.c_str(), times, AT_SYMLINK_NOFOLLOW) != 0) fail("set the time of", path);
      return;
    }
    case MemberType::Fifo:
      if (::mkfifoat(directory, name.c_str(), 0600) != 0) fail("create", path);
      set_owner(member, directory, name, path);
      return;
    default: throw bug("a member of this type is not put");
  }
}

void TreeMerger::set_owner(const DataMember& member, int directory, const std::string& name,
                           const std::string& path) const {
  // As tar and dpkg do, names of users count where the root knows them, numbers where it does not.
  std::uint32_t uid = member.user.empty() ? member.uid : accounts_.user(member.user).value_or(member.uid);
  std::uint32_t gid = member.group.empty() ? member.gid : accounts_.group(member.group).value_or(member.gid);
  std::uint32_t mode = member.mode;
  if (const auto* forced = database_.stat_override(path)) {
    uid = accounts_.user(forced->user).value_or(uid);
    gid = accounts_.group(forced->group).value_or(gid);
    mode = forced->mode;
  }
  struct stat status {};
  if (::fstatat(directory, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) fail("look at", path);
  if ((status.st_uid != uid || status.st_gid != gid) &&
      ::fchownat(directory, name.c_str(), uid, gid, AT_SYMLINK_NOFOLLOW) != 0) {
    fail("set the owner of", path);
  }
  if (member.type == MemberType::Symlink) return;
  if (::fchmodat(directory, name.c_str(), mode, 0) != 0) fail("set the mode of", path);
}

}  // namespace blueprint::packages
