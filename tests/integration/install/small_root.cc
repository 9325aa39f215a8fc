#include "small_root.h"

#include "base/error.h"
#include "base/file.h"
#include "base/process.h"
#include "base/text.h"

namespace blueprint::test {
namespace fs = std::filesystem;
namespace {

void copy_in(const fs::path& root, const fs::path& file, const fs::path& as) {
  const fs::path target = root / as.relative_path();
  fs::create_directories(target.parent_path());
  fs::copy_file(fs::canonical(file), target, fs::copy_options::skip_existing);
}

}  // namespace

void make_small_root(const fs::path& root, const std::vector<std::string>& programs) {
  for (const char* directory : {"proc", "sys", "dev", "tmp", "run", "etc", "root", "usr/bin"}) {
    fs::create_directories(root / directory);
  }
  fs::permissions(root / "tmp", static_cast<fs::perms>(01777));
  for (const char* name : {"bin", "sbin", "lib", "lib64"}) {
    fs::create_directories(root / "usr" / name);
    if (!fs::exists(root / name)) fs::create_directory_symlink(fs::path("usr") / name, root / name);
  }
  write_file_atomic(root / "etc/passwd", "root:x:0:0:root:/root:/bin/sh\n");
  write_file_atomic(root / "etc/group", "root:x:0:\n");
  for (const auto& program : programs) {
    const fs::path path = require_program(program, program);
    copy_in(root, path, fs::path("/usr/bin") / path.filename());
    const Finished libraries = run({.argv = {"ldd", path.string()}});
    for (const auto& line : split(libraries.out, '\n')) {
      const std::size_t slash = line.find('/');
      if (slash == std::string::npos) continue;
      const std::string library = line.substr(slash, line.find(' ', slash) - slash);
      copy_in(root, library, library);
    }
  }
}

}  // namespace blueprint::test
