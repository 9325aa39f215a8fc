#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "base/file.h"
#include "base/process.h"
#include "sandbox/vm.h"

namespace blueprint::sandbox::test {

/// A guest of make_guests.sh and what it takes to boot it: its disk served by nbdkit, directories for state and cache.
class Guest {
 public:
  /// `image` is "busybox" or "systemd".
  explicit Guest(std::string_view image);
  ~Guest();

  /// A configuration that boots it under TCG; change it before boot().
  VmConfig config;
  std::unique_ptr<Vm> boot();

 private:
  TempDir directory_;
  std::unique_ptr<ChildProcess> export_;
};

struct Ran {
  ExitStatus status;
  std::string out;
  std::string err;
};

/// Runs a command to its end with `input` on stdin.
Ran run_in(Vm& vm, ExecRequest request, std::string_view input = {});
/// The same with `sh -c`.
Ran run_shell(Vm& vm, std::string script, std::string_view input = {});

/// Serves `path` read-only on the unix socket `socket` until the child is destroyed; returns when it can be connected
/// to.
std::unique_ptr<ChildProcess> serve_image(const std::filesystem::path& path, const std::filesystem::path& socket);

/// The directory of make_guests.sh.
std::filesystem::path guests();

}  // namespace blueprint::sandbox::test
