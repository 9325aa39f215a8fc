// An archive that a recipe fetches, in any format and compression that we read: whatever its members are called,
// nothing is planned outside of the directory that it is for, and nothing is written outside of ours.

#include <cstdint>
#include <cstdlib>

#include <fmt/format.h>
#include <sys/mman.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "builder/steps/unpack_archive.h"

using namespace blueprint;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const UniqueFd file(::memfd_create("archive", MFD_CLOEXEC));
  write_all(file.get(), std::as_bytes(std::span(data, size)).subspan(1), "a memory file");
  static const TempDir directory("/dev/shm");
  static const layers::FileTree tree({});
  const std::filesystem::path members = directory.path() / "members";
  std::filesystem::create_directory(members);
  try {
    steps::Placement placement(tree, 0);
    const auto found = steps::read_archive({.archive = fmt::format("/proc/self/fd/{}", file.get()),
                                            .data = members,
                                            .strip = data[0] % 3U,
                                            .exclude = {},
                                            .where = {}},
                                           {});
    steps::place_members(found, {.to = "/opt/x", .owner = {}, .where = {}}, placement);
    for (const auto& planned : placement.take()) {
      const auto& path = planned.change.path;
      if (path != "opt" && path != "opt/x" && !path.starts_with("opt/x/")) std::abort();
      if (!layers::is_clean_path(path)) std::abort();
    }
  } catch (const Error& error) {
    if (error.first().kind == ErrorKind::Bug) std::abort();
  }
  remove_tree(members);
  return 0;
}
