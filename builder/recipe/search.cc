// Recipes and fragments on disk. In a catalog a file's path is its name: CATALOG/runtimes/python.yaml, or
// CATALOG/runtimes/python/recipe.yaml when it has files beside it, is `runtimes/python`.

#include <algorithm>
#include <filesystem>
#include <utility>

#include "base/file.h"
#include "base/text.h"
#include "builder/recipe/compose.h"
#include "builder/recipe/errors.h"
#include "builder/recipe/params.h"
#include "builder/recipe/yaml.h"

namespace blueprint::recipe {
namespace {

namespace fs = std::filesystem;

constexpr int kMaxDirectoryDepth = 8;

bool is_recipe_file(const fs::path& path) {
  const std::string name = path.filename().string();
  return name.ends_with(".yaml") && !name.ends_with(".lock.yaml") && !name.starts_with(".");
}

/// The name is a path below a catalog and may not lead out of it.
bool is_name(const std::string& name) {
  if (name.empty() || name.front() == '/') return false;
  for (const fs::path& part : fs::path(name)) {
    if (part == ".." || part == ".") return false;
  }
  return true;
}

std::optional<fs::path> file_called(const std::string& name, const fs::path& directory) {
  if (!is_name(name)) return std::nullopt;
  for (const fs::path& candidate :
       {directory / (name + ".yaml"), directory / name / "recipe.yaml", directory / name / "fragment.yaml"}) {
    std::error_code ignored;
    if (fs::is_regular_file(candidate, ignored)) return candidate;
  }
  return std::nullopt;
}

std::string name_in_catalog(const fs::path& file, const fs::path& catalog) {
  fs::path relative = file.lexically_relative(catalog);
  const std::string name = relative.filename().string();
  return (name == "recipe.yaml" || name == "fragment.yaml") && relative.has_parent_path()
             ? relative.parent_path().generic_string()
             : relative.replace_extension().generic_string();
}

/// Files of `catalog` in the order of their names; unreadable directories are passed over.
std::vector<fs::path> catalog_files(const fs::path& catalog) {
  std::vector<fs::path> files;
  std::error_code fault;
  auto walk = fs::recursive_directory_iterator(catalog, fs::directory_options::skip_permission_denied, fault);
  for (; !fault && walk != fs::recursive_directory_iterator(); walk.increment(fault)) {
    const bool hidden = walk->path().filename().string().starts_with(".");
    if (walk->is_directory(fault) && (hidden || walk.depth() >= kMaxDirectoryDepth)) walk.disable_recursion_pending();
    if (walk->is_regular_file(fault) && is_recipe_file(walk->path())) files.push_back(walk->path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::vector<RecipeSummary::Param> summarize_params(const Node& root, const Source& source) {
  Faults ignored;  // lint tells them
  std::vector<RecipeSummary::Param> params;
  for (const Param& param : declare_params(root, source, ignored)) {
    RecipeSummary::Param summary{.name = param.name};
    switch (param.kind) {
      case Param::Kind::String: summary.type = "string"; break;
      case Param::Kind::Int: summary.type = "int"; break;
      case Param::Kind::Bool: summary.type = "bool"; break;
    }
    if (param.fallback) summary.fallback = param.fallback->text;
    for (const Node& value : param.values) summary.choices.push_back(value.text);
    params.push_back(std::move(summary));
  }
  return params;
}

/// What can be read of a file without judging it.
RecipeSummary summarize(const fs::path& file, std::string name) {
  RecipeSummary summary{.name = std::move(name), .file = file.string()};
  try {
    const Source source(file.string(), read_file(file));
    const Node root = parse_yaml(source);
    const auto text = [&](std::string_view key) {
      const Node* value = root.find(key);
      return value == nullptr ? std::string() : value->text;
    };
    if (text("kind") == "fragment") summary.kind = RecipeSummary::Kind::Fragment;
    summary.description = text("description");
    summary.from = text("from");
    summary.params = summarize_params(root, source);
    // Fragments are found by their path alone.
    if (summary.kind == RecipeSummary::Kind::Recipe && !text("name").empty()) summary.name = text("name");
  } catch (const Error&) {
    summary.description = "(cannot be read; see 'blueprint lint')";
  }
  return summary;
}

/// The file that makes a directory the directory of one recipe.
std::optional<fs::path> file_of_directory(const fs::path& directory) {
  std::error_code ignored;
  if (fs::path file = directory / "recipe.yaml"; fs::is_regular_file(file, ignored)) return file;
  const fs::path name = fs::absolute(directory, ignored).lexically_normal();
  const std::string own_name = (name.has_filename() ? name : name.parent_path()).filename().string();
  if (fs::path file = directory / (own_name + ".yaml"); fs::is_regular_file(file, ignored)) return file;
  return std::nullopt;
}

std::optional<fs::path> file_in_directory(const fs::path& directory) {
  if (auto file = file_of_directory(directory)) return file;
  std::error_code ignored;
  std::vector<fs::path> recipes;
  for (const auto& entry : fs::directory_iterator(directory, ignored)) {
    if (!entry.is_regular_file(ignored) || !is_recipe_file(entry.path())) continue;
    if (summarize(entry.path(), "").kind == RecipeSummary::Kind::Recipe) recipes.push_back(entry.path());
  }
  return recipes.size() == 1 ? std::optional(recipes[0]) : std::nullopt;
}

/// What the line `KEY: VALUE` at the left margin of a file says. Judges nothing: that is what reading the file is for.
std::optional<std::string_view> margin_value(std::string_view text, std::string_view key) {
  for (std::size_t start = 0; start < text.size();) {
    const std::size_t end = std::min(text.find('\n', start), text.size());
    const std::string_view line = text.substr(start, end - start);
    if (line.starts_with(key) && line.substr(key.size()).starts_with(":")) {
      const std::string_view value = line.substr(key.size() + 1);
      return trim(value.substr(0, value.find(" #")));
    }
    start = end + 1;
  }
  return std::nullopt;
}

/// Files of other languages lie in directories of recipes too.
bool is_of_the_language(std::string_view text) {
  const auto version = margin_value(text, "apiVersion");
  return version && version->find("blueprint/") != std::string_view::npos;
}

class SearchLoader final : public FragmentLoader {
 public:
  explicit SearchLoader(const SearchPath& search) : search_(search) {}

  [[nodiscard]] std::optional<File> find(const std::string& name, const std::string& directory) const override {
    std::vector<fs::path> places{directory};
    places.insert(places.end(), search_.catalogs.begin(), search_.catalogs.end());
    for (const fs::path& place : places) {
      if (const auto file = file_called(name, place)) return File{file->string(), read_file(*file)};
    }
    return std::nullopt;
  }

  [[nodiscard]] std::vector<std::string> names() const override {
    std::vector<std::string> names;
    for (const RecipeSummary& summary : list_recipes(search_)) {
      if (summary.kind == RecipeSummary::Kind::Fragment) names.push_back(summary.name);
    }
    return names;
  }

 private:
  const SearchPath& search_;
};

/// Whether some line of `text` says `name: NAME`. Far cheaper than parsing every file of a catalog.
bool may_be_called(std::string_view name, std::string_view text) {
  constexpr std::string_view kKey = "name:";
  for (std::size_t at = text.find(kKey); at != std::string_view::npos; at = text.find(kKey, at + 1)) {
    const std::string_view line = text.substr(at, text.find('\n', at) - at);
    if (line.find(name) != std::string_view::npos) return true;
  }
  return false;
}

std::optional<fs::path> find_by_name(const std::string& name, const SearchPath& search) {
  for (const fs::path& catalog : search.catalogs) {
    if (auto file = file_called(name, catalog)) return file;
  }
  // A recipe may be called otherwise than its file.
  for (const fs::path& catalog : search.catalogs) {
    for (const fs::path& file : catalog_files(catalog)) {
      if (may_be_called(name, read_file(file)) && summarize(file, "").name == name) return file;
    }
  }
  return std::nullopt;
}

fs::path locate(const fs::path& what, const SearchPath& search) {
  std::error_code ignored;
  std::vector<std::string> searched;
  if (fs::is_directory(what, ignored)) {
    if (auto file = file_in_directory(what)) return *file;
    searched.push_back((what / "recipe.yaml").string());
  } else if (fs::exists(what, ignored)) {
    return what;
  } else {
    searched.push_back(what.string());
  }
  if (auto file = find_by_name(what.string(), search)) return *file;
  std::vector<std::string> known;
  for (const RecipeSummary& summary : list_recipes(search)) {
    if (summary.kind == RecipeSummary::Kind::Recipe) known.push_back(summary.name);
  }
  for (const fs::path& catalog : search.catalogs) searched.push_back(catalog.string());
  throw Error(unknown_recipe(what.string(), known, searched));
}

}  // namespace

Recipe load_recipe(const fs::path& what, const SearchPath& search, const ParamValues& params) {
  const fs::path file = locate(what, search);
  return compose_recipe(read_file(file), file.string(), SearchLoader(search), params);
}

void lint_recipe_file(const fs::path& what, const SearchPath& search) {
  const fs::path file = locate(what, search);
  lint_recipe(read_file(file), file.string(), SearchLoader(search));
}

std::optional<fs::path> find_recipe(const std::string& name, const fs::path& directory, const SearchPath& search) {
  if (!is_name(name)) return std::nullopt;
  if (auto file = file_called(name, directory)) return file;
  return find_by_name(name, search);
}

bool is_catalog(const fs::path& what) {
  std::error_code ignored;
  return fs::is_directory(what, ignored) && !file_of_directory(what);
}

std::vector<fs::path> expand_recipes(const fs::path& what, Fragments fragments) {
  if (!is_catalog(what)) return {what};
  std::vector<fs::path> files;
  for (const fs::path& file : catalog_files(what)) {
    const std::string text = read_file(file);
    if (!is_of_the_language(text)) continue;
    if (fragments == Fragments::Skip && margin_value(text, "kind") == "fragment") continue;
    files.push_back(file);
  }
  if (files.empty()) files.push_back(what);
  return files;
}

std::vector<RecipeSummary> list_recipes(const SearchPath& search) {
  std::vector<RecipeSummary> found;
  for (const fs::path& catalog : search.catalogs) {
    for (const fs::path& file : catalog_files(catalog))
      found.push_back(summarize(file, name_in_catalog(file, catalog)));
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const RecipeSummary& a, const RecipeSummary& b) { return a.name < b.name; });
  return found;
}

}  // namespace blueprint::recipe
