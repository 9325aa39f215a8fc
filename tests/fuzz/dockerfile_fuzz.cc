// Any bytes as a Dockerfile, and what follows the first NUL as the .dockerignore of a context that is not there. Either
// the file is refused with diagnostics, or it amounts to a recipe that has a canonical form.

#include <cstdint>
#include <cstdlib>

#include "builder/recipe/dockerfile.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace blueprint;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::string_view text = input.substr(0, input.find('\0'));
  const std::string_view ignore = input.substr(std::min(input.size(), text.size() + 1));
  try {
    const auto result = recipe::compose_dockerfile(text, "Dockerfile", "/nonexistent", ignore,
                                                   {.build_args = {{"A", "value"}}, .name = "x"});
    for (const Diagnostic& warning : result.warnings) {
      if (warning.severity != Severity::Warning || render(warning).empty()) std::abort();
    }
    static_cast<void>(recipe::parse_recipe(recipe::format_recipe(result.recipe), "canonical"));
  } catch (const Error& error) {
    for (const Diagnostic& diagnostic : error.diagnostics()) {
      if (diagnostic.kind != ErrorKind::Recipe || render(diagnostic).empty()) std::abort();
    }
  }
  return 0;
}
