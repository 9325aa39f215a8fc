// What schema_test.py needs of the library: `schema` prints the JSON Schema; `check` reads recipes from standard input,
// each ended by a NUL, and prints for each one line: "ok", or the codes of its faults.

#include <iostream>
#include <set>
#include <string>

#include "builder/recipe/recipe.h"
#include "tests/unit/recipe/golden.h"

namespace {

std::string verdict(const std::string& text) {
  using namespace blueprint;
  try {
    static_cast<void>(recipe::compose_recipe(text, "x.yaml", recipe::golden::Fragments()));
    return "ok";
  } catch (const Error& error) {
    std::set<std::string> codes;
    for (const Diagnostic& diagnostic : error.diagnostics()) codes.insert(diagnostic.code);
    std::string line;
    for (const std::string& code : codes) line += (line.empty() ? "" : " ") + code;
    return line;
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::string mode = argc == 2 ? argv[1] : "";
  if (mode == "schema") {
    std::cout << blueprint::recipe::recipe_schema();
    return 0;
  }
  if (mode != "check") return 2;
  for (std::string text; std::getline(std::cin, text, '\0');) std::cout << verdict(text) << "\n";
  return 0;
}
