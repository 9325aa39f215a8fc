// First half of unpacking: everything that costs time and needs no order.
//
// dpkg decompresses one package after the other, because a member of a later one may meet a file of an earlier one.
// Here the data of all packages is written at once, by as many threads as there are, to files with numbers for names;
// names, links, directories and conflicts wait until merging, which is one rename per file in a fixed order
// (unpack_merge.h). So the tree cannot depend on the number of threads, a hostile name cannot meet a half-made tree,
// and a package that must wait for its preinst is unpacked long before.
#include "builder/packages/unpack_staging.h"

#include <algorithm>
#include <cerrno>
#include <memory>

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "builder/packages/install_errors.h"

namespace blueprint::packages {
namespace {

/// MD5 is what dpkg's database is written in; nothing here depends on its strength.
class Md5 {
 public:
  Md5() : context_(::EVP_MD_CTX_new()) {
    if (context_ == nullptr) throw os_error("compute MD5", ENOMEM);
  }
  ~Md5() { ::EVP_MD_CTX_free(context_); }
  Md5(const Md5&) = delete;
  Md5& operator=(const Md5&) = delete;

  void start() {
    if (::EVP_DigestInit_ex(context_, ::EVP_md5(), nullptr) != 1) throw bug("OpenSSL has no MD5");
  }
  void update(std::span<const std::byte> bytes) { ::EVP_DigestUpdate(context_, bytes.data(), bytes.size()); }
  std::string finish() {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    ::EVP_DigestFinal_ex(context_, digest, &size);
    std::string hex;
    for (unsigned i = 0; i < size; ++i) hex += fmt::format("{:02x}", digest[i]);
    return hex;
  }

 private:
  EVP_MD_CTX* context_;
};

class Stager final : public DebArchive::Receiver {
 public:
  Stager(StagedPackage& package, const RootDir& staging)
      : package_(package), hash_all_(!package.find_control_file("md5sums")) {
    if (::mkdirat(staging.fd(), package.directory.c_str(), 0700) != 0) throw os_error("create a staging directory");
    directory_ = staging.open(package.directory, O_PATH | O_DIRECTORY);
  }

  void member(const DataMember& member) override {
    package_.members.push_back({.member = member, .file = 0, .md5 = {}});
    if (member.type != MemberType::Regular) return;
    package_.members.back().file = ++files_;
    file_.reset(
        ::openat(directory_.get(), fmt::format("{}", files_).c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!file_) throw os_error("create a file for " + printable(member.path));
    hashing_ = hash_all_ ||
               std::find(package_.conffiles.begin(), package_.conffiles.end(), member.path) != package_.conffiles.end();
    if (hashing_) md5_.start();
  }

  void data(std::span<const std::byte> bytes) override {
    if (hashing_) md5_.update(bytes);
    write_all(file_.get(), bytes, package_.members.back().member.path);
  }

  void end_of_data() override {
    StagedMember& staged = package_.members.back();
    if (hashing_) staged.md5 = md5_.finish();
    const DataMember& member = staged.member;
    const timespec times[2] = {{.tv_sec = member.mtime, .tv_nsec = 0}, {.tv_sec = member.mtime, .tv_nsec = 0}};
    // chown clears the setuid bit, so it comes before chmod.
    if (((member.uid != 0 || member.gid != 0) && ::fchown(file_.get(), member.uid, member.gid) != 0) ||
        ::fchmod(file_.get(), member.mode) != 0 || ::futimens(file_.get(), times) != 0) {
      throw os_error("set mode, owner and time of " + printable(member.path));
    }
    file_.reset();
  }

 private:
  StagedPackage& package_;
  bool hash_all_;
  UniqueFd directory_;
  UniqueFd file_;
  std::uint32_t files_ = 0;
  bool hashing_ = false;
  Md5 md5_;
};

/// The paths of a conffiles file. Lines with a flag ("remove-on-upgrade /path") name files that the package does not
/// ship.
std::vector<std::string> parse_conffiles(std::string_view text) {
  std::vector<std::string> paths;
  for (const auto& line : split(text, '\n')) {
    if (!line.starts_with('/')) continue;
    if (auto clean = clean_member_path(trim(line))) paths.push_back(std::move(*clean));
  }
  return paths;
}

void check_identity(const StagedPackage& staged) {
  const LockedPackage& locked = staged.package;
  const auto check = [&](std::string_view field, std::string_view expected) {
    const auto found = staged.control.get(field);
    if (found == expected) return;
    throw damaged_package(locked.name, fmt::format("its {} is '{}', and the lock says '{}'", field, found, expected));
  };
  check("Package", locked.name);
  check("Version", locked.version);
  check("Architecture", locked.architecture);
  // It becomes part of file names.
  if (locked.name.empty() || locked.name.find('/') != std::string::npos || locked.name[0] == '.') {
    throw damaged_package(locked.name, "its name is not a package name");
  }
}

}  // namespace

std::string StagedPackage::info_name() const {
  return multi_arch_same() ? fmt::format("{}:{}", package.name, package.architecture) : package.name;
}

const ControlFile* StagedPackage::find_control_file(std::string_view name) const {
  const auto found =
      std::find_if(control_files.begin(), control_files.end(), [&](const auto& file) { return file.name == name; });
  return found == control_files.end() ? nullptr : &*found;
}

StagedPackage read_package(const std::filesystem::path& deb, const LockedPackage& package) {
  const DebArchive archive(deb, package.name);
  StagedPackage staged;
  staged.package = package;
  staged.control_files = archive.read_control();
  const ControlFile* control = staged.find_control_file("control");
  if (control == nullptr) throw damaged_package(package.name, "it has no control file");
  staged.control = ControlStanza::parse(control->content);
  std::erase_if(staged.control_files, [](const ControlFile& file) { return file.name == "control"; });
  check_identity(staged);
  if (const auto* conffiles = staged.find_control_file("conffiles"))
    staged.conffiles = parse_conffiles(conffiles->content);
  if (const auto* preinst = staged.find_control_file("preinst"))
    staged.runs_preinst = !preinst_is_idle(preinst->content);
  return staged;
}

void stage_members(const std::filesystem::path& deb, StagedPackage& package, const RootDir& staging,
                   const std::string& directory) {
  const DebArchive archive(deb, package.package.name);
  package.directory = directory;
  Stager stager(package, staging);
  archive.read_data(stager);
}

bool preinst_is_idle(std::string_view script) {
  for (const auto& raw : split(script, '\n')) {
    const std::string_view line = trim(raw);
    if (line.empty() || line.starts_with('#') || line == "set -e" || line == "exit 0") continue;
    // A call that goes on in the next line, or does more than call, is not looked into.
    if (!line.starts_with("dpkg-maintscript-helper ")) return false;
    std::string rest(line);
    if (const std::size_t arguments = rest.find("\"$@\""); arguments != std::string::npos) rest.erase(arguments, 4);
    if (rest.find_first_of(";&|`$\\<>") != std::string::npos) return false;
  }
  return true;
}

}  // namespace blueprint::packages
