#include "builder/packages/solver.h"

#include "base/file.h"
#include "base/process.h"
#include "builder/packages/errors.h"
#include "builder/packages/solver_protocol.h"

namespace blueprint::packages {
namespace fs = std::filesystem;

fs::path find_solver() {
  std::error_code ignored;
  const fs::path program = fs::read_symlink("/proc/self/exe", ignored);
  const fs::path directory = program.parent_path();
  const std::vector<fs::path> places = {directory / "blueprint-solve",
                                        (directory / "../libexec/blueprint/blueprint-solve").lexically_normal()};
  std::vector<std::string> looked;
  for (const auto& place : places) {
    if (fs::exists(place, ignored)) return place;
    looked.push_back(place.string());
  }
  throw solver_missing(looked);
}

SolverAnswer solve(const SolverRequest& request, const fs::path& program, std::stop_token stop) {
  // A clean environment: APT_CONFIG would make apt read a configuration of the host.
  const Command command{
      .argv = {program.string()},
      .environment = std::vector<std::string>{"LC_ALL=C.UTF-8", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "TZ=UTC"}};
  const Finished finished = run(command, encode_request(request), stop);
  if (!finished.status.success()) throw solver_broke(finished.status.to_string(), finished.err);
  return decode_answer(finished.out);
}

}  // namespace blueprint::packages
