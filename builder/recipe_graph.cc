#include "builder/recipe_graph.h"

#include <algorithm>
#include <map>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"
#include "builder/oci_image.h"
#include "builder/resolve_image.h"

namespace blueprint::builder {
namespace fs = std::filesystem;
namespace {

Error recipe_fault(const char* code, std::string message, const SourceSpan& where, std::string hint = {}) {
  Diagnostic diagnostic{.kind = ErrorKind::Recipe, .code = code, .message = std::move(message)};
  if (where.line > 0) diagnostic.where = where;
  if (!hint.empty()) diagnostic.hints.push_back(std::move(hint));
  return Error(std::move(diagnostic));
}

Error params_for_a_parent(const std::string& name, const SourceSpan& where) {
  return recipe_fault("R107", fmt::format("params were given for '{}', and another recipe takes it as it is", name),
                      where, "build the one with params by itself");
}

class Loader {
 public:
  Loader(const recipe::SearchPath& search, const recipe::ParamValues& params) : search_(search), params_(params) {}

  void add_asked(const fs::path& what);
  std::size_t add(RecipeNode node);
  RecipeGraph finish() { return std::move(graph_); }

 private:
  void add_need(const recipe::Text& name, RecipeNode& node);
  std::optional<fs::path> file_called(const std::string& name, const recipe::Recipe& recipe);
  void refuse_same_name(RecipeNode& node, std::size_t self);

  const recipe::SearchPath& search_;
  const recipe::ParamValues& params_;
  RecipeGraph graph_;
  std::map<fs::path, std::size_t> by_file_;
  std::map<std::string, std::size_t> by_name_;
  /// Where a name leads, by the directory and the name: one that is not its file's is found by reading a catalog.
  std::map<std::pair<std::string, std::string>, std::optional<fs::path>> files_;
  std::vector<fs::path> chain_;  ///< files whose needs are being read, the asked one first
};

std::optional<fs::path> Loader::file_called(const std::string& name, const recipe::Recipe& recipe) {
  if (name.starts_with("sha256:") || is_oci_reference(name)) return std::nullopt;
  const auto [known, is_new] = files_.try_emplace({recipe.directory, name});
  if (is_new) known->second = recipe::find_recipe(name, recipe.directory, search_);
  return known->second;
}

/// Adds the recipe that the node calls `name`, unless it is no recipe.
void Loader::add_need(const recipe::Text& name, RecipeNode& node) {
  const auto found = file_called(name.value, *node.recipe);
  if (!found) return;
  const fs::path file = fs::weakly_canonical(*found);
  if (const auto start = std::find(chain_.begin(), chain_.end(), file); start != chain_.end()) {
    node.fault = recipe_cycle({start, chain_.end()}, name.where);
    return;
  }
  if (const auto known = by_file_.find(file); known != by_file_.end()) {
    const RecipeNode& needed = graph_.nodes[known->second];
    node.needs.emplace(name.value, known->second);
    if (needed.asked == RecipeNode::Asked::Yes && !params_.empty())
      node.fault = params_for_a_parent(needed.name, name.where);
    return;
  }
  RecipeNode needed{.name = name.value, .file = file};
  try {
    needed.recipe = recipe::load_recipe(*found, search_);
  } catch (const Error& fault) {
    needed.fault = fault;
  }
  node.needs.emplace(name.value, add(std::move(needed)));
}

/// Adds what the node needs, then the node; answers its position.
std::size_t Loader::add(RecipeNode node) {
  if (node.recipe) {
    node.name = node.recipe->name.value;
    chain_.push_back(node.file);
    for (const auto& name : images_named_by(*node.recipe)) add_need(name, node);
    chain_.pop_back();
    if (const auto from = node.needs.find(node.recipe->from.value); from != node.needs.end())
      node.parent = from->second;
  }
  const std::size_t self = graph_.nodes.size();
  if (node.recipe && !node.fault) refuse_same_name(node, self);
  if (!node.file.empty()) by_file_.emplace(node.file, self);
  graph_.nodes.push_back(std::move(node));
  return self;
}

/// Both would be tagged with the name: which of them it means would depend on which is built last.
void Loader::refuse_same_name(RecipeNode& node, std::size_t self) {
  const auto [first, is_new] = by_name_.emplace(node.name, self);
  if (is_new) return;
  node.fault = recipe_fault("R108", fmt::format("two recipes are called '{}'", node.name), node.recipe->name.where,
                            fmt::format("the other is {}", graph_.nodes[first->second].file.string()));
}

void Loader::add_asked(const fs::path& what) {
  RecipeNode node{.name = what.string(), .asked = RecipeNode::Asked::Yes};
  try {
    node.recipe = recipe::load_recipe(what, search_, params_);
    node.file = fs::weakly_canonical(node.recipe->file);
  } catch (const Error& fault) {
    node.fault = fault;
    std::error_code ignored;
    if (fs::is_regular_file(what, ignored)) node.file = fs::weakly_canonical(what);
  }
  if (const auto known = by_file_.find(node.file); !node.file.empty() && known != by_file_.end()) {
    RecipeNode& before = graph_.nodes[known->second];
    if (before.asked == RecipeNode::Asked::No && !params_.empty() && !before.fault) {
      before.fault = params_for_a_parent(before.name, before.recipe->name.where);
    }
    before.asked = RecipeNode::Asked::Yes;
    return;
  }
  add(std::move(node));
}

}  // namespace

Error recipe_cycle(const std::vector<fs::path>& chain, const SourceSpan& where) {
  std::vector<std::string> names;
  for (const auto& file : chain) names.push_back(file.filename().string());
  names.push_back(names.front());
  return recipe_fault("R105", fmt::format("a recipe cannot be its own parent: {}", join(names, " → ")), where);
}

void RecipeGraph::throw_faults() const {
  std::vector<Diagnostic> faults;
  for (const auto& node : nodes) {
    if (node.fault) faults.insert(faults.end(), node.fault->diagnostics().begin(), node.fault->diagnostics().end());
  }
  if (!faults.empty()) throw Error(std::move(faults));
}

RecipeGraph load_recipe_graph(const std::vector<fs::path>& asked, const recipe::SearchPath& search,
                              const recipe::ParamValues& params) {
  Loader loader(search, params);
  for (const auto& what : asked) loader.add_asked(what);
  return loader.finish();
}

RecipeGraph recipe_graph_of(recipe::Recipe recipe, const recipe::SearchPath& search) {
  const recipe::ParamValues no_params;
  Loader loader(search, no_params);
  loader.add({.file = fs::weakly_canonical(recipe.file), .asked = RecipeNode::Asked::Yes, .recipe = std::move(recipe)});
  return loader.finish();
}

}  // namespace blueprint::builder
