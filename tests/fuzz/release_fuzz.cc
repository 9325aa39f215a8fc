// What an archive says, after its signature: a Release file, and the stanzas of deb822. The first byte chooses: 0 an
// index in whatever compression, which must not grow beyond its announced size; else text.

#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/error.h"
#include "builder/packages/deb_control.h"
#include "builder/packages/index_decompress.h"
#include "builder/packages/index_stanza.h"
#include "builder/packages/lock_version_order.h"
#include "builder/packages/repository_release.h"

using namespace blueprint;
using namespace blueprint::packages;

namespace {

void check_index(std::span<const std::byte> bytes) {
  constexpr std::uint64_t kMost = 1 << 20;
  std::uint64_t total = 0;
  decompress_index(bytes, kMost, "fuzz", [&](std::span<const std::byte> part) {
    total += part.size();
    if (total > kMost) std::abort();
  });
}

void check_text(std::string_view text) {
  for (const auto& stanza : parse_stanzas(text)) (void)parse_release_date(stanza.get("Date"));
  for (const auto& stanza : parse_control_stanzas(text)) {
    const auto version = stanza.get("Version");
    if (compare_versions(version, version) != 0) std::abort();
    for (const auto& group : parse_relations(stanza.get("Depends"))) {
      for (const auto& relation : group) (void)satisfies(version, relation);
    }
    // What was written reads as the same fields.
    const auto again = ControlStanza::parse(stanza.format());
    if (again.get("Package") != stanza.get("Package")) std::abort();
  }
  const Release release = parse_release(text, "fuzz");
  for (const auto& [path, file] : release.files) {
    if (path.empty()) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto input = std::as_bytes(std::span(data, size)).subspan(1);
  try {
    data[0] == 0 ? check_index(input) : check_text({reinterpret_cast<const char*>(input.data()), input.size()});
  } catch (const Error&) {
  }
  return 0;
}
