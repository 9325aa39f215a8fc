#include <map>
#include <memory>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "builder/recipe/compose.h"
#include "cli/commands.h"
#include "cli/context.h"

namespace blueprint::cli {
namespace {

struct Flags {
  std::vector<std::string> recipes;
  bool dot = false;
};

/// A recipe and the recipes that build on it.
struct Node {
  std::string name;
  std::string parent;  ///< empty for a bootstrap
  std::vector<std::string> layers;
};

class Graph {
 public:
  explicit Graph(const recipe::SearchPath& search) : search_(search) {}

  void add(const std::string& what) {
    auto recipe = recipe::load_recipe(what, search_);
    // A chain that comes back to a recipe ends there: building says what is wrong with it.
    while (!nodes_.contains(recipe.name.value)) {
      Node node{.name = recipe.name.value, .parent = recipe.from.value};
      if (recipe.distribution)
        node.layers.push_back(fmt::format("base: {} {}", recipe.distribution->id, recipe.distribution->release));
      for (const auto& layer : recipe.layers)
        node.layers.push_back(fmt::format("{}: {}", layer.name, recipe::kind_name(layer)));
      const auto parent_file =
          node.parent.empty() ? std::nullopt : recipe::find_recipe(node.parent, recipe.directory, search_);
      if (parent_file) {
        auto parent = recipe::load_recipe(*parent_file, search_);
        node.parent = parent.name.value;
        nodes_.emplace(node.name, node);
        recipe = std::move(parent);
      } else {
        nodes_.emplace(node.name, node);
        return;
      }
    }
  }

  [[nodiscard]] std::string dot() const {
    std::string text = "digraph blueprint {\n  rankdir=BT; node [shape=box];\n";
    for (const auto& [name, node] : nodes_) {
      text += fmt::format("  \"{}\" [label=\"{}\\n{} layers\"];\n", name, name, node.layers.size());
      if (!node.parent.empty()) text += fmt::format("  \"{}\" -> \"{}\";\n", name, node.parent);
    }
    return text + "}\n";
  }

  [[nodiscard]] std::string tree() const {
    std::string text;
    for (const auto& [name, node] : nodes_) {
      if (node.parent.empty() || !nodes_.contains(node.parent)) append(node, "", text);
    }
    return text;
  }

 private:
  void append(const Node& node, const std::string& indent, std::string& text) const {
    text += fmt::format(
        "{}{}{}\n", indent, node.name,
        node.parent.empty() || nodes_.contains(node.parent) ? "" : fmt::format("  (on the image {})", node.parent));
    for (const auto& layer : node.layers) text += fmt::format("{}  · {}\n", indent, layer);
    for (const auto& [name, child] : nodes_) {
      if (child.parent == node.name && name != node.name) append(child, indent + "    ", text);
    }
  }

  const recipe::SearchPath& search_;
  std::map<std::string, Node> nodes_;
};

}  // namespace

Command cmd_graph() {
  auto flags = std::make_shared<Flags>();
  return {
      .name = "graph",
      .summary = "Show which recipe builds on which.",
      .examples = {"blueprint graph recipes/runloop/*.yaml", "blueprint graph web.yaml --dot | dot -Tsvg > graph.svg"},
      .options = {{.flags = "recipes",
                   .value = "RECIPE...",
                   .help = "recipes to show, with what they build on",
                   .target = &flags->recipes,
                   .completes = Completes::Recipe,
                   .required = true},
                  {.flags = "--dot", .help = "print it for Graphviz", .target = &flags->dot}},
      .run = [flags](Context& context) {
        const auto search = context.search();
        Graph graph(search);
        for (const auto& recipe : flags->recipes) graph.add(recipe);
        fmt::print("{}", flags->dot ? graph.dot() : graph.tree());
        return 0;
      }};
}

}  // namespace blueprint::cli
