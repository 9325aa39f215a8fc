// A .deb as a mirror may send it: the ar container, both tar archives in whatever compression, and the control fields.
#include <cstdint>
#include <string_view>

#include <fmt/format.h>
#include <sys/mman.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "builder/packages/deb_archive.h"
#include "builder/packages/deb_control.h"
#include "builder/packages/unpack_staging.h"

using namespace blueprint;
using namespace blueprint::packages;

namespace {

/// Counts; what a member holds must be what it announces.
struct Counter final : DebArchive::Receiver {
  std::uint64_t expected = 0;
  std::uint64_t got = 0;
  void member(const DataMember& member) override {
    if (member.path.starts_with('/') || member.path.find("../") == 0) __builtin_trap();
    expected = member.size;
    got = 0;
  }
  void data(std::span<const std::byte> bytes) override { got += bytes.size(); }
  void end_of_data() override {
    if (got != expected) __builtin_trap();
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const UniqueFd file(::memfd_create("deb", MFD_CLOEXEC));
  write_all(file.get(), std::as_bytes(std::span(data, size)), "a memory file");
  try {
    const DebArchive archive(fmt::format("/proc/self/fd/{}", file.get()), "fuzzed");
    for (const auto& control : archive.read_control()) {
      const ControlStanza stanza = ControlStanza::parse(control.content);
      (void)parse_relations(stanza.get("Depends"));
      (void)preinst_is_idle(control.content);
    }
    Counter counter;
    archive.read_data(counter);
  } catch (const Error&) {
  }
  return 0;
}
