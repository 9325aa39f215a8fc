// A configure order from a graph with cycles.
//
// Dependencies of real packages are cyclic (libc6 and libgcc-s1), so the graph of packages is first condensed to its
// strongly connected components (Tarjan), whose graph has none. Components then come out in an order by rank and name
// among those that are ready (Kahn with a sorted ready list), so the result depends on the set only. Inside a component
// the same is done again with the Pre-Depends alone; what is cyclic even then, which Debian policy 7.2 forbids, goes by
// name. Recommends order nothing.

#include "builder/packages/solver_order.h"

#include <algorithm>
#include <deque>
#include <functional>
#include <set>
#include <tuple>

namespace blueprint::packages {
namespace {

using Graph = std::vector<std::vector<std::size_t>>;  ///< node → what it needs

/// The component of each node; components are numbered so that what a component needs has a smaller number.
struct Components {
  std::vector<std::size_t> of;
  std::size_t count = 0;
};

/// Tarjan's algorithm with a stack of its own: chains of dependencies may be long.
Components find_components(const Graph& graph) {
  constexpr std::size_t kUnseen = SIZE_MAX;
  struct Frame {
    std::size_t node;
    std::size_t edge;
  };
  Components components{.of = std::vector<std::size_t>(graph.size(), kUnseen)};
  std::vector<std::size_t> index(graph.size(), kUnseen);
  std::vector<std::size_t> low(graph.size(), 0);
  std::vector<std::size_t> open;
  std::size_t next = 0;
  for (std::size_t root = 0; root < graph.size(); ++root) {
    if (index[root] != kUnseen) continue;
    std::vector<Frame> frames{{root, 0}};
    while (!frames.empty()) {
      auto& [node, edge] = frames.back();
      if (edge == 0) {
        index[node] = low[node] = next++;
        open.push_back(node);
      }
      if (edge < graph[node].size()) {
        const auto target = graph[node][edge++];
        if (index[target] == kUnseen) {
          frames.push_back({target, 0});
        } else if (components.of[target] == kUnseen) {
          low[node] = std::min(low[node], index[target]);
        }
        continue;
      }
      if (low[node] == index[node]) {
        std::size_t member = kUnseen;
        do {
          member = open.back();
          open.pop_back();
          components.of[member] = components.count;
        } while (member != node);
        ++components.count;
      }
      const auto finished = node;
      frames.pop_back();
      if (!frames.empty()) low[frames.back().node] = std::min(low[frames.back().node], low[finished]);
    }
  }
  return components;
}

/// Orders `members` so that needs come first, with ties by `before`; `inner` orders the members of one cycle.
std::vector<std::size_t> order_nodes(const Graph& graph, const std::function<bool(std::size_t, std::size_t)>& before,
                                     const std::function<std::vector<std::size_t>(std::vector<std::size_t>)>& inner) {
  const auto components = find_components(graph);
  std::vector<std::vector<std::size_t>> members(components.count);
  for (std::size_t node = 0; node < graph.size(); ++node) members[components.of[node]].push_back(node);
  for (auto& each : members) std::sort(each.begin(), each.end(), before);

  std::vector<std::set<std::size_t>> waiting(components.count);  // what a component still needs
  Graph needed_by(components.count);
  for (std::size_t node = 0; node < graph.size(); ++node) {
    for (const auto target : graph[node]) {
      const auto from = components.of[node];
      const auto to = components.of[target];
      if (from != to && waiting[from].insert(to).second) needed_by[to].push_back(from);
    }
  }
  const auto component_before = [&](std::size_t a, std::size_t b) {
    return before(members[a].front(), members[b].front());
  };
  std::set<std::size_t, std::function<bool(std::size_t, std::size_t)>> ready(component_before);
  for (std::size_t component = 0; component < components.count; ++component) {
    if (waiting[component].empty()) ready.insert(component);
  }
  std::vector<std::size_t> order;
  while (!ready.empty()) {
    const auto component = *ready.begin();
    ready.erase(ready.begin());
    const auto inside = members[component].size() == 1 ? members[component] : inner(members[component]);
    order.insert(order.end(), inside.begin(), inside.end());
    for (const auto dependent : needed_by[component]) {
      waiting[dependent].erase(component);
      if (waiting[dependent].empty()) ready.insert(dependent);
    }
  }
  return order;
}

/// The part of the graph among `members`, by position in it, with the Pre-Depends only.
Graph pre_depends_among(const std::vector<SolvedPackage>& packages, const std::vector<std::size_t>& members) {
  Graph graph(members.size());
  for (std::size_t i = 0; i < members.size(); ++i) {
    for (const auto& edge : packages[members[i]].needs) {
      const auto found = std::find(members.begin(), members.end(), edge.target);
      if (edge.kind == Needs::PreDepends && found != members.end())
        graph[i].push_back(static_cast<std::size_t>(found - members.begin()));
    }
  }
  return graph;
}

/// 0 for essential packages and all that they need, 1 for the rest.
std::vector<int> ranks(const std::vector<SolvedPackage>& packages) {
  std::vector<int> rank(packages.size(), 1);
  std::deque<std::size_t> queue;
  for (std::size_t i = 0; i < packages.size(); ++i) {
    if (!packages[i].essential) continue;
    rank[i] = 0;
    queue.push_back(i);
  }
  while (!queue.empty()) {
    const auto node = queue.front();
    queue.pop_front();
    for (const auto& edge : packages[node].needs) {
      if (edge.kind == Needs::Recommends || rank[edge.target] == 0) continue;
      rank[edge.target] = 0;
      queue.push_back(edge.target);
    }
  }
  return rank;
}

}  // namespace

std::vector<std::size_t> configure_order(const std::vector<SolvedPackage>& packages) {
  Graph graph(packages.size());
  for (std::size_t i = 0; i < packages.size(); ++i) {
    for (const auto& edge : packages[i].needs) {
      if (edge.kind != Needs::Recommends) graph[i].push_back(edge.target);
    }
  }
  const auto rank = ranks(packages);
  const auto before = [&](std::size_t a, std::size_t b) {
    return std::tie(rank[a], packages[a].name, packages[a].architecture) <
           std::tie(rank[b], packages[b].name, packages[b].architecture);
  };
  return order_nodes(graph, before, [&](const std::vector<std::size_t>& members) {
    const auto by_position = [&](std::size_t a, std::size_t b) { return before(members[a], members[b]); };
    const auto positions =
        order_nodes(pre_depends_among(packages, members), by_position, [](auto cycle) { return cycle; });
    std::vector<std::size_t> order;
    for (const auto position : positions) order.push_back(members[position]);
    return order;
  });
}

std::vector<std::string> reasons(const std::vector<SolvedPackage>& packages) {
  std::vector<std::size_t> order(packages.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  const auto root_rank = [&](std::size_t i) { return packages[i].essential ? 0 : packages[i].manual ? 1 : 2; };
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return std::pair(root_rank(a), std::tie(packages[a].name, packages[a].architecture)) <
           std::pair(root_rank(b), std::tie(packages[b].name, packages[b].architecture));
  });
  std::vector<std::string> why(packages.size());
  std::deque<std::size_t> queue;
  for (const auto i : order) {
    if (!packages[i].essential && !packages[i].manual) continue;
    why[i] = packages[i].essential ? "essential" : "asked for";
    queue.push_back(i);
  }
  while (!queue.empty()) {
    const auto node = queue.front();
    queue.pop_front();
    auto targets = packages[node].needs;
    std::sort(targets.begin(), targets.end(), [&](const SolvedEdge& a, const SolvedEdge& b) {
      return std::tie(packages[a.target].name, packages[a.target].architecture) <
             std::tie(packages[b.target].name, packages[b.target].architecture);
    });
    for (const auto& edge : targets) {
      if (!why[edge.target].empty()) continue;
      why[edge.target] = packages[node].name;
      queue.push_back(edge.target);
    }
  }
  return why;
}

}  // namespace blueprint::packages
