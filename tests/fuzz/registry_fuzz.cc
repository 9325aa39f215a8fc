// What comes from users, registries and other tools' files before anything of it is verified. The first byte chooses: 0
// a reference, which reads the same again when it is written; 1 a WWW-Authenticate header; else a file of credentials.

#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/error.h"
#include "registry_client/challenge.h"
#include "registry_client/credentials.h"
#include "registry_client/reference.h"

namespace {

using namespace blueprint;
using namespace blueprint::registry_client;

void check_reference(std::string_view text) {
  const Reference reference = parse_reference(text);
  if (parse_reference(reference.to_string()) != reference) std::abort();
}

void check_challenges(std::string_view text) {
  for (const Challenge& challenge : parse_challenges(text)) {
    if (challenge.scheme.empty()) std::abort();
  }
}

void check_credentials(std::string_view text) {
  const CredentialFile file = parse_credential_file(text, "config.json");
  const Credential* found = find_entry(file, "registry.example", "acme/base");
  if (found != nullptr && found->password.empty() && found->identity_token.empty()) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  try {
    if (data[0] == 0) check_reference(text);
    if (data[0] == 1) check_challenges(text);
    if (data[0] > 1) check_credentials(text);
  } catch (const Error&) {
  }
  return 0;
}
