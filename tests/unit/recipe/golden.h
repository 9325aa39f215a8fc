#pragma once

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "builder/recipe/compose.h"

// Golden recipes: tests/golden/recipes/good/X.yaml has its canonical form in X.canonical, bad/X.yaml its diagnostics in
// X.txt.

namespace blueprint::recipe::golden {

inline const std::filesystem::path& directory() {
  static const std::filesystem::path kDirectory =
      std::filesystem::path(BLUEPRINT_SOURCE_DIR) / "tests" / "golden" / "recipes";
  return kDirectory;
}

/// The files of `folder` that end in `extension`, by name.
inline std::vector<std::filesystem::path> files(const std::string& folder, const std::string& extension) {
  std::vector<std::filesystem::path> found;
  for (const auto& entry : std::filesystem::directory_iterator(directory() / folder)) {
    if (entry.path().extension() == extension) found.push_back(entry.path());
  }
  std::sort(found.begin(), found.end());
  return found;
}

/// Fragments of tests/golden/recipes/fragments, called by paths that are the same on every machine.
class Fragments final : public FragmentLoader {
 public:
  [[nodiscard]] std::optional<File> find(const std::string& name, const std::string&) const override {
    auto text = read_file_if_exists(directory() / "fragments" / (name + ".yaml"));
    if (!text) return std::nullopt;
    return File{"fragments/" + name + ".yaml", std::move(*text)};
  }
  [[nodiscard]] std::vector<std::string> names() const override { return {"needs-param", "node", "runtimes/python"}; }
};

/// "good/x.yaml": how a golden recipe is called in messages.
inline std::string label(const std::filesystem::path& file) {
  return file.parent_path().filename().string() + "/" + file.filename().string();
}

inline std::string render_all(const Error& error) {
  std::string out;
  for (const Diagnostic& diagnostic : error.diagnostics()) out += render(diagnostic);
  return out;
}

/// Whether `actual` is what the golden file says. With BLUEPRINT_ACCEPT=1 the file is rewritten, and the answer is
/// still no.
inline bool agrees(const std::filesystem::path& file, const std::string& actual) {
  const auto expected = read_file_if_exists(file);
  if (expected && *expected == actual) return true;
  const char* accept = std::getenv("BLUEPRINT_ACCEPT");
  if (accept != nullptr && std::string(accept) == "1") write_file_atomic(file, actual);
  return false;
}

}  // namespace blueprint::recipe::golden
