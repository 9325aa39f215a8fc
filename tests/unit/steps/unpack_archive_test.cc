#include "builder/steps/unpack_archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <catch2/catch.hpp>

#include "base/file.h"

using namespace blueprint;
namespace fs = std::filesystem;

namespace {

struct Member {
  std::string name;
  mode_t type = AE_IFREG;
  std::string content;  ///< or the target of a link
  mode_t mode = 0644;
  std::string hardlink = {};
};

enum class Format { Tar, Zip };

fs::path write_archive(const fs::path& file, Format format, const std::vector<Member>& members) {
  archive* out = ::archive_write_new();
  format == Format::Tar ? ::archive_write_set_format_pax_restricted(out) : ::archive_write_set_format_zip(out);
  if (format == Format::Tar) ::archive_write_add_filter_gzip(out);
  ::archive_write_open_filename(out, file.c_str());
  for (const auto& member : members) {
    archive_entry* entry = ::archive_entry_new();
    ::archive_entry_set_pathname(entry, member.name.c_str());
    if (!member.hardlink.empty()) {
      ::archive_entry_set_hardlink(entry, member.hardlink.c_str());
    } else {
      ::archive_entry_set_filetype(entry, member.type);
      ::archive_entry_set_perm(entry, member.mode);
      if (member.type == AE_IFLNK) ::archive_entry_set_symlink(entry, member.content.c_str());
      if (member.type == AE_IFREG) ::archive_entry_set_size(entry, static_cast<la_int64_t>(member.content.size()));
    }
    ::archive_write_header(out, entry);
    if (member.type == AE_IFREG && member.hardlink.empty())
      ::archive_write_data(out, member.content.data(), member.content.size());
    ::archive_entry_free(entry);
  }
  ::archive_write_close(out);
  ::archive_write_free(out);
  return file;
}

/// The changes that unpacking into /opt of an empty image gives, by path, as "file 0644 content", "link target" or
/// "directory 0755".
struct Unpacking {
  TempDir directory;
  layers::FileTree tree = layers::FileTree({});
  std::uint32_t strip = 0;

  std::map<std::string, std::string> unpack(const fs::path& archive) {
    steps::Placement placement(tree, 5);
    fs::remove_all(directory.path() / "data");
    fs::create_directory(directory.path() / "data");
    const SourceSpan where{.file = "r.yaml", .line = 3, .column = 5};
    const auto members = steps::read_archive(
        {.archive = archive, .data = directory.path() / "data", .strip = strip, .exclude = {}, .where = where}, {});
    steps::place_members(members, {.to = "/opt", .owner = steps::Accounts::Owner{.uid = 7, .gid = 8}, .where = where},
                         placement);
    std::map<std::string, std::string> found;
    for (const auto& planned : placement.take()) {
      const auto& change = planned.change;
      CHECK(change.metadata.mtime.seconds == 5);
      if (change.type == layers::FileType::Symlink) {
        found[change.path] = "link " + change.target;
      } else if (change.type == layers::FileType::Directory) {
        found[change.path] = fmt::format("directory {:04o}", change.metadata.mode);
      } else {
        const auto* source = std::get_if<layers::HostFile>(&planned.source);
        REQUIRE(source != nullptr);
        found[change.path] = fmt::format("file {:04o} {}", change.metadata.mode, read_file(source->path));
        CHECK(change.metadata.uid == 7);
      }
    }
    return found;
  }
  std::map<std::string, std::string> unpack(Format format, const std::vector<Member>& members) {
    return unpack(write_archive(directory.path() / "archive", format, members));
  }
};

using Found = std::map<std::string, std::string>;

}  // namespace

TEST_CASE("files, directories and links of an archive are placed, with our owner and without setuid") {
  Unpacking here;
  CHECK(here.unpack(Format::Tar, {{"tool", AE_IFDIR, "", 0750},
                                  {"tool/bin", AE_IFREG, "run", 04755},
                                  {"tool/link", AE_IFLNK, "bin"},
                                  {"tool/twin", AE_IFREG, "", 0, "tool/bin"}}) ==
        Found{{"opt", "directory 0755"},
              {"opt/tool", "directory 0750"},
              {"opt/tool/bin", "file 0755 run"},
              {"opt/tool/link", "link bin"},
              {"opt/tool/twin", "file 0755 run"}});
}

