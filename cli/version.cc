#include "cli/version.h"

namespace blueprint::cli {

std::string version_text() { return "blueprint " BLUEPRINT_VERSION; }
std::string version_number() { return BLUEPRINT_VERSION; }

}  // namespace blueprint::cli
