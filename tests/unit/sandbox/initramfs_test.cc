#include "sandbox/initramfs.h"

#include <catch2/catch.hpp>

#include <archive.h>
#include <archive_entry.h>
#include <sys/sysmacros.h>

#include "base/digest.h"

namespace blueprint::sandbox {
namespace {

const std::vector<KernelModule> kModules = {{.name = "virtio", .bytes = "first"},
                                            {.name = "virtio_pci", .bytes = "second!"}};

}  // namespace

TEST_CASE("the same agent and modules give the same initramfs") {
  CHECK(make_initramfs("agent", kModules) == make_initramfs("agent", kModules));
  // The digest is of the format: a change of it is a change of what is booted, and wants to be seen.
  CHECK(sha256(make_initramfs("agent", kModules)).short_hex() == "760fdf56fbb3");
}

TEST_CASE("another reader of cpio finds what was put in") {
  const auto bytes = make_initramfs("agent", kModules);
  archive* reader = archive_read_new();
  archive_read_support_format_cpio(reader);
  REQUIRE(archive_read_open_memory(reader, bytes.data(), bytes.size()) == ARCHIVE_OK);
  std::vector<std::string> found;
  archive_entry* entry = nullptr;
  while (archive_read_next_header(reader, &entry) == ARCHIVE_OK) {
    std::string content(static_cast<std::size_t>(archive_entry_size(entry)), ' ');
    CHECK(archive_read_data(reader, content.data(), content.size()) == static_cast<la_ssize_t>(content.size()));
    found.push_back(std::string(archive_entry_strmode(entry)) + archive_entry_pathname(entry) + "=" + content);
    CHECK(archive_entry_mtime(entry) == 0);
    CHECK(archive_entry_uid(entry) == 0);
    if (archive_entry_filetype(entry) == AE_IFCHR) CHECK(archive_entry_rdev(entry) == makedev(5, 1));
  }
  archive_read_free(reader);
  CHECK(found == std::vector<std::string>{"drwxr-xr-x dev=", "crw------- dev/console=", "-rwxr-xr-x init=agent",
                                          "drwxr-xr-x modules=", "-rw-r--r-- modules/list=virtio.ko\nvirtio_pci.ko\n",
                                          "-rw-r--r-- modules/virtio.ko=first",
                                          "-rw-r--r-- modules/virtio_pci.ko=second!"});
}

}  // namespace blueprint::sandbox
