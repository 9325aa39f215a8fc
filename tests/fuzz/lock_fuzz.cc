// Any bytes as a lock: somebody may have edited it, and a merge may have damaged it. Either it is refused with
// diagnostics, or it is written as a lock that reads the same.

#include <cstdint>
#include <cstdlib>

#include "base/error.h"
#include "builder/packages/lock.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace blueprint;
  packages::Lock lock;
  try {
    lock = packages::parse_lock({reinterpret_cast<const char*>(data), size}, "fuzz.lock.yaml");
  } catch (const Error& error) {
    for (const Diagnostic& diagnostic : error.diagnostics()) {
      if (diagnostic.kind != ErrorKind::Recipe || render(diagnostic).empty()) std::abort();
    }
    return 0;
  }
  if (packages::parse_lock(packages::format_lock(lock), "fuzz.lock.yaml") != lock) std::abort();
  return 0;
}
