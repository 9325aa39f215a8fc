#include <memory>

#include <fmt/format.h>

#include "builder/recipe_graph.h"
#include "cli/build_flags.h"
#include "cli/commands.h"
#include "cli/context.h"

namespace blueprint::cli {
namespace {

struct Flags {
  RecipeFlags recipe;
  std::vector<std::string> recipes;
  bool dot = false;
  bool layers = false;
};

/// What the recipe begins with that is no recipe: a distribution or an image. Empty when it builds on a recipe.
std::string ground_of(const builder::RecipeNode& node) {
  if (node.parent) return "";
  const auto& recipe = *node.recipe;
  if (recipe.distribution) return fmt::format("{} {}", recipe.distribution->id, recipe.distribution->release);
  if (recipe.from.value == recipe::kScratch) return "scratch";
  return fmt::format("image {}", recipe.from.value);
}

std::string layer_count(const builder::RecipeNode& node) {
  const std::size_t count = node.recipe->layers.size() + (node.recipe->distribution ? 1 : 0);
  return fmt::format("{} layer{}", count, count == 1 ? "" : "s");
}

std::string to_dot(const builder::RecipeGraph& graph) {
  std::string text = "digraph blueprint {\n  rankdir=BT; node [shape=box];\n";
  for (const auto& node : graph.nodes) {
    text += fmt::format("  \"{}\" [label=\"{}\\n{}\"];\n", node.name, node.name, layer_count(node));
    const std::string ground = ground_of(node);
    if (!ground.empty()) text += fmt::format("  \"{}\" [style=dashed];\n", ground);
    text += fmt::format("  \"{}\" -> \"{}\";\n", node.name, node.parent ? graph.nodes[*node.parent].name : ground);
    for (const auto& [name, need] : node.needs) {
      if (need != node.parent)
        text += fmt::format("  \"{}\" -> \"{}\" [style=dotted];\n", node.name, graph.nodes[need].name);
    }
  }
  return text + "}\n";
}

/// What builds on what, as a tree: the ground on the left, each recipe below the one that it builds on.
class Tree {
 public:
  Tree(const builder::RecipeGraph& graph, const Flags& flags)
      : graph_(graph), layers_(flags.layers), children_(graph.nodes.size()) {
    for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
      if (const auto parent = graph.nodes[i].parent) children_[*parent].push_back(i);
    }
  }

  std::string text() {
    for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
      if (!graph_.nodes[i].parent) append(i, "", "");
    }
    return std::move(text_);
  }

 private:
  /// `lead` stands before the node's own line, `below` before all lines under it.
  void append(std::size_t index, const std::string& lead, const std::string& below) {
    const auto& node = graph_.nodes[index];
    const std::string ground = ground_of(node);
    text_ += fmt::format("{}{}  ({}{}{})\n", lead, node.name, ground, ground.empty() ? "" : ", ", layer_count(node));
    const auto& children = children_[index];
    if (layers_) {
      for (const auto& layer : node.recipe->layers)
        text_ += fmt::format("{}{}· {}: {}\n", below, children.empty() ? "   " : "│  ", layer.name,
                             recipe::kind_name(layer));
    }
    for (std::size_t i = 0; i < children.size(); ++i) {
      const bool last = i + 1 == children.size();
      append(children[i], below + (last ? "└─ " : "├─ "), below + (last ? "   " : "│  "));
    }
  }

  const builder::RecipeGraph& graph_;
  bool layers_;
  std::vector<std::vector<std::size_t>> children_;
  std::string text_;
};

}  // namespace

Command cmd_graph() {
  auto flags = std::make_shared<Flags>();
  return {.name = "graph",
          .summary = "Show which recipe builds on which.",
          .description = "Reads recipes only. A directory stands for all the recipes below it.",
          .examples = {"blueprint graph recipes/", "blueprint graph web.yaml --layers",
                       "blueprint graph recipes/ --dot | dot -Tsvg > graph.svg"},
          .options = {{.flags = "recipes",
                       .value = "RECIPE...",
                       .help = "recipes to show, with what they build on",
                       .target = &flags->recipes,
                       .completes = Completes::Recipe,
                       .required = true},
                      {.flags = "--layers", .help = "show the layers of each as well", .target = &flags->layers},
                      {.flags = "--dot", .help = "print it for Graphviz", .target = &flags->dot}},
          .run = [flags](Context& context) {
            const auto graph = load_graph(context, flags->recipe, flags->recipes);
            graph.throw_faults();
            fmt::print("{}", flags->dot ? to_dot(graph) : Tree(graph, *flags).text());
            return 0;
          }};
}

}  // namespace blueprint::cli
