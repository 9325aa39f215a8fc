#include "tree_snapshot.h"

#include <algorithm>

#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "base/digest.h"
#include "base/encoding.h"
#include "base/file.h"
#include "base/text.h"

namespace blueprint::test {
namespace fs = std::filesystem;
namespace {

constexpr unsigned kFirstDynamic = 100;  // Debian policy: 0 to 99 are the same on every system

std::map<unsigned, std::string> names_by_number(const fs::path& file) {
  std::map<unsigned, std::string> names;
  for (const auto& line : split(read_file_if_exists(file).value_or(""), '\n')) {
    const auto fields = split(line, ':');
    if (fields.size() > 2) names.emplace(static_cast<unsigned>(std::stoul(fields[2])), fields[0]);
  }
  return names;
}

std::string name_of(const std::map<unsigned, std::string>& names, unsigned number) {
  const auto found = names.find(number);
  return found == names.end() ? std::to_string(number) : found->second;
}

/// The lines, sorted; dynamic numbers in fields 3 and 4 replaced by "N".
std::string meaning(const std::string& text) {
  auto lines = split(text, '\n');
  for (auto& line : lines) {
    auto fields = split(line, ':');
    for (std::size_t i = 2; i < 4 && i < fields.size(); ++i) {
      const bool number = !fields[i].empty() && fields[i].find_first_not_of("0123456789") == std::string::npos;
      if (number && fields[i].size() < 6 && std::stoul(fields[i]) >= kFirstDynamic) fields[i].assign(1, 'N');
    }
    line = join(fields, ":");
  }
  std::sort(lines.begin(), lines.end());
  return join(lines, "\n");
}

std::string content_of(const fs::path& path, const std::string& name) {
  const std::string text = read_file(path);
  for (const char* unordered :
       {"etc/passwd", "etc/group", "etc/shadow", "etc/gshadow", "etc/shells", "var/lib/dpkg/triggers/File"}) {
    if (name == unordered) return sha256(meaning(text)).short_hex();
  }
  return sha256(text).short_hex();
}

std::string xattrs_of(const fs::path& path) {
  std::string names(65536, '\0');
  const ssize_t size = ::llistxattr(path.c_str(), names.data(), names.size());
  if (size <= 0) return "";
  names.resize(static_cast<std::size_t>(size));
  auto list = split(names, '\0');
  std::sort(list.begin(), list.end());
  std::string text;
  for (const auto& name : list) {
    if (name.empty()) continue;
    std::string value(65536, '\0');
    const ssize_t length = ::lgetxattr(path.c_str(), name.c_str(), value.data(), value.size());
    value.resize(static_cast<std::size_t>(std::max<ssize_t>(length, 0)));
    text += fmt::format(" {}={}", name, sha256(value).short_hex());
  }
  return text;
}

}  // namespace

std::string SnapshotEntry::to_string() const {
  return fmt::format("{} {} {}{} links {}", type_and_mode, owner, content, xattrs, links);
}

TreeSnapshot snapshot(const fs::path& tree) {
  const auto users = names_by_number(tree / "etc/passwd");
  const auto groups = names_by_number(tree / "etc/group");
  TreeSnapshot entries;
  // The tree may be named by a descriptor, /proc/self/fd/N, whose link the iteration must follow; links in it, never.
  const fs::path top = tree / ".";
  for (const auto& file : fs::recursive_directory_iterator(top)) {
    const std::string name = file.path().lexically_relative(top).string();
    struct stat status {};
    if (::lstat(file.path().c_str(), &status) != 0) continue;
    SnapshotEntry entry{.type_and_mode = fmt::format("{:o}", status.st_mode),
                        .owner = fmt::format("{}:{}", name_of(users, status.st_uid), name_of(groups, status.st_gid)),
                        .xattrs = xattrs_of(file.path())};
    if (S_ISLNK(status.st_mode)) entry.content = fs::read_symlink(file.path());
    if (S_ISREG(status.st_mode)) {
      entry.content = content_of(file.path(), name);
      entry.links = status.st_nlink;
    }
    entries.emplace(name, std::move(entry));
  }
  return entries;
}

}  // namespace blueprint::test