TEST_CASE("leading directories are stripped, and what has none left is dropped") {
  Unpacking here;
  here.strip = 1;
  CHECK(here.unpack(Format::Tar, {{"v1", AE_IFDIR, "", 0755}, {"README", AE_IFREG, "no"}, {"v1/a", AE_IFREG, "yes"}}) ==
        Found{{"opt", "directory 0755"}, {"opt/a", "file 0644 yes"}});
}

TEST_CASE("names that are not ASCII keep their bytes, in tar and in zip") {
  Unpacking here;
  for (const auto format : {Format::Tar, Format::Zip}) {
    CHECK(here.unpack(format, {{"\xc3\x9e", AE_IFREG, "thorn"}}).at("opt/\xc3\x9e") == "file 0644 thorn");
  }
}

TEST_CASE("of two members of one name the last one counts") {
  Unpacking here;
  CHECK(here.unpack(Format::Tar, {{"a", AE_IFREG, "old"}, {"a", AE_IFREG, "new"}}).at("opt/a") == "file 0644 new");
  CHECK(here.unpack(Format::Tar, {{"a", AE_IFREG, "old"}, {"a", AE_IFLNK, "b"}}).at("opt/a") == "link b");
  CHECK(here.unpack(Format::Tar, {{"a", AE_IFLNK, "b"}, {"a", AE_IFREG, "new"}}).at("opt/a") == "file 0644 new");
}

TEST_CASE("a member that would leave the directory is refused, with the recipe's place") {
  Unpacking here;
  for (const std::string name : {"../evil", "a/../../evil"}) {
    CHECK_THROWS_WITH(here.unpack(Format::Tar, {{name, AE_IFREG, "x"}}),
                      Catch::Contains("r.yaml:3:5") && Catch::Contains("X125") && Catch::Contains(name));
  }
  CHECK_THROWS_WITH(here.unpack(Format::Tar, {{"a", AE_IFREG, "", 0, "../../etc/shadow"}}), Catch::Contains("X125"));
  CHECK_THROWS_WITH(here.unpack(Format::Tar, {{"a", AE_IFREG, "", 0, "missing"}}), Catch::Contains("X125"));
  // An absolute name means one below the directory.
  CHECK(here.unpack(Format::Tar, {{"/etc/passwd", AE_IFREG, "x"}}).contains("opt/etc/passwd"));
}

TEST_CASE("a link of the archive leads none of its members elsewhere") {
  Unpacking here;
  CHECK_THROWS_WITH(here.unpack(Format::Tar, {{"a", AE_IFLNK, "/etc"}, {"a/passwd", AE_IFREG, "x"}}),
                    Catch::Contains("R103") && Catch::Contains("/opt/a"));
}

TEST_CASE("devices and pipes are refused by name") {
  Unpacking here;
  for (const auto type : {AE_IFCHR, AE_IFBLK, AE_IFIFO}) {
    CHECK_THROWS_WITH(here.unpack(Format::Tar, {{"odd", type, ""}}), Catch::Contains("X125") && Catch::Contains("odd"));
  }
}

TEST_CASE("what is no archive, and one that ends early, is an error") {
  Unpacking here;
  const auto file = here.directory.path() / "file";
  write_file_atomic(file, "this is a page that says 404");
  CHECK_THROWS_WITH(here.unpack(file), Catch::Contains("X124"));
  std::string noise;
  for (unsigned i = 0, state = 1; i < 40000; ++i)
    noise += static_cast<char>((state = state * 1103515245U + 12345U) >> 24);
  const auto whole = read_file(write_archive(file, Format::Tar, {{"a", AE_IFREG, noise}}));
  write_file_atomic(file, std::string_view(whole).substr(0, whole.size() / 2));
  CHECK_THROWS_WITH(here.unpack(file), Catch::Contains("X124"));
}
