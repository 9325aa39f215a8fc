// Any bytes as a recipe, and what follows the first NUL as the fragment that it may use. Either the recipe is refused
// with diagnostics, or its canonical form is a recipe with the same canonical form.

#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "builder/recipe/compose.h"

namespace {

using namespace blueprint;

class OneFragment final : public recipe::FragmentLoader {
 public:
  explicit OneFragment(std::string_view text) : text_(text) {}
  [[nodiscard]] std::optional<File> find(const std::string& name, const std::string&) const override {
    return File{"fragments/" + name, std::string(text_)};
  }
  [[nodiscard]] std::vector<std::string> names() const override { return {"a", "b"}; }

 private:
  std::string_view text_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::string_view text = input.substr(0, input.find('\0'));
  const OneFragment fragments(input.substr(std::min(input.size(), text.size() + 1)));
  std::string canonical;
  try {
    canonical = recipe::format_recipe(recipe::compose_recipe(text, "fuzz.yaml", fragments));
  } catch (const Error& error) {
    for (const Diagnostic& diagnostic : error.diagnostics()) {
      if (diagnostic.kind != ErrorKind::Recipe || render(diagnostic).empty()) std::abort();
    }
    return 0;
  }
  try {
    if (recipe::format_recipe(recipe::parse_recipe(canonical, "fuzz.yaml")) == canonical) return 0;
    std::fputs("the canonical form changes when it is read back\n", stderr);
  } catch (const Error& error) {
    std::fputs(render(error.first()).c_str(), stderr);
  }
  std::fputs(canonical.c_str(), stderr);
  std::abort();
}
