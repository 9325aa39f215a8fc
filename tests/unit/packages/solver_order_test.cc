#include "builder/packages/solver_order.h"

#include <algorithm>
#include <random>

#include <catch2/catch.hpp>

#include "builder/packages/solver_faults.h"
#include "builder/packages/solver_protocol.h"

using namespace blueprint;
using namespace blueprint::packages;

namespace {

struct Graph {
  std::vector<SolvedPackage> packages;
  std::size_t add(const std::string& name) {
    packages.push_back({.name = name, .architecture = "amd64"});
    return packages.size() - 1;
  }
  void need(std::size_t from, std::size_t to, Needs kind = Needs::Depends) {
    packages[from].needs.push_back({to, kind});
  }
  [[nodiscard]] std::string order() const {
    std::string names;
    for (const auto i : configure_order(packages)) names += packages[i].name + " ";
    return names;
  }
};

}  // namespace

TEST_CASE("what a package needs is configured before it, ties go by name") {
  Graph graph;
  const auto web = graph.add("web");
  const auto zlib = graph.add("zlib");
  const auto base = graph.add("base");
  const auto data = graph.add("data");
  graph.need(web, zlib);
  graph.need(web, data);
  graph.need(data, zlib);
  (void)base;
  CHECK(graph.order() == "base zlib data web ");
}

TEST_CASE("essential packages and what they need come first") {
  Graph graph;
  const auto shell = graph.add("shell");
  const auto zlib = graph.add("zlib");
  graph.add("aaa");
  graph.packages[shell].essential = true;
  graph.need(shell, zlib);
  CHECK(graph.order() == "zlib shell aaa ");
}

TEST_CASE("a cycle is broken along the Pre-Depends, then by name, and Recommends order nothing") {
  Graph graph;
  const auto c = graph.add("libc");
  const auto g = graph.add("libgcc");
  graph.need(c, g);
  graph.need(g, c);
  CHECK(graph.order() == "libc libgcc ");
  graph.packages[c].needs[0].kind = Needs::PreDepends;
  CHECK(graph.order() == "libgcc libc ");
  graph.packages[c].needs[0].kind = Needs::Recommends;
  CHECK(graph.order() == "libc libgcc ");
}

TEST_CASE("the order is a function of the set and respects every dependency outside cycles") {
  std::minstd_rand random(GENERATE(range(1, 30)));
  Graph graph;
  const std::size_t count = 60;
  for (std::size_t i = 0; i < count; ++i) graph.add("p" + std::to_string(random() % 10000) + "-" + std::to_string(i));
  // Needs go to smaller numbers only: no cycles.
  for (std::size_t i = 1; i < count; ++i) {
    for (auto edges = random() % 4; edges > 0; --edges) graph.need(i, random() % i);
  }
  const auto order = configure_order(graph.packages);
  std::vector<std::size_t> position(count);
  for (std::size_t i = 0; i < count; ++i) position[order[i]] = i;
  for (std::size_t i = 0; i < count; ++i) {
    for (const auto& edge : graph.packages[i].needs) CHECK(position[edge.target] < position[i]);
  }
  std::vector<std::size_t> shuffle(count);
  for (std::size_t i = 0; i < count; ++i) shuffle[i] = i;
  std::shuffle(shuffle.begin(), shuffle.end(), random);
  Graph shuffled;
  std::vector<std::size_t> at(count);
  for (std::size_t i = 0; i < count; ++i) {
    at[shuffle[i]] = i;
    shuffled.packages.push_back(graph.packages[shuffle[i]]);
  }
  for (auto& package : shuffled.packages) {
    for (auto& edge : package.needs) edge.target = at[edge.target];
  }
  CHECK(shuffled.order() == graph.order());
}

TEST_CASE("a chain of a hundred thousand packages does not overflow the stack") {
  Graph graph;
  for (int i = 0; i < 100'000; ++i) {
    const auto package = graph.add(std::to_string(i));
    if (i > 0) graph.need(package - 1, package);
  }
  CHECK(configure_order(graph.packages).front() == 99'999);
}

TEST_CASE("each package says why it is there by a shortest way from what was asked for") {
  Graph graph;
  const auto web = graph.add("web");
  const auto lib = graph.add("lib");
  const auto deep = graph.add("deep");
  const auto shell = graph.add("shell");
  graph.packages[web].manual = true;
  graph.packages[shell].essential = true;
  graph.need(web, lib);
  graph.need(lib, deep);
  graph.need(shell, deep, Needs::Recommends);
  CHECK(reasons(graph.packages) == std::vector<std::string>{"asked for", "web", "shell", "essential"});
}

TEST_CASE("requests and answers of the solver survive the wire") {
  SolverRequest request{.state = "/a b",
                        .architecture = "amd64",
                        .status = "Package: x\n",
                        .extended_states = "y",
                        .layers = {{.words = {"a", "b=1.*"}, .recommends = true, .base = Base::Standard}, {}}};
  request.scope = {.what = UpdateScope::What::Named, .names = {"a", "b"}};
  request.pins = {{"a", "1:2-3", "all"}};
  request.security_lists = {"list"};
  const auto read = decode_request(encode_request(request));
  CHECK(read.scope.what == UpdateScope::What::Named);
  CHECK(read.scope.names == request.scope.names);
  CHECK(read.pins == request.pins);
  CHECK(read.security_lists == request.security_lists);
  CHECK(read.state == request.state);
  CHECK(read.status == request.status);
  REQUIRE(read.layers.size() == 2);
  CHECK(read.layers[0].words == request.layers[0].words);
  CHECK(read.layers[0].recommends);
  CHECK(read.layers[0].base == Base::Standard);
  SolverAnswer answer;
  answer.layers = {{{.name = "a",
                     .version = "1",
                     .architecture = "all",
                     .filename = "f",
                     .size_bytes = 7,
                     .sha256 = "00",
                     .list = "l",
                     .security = "0.9",
                     .manual = true,
                     .essential = true,
                     .needs = {{0, Needs::Recommends}}}}};
  answer.faults = {
      {.kind = SolverFault::Kind::Virtual, .layer = 1, .word = 2, .subject = "s", .choices = {"c"}, .lines = {"l"}}};
  answer.gone = {{"b", "1", "amd64"}};
  const auto heard = decode_answer(encode_answer(answer));
  CHECK(heard.gone == answer.gone);
  REQUIRE(heard.layers.size() == 1);
  CHECK(heard.layers[0][0].needs == answer.layers[0][0].needs);
  CHECK(heard.layers[0][0].size_bytes == 7);
  CHECK(heard.layers[0][0].security == "0.9");
  CHECK(heard.faults[0].choices == std::vector<std::string>{"c"});
  CHECK(heard.faults[0].word == 2);
}

TEST_CASE("every fault of the solver points at its word and reads as a sentence") {
  const std::vector<Asked> asked = {{.layer = "tools",
                                     .words = {{"gti", {.file = "r.yaml", .line = 7, .column = 16}},
                                               {"nodejs=99", {.file = "r.yaml", .line = 7, .column = 21}}}}};
  const auto error = solver_error(
      {{.kind = SolverFault::Kind::UnknownPackage, .layer = 0, .word = 0, .subject = "gti", .choices = {"git"}},
       {.kind = SolverFault::Kind::UnknownVersion,
        .layer = 0,
        .word = 1,
        .subject = "99",
        .choices = {"18.1-1"},
        .lines = {"nodejs"}},
       {.kind = SolverFault::Kind::Unsatisfiable, .layer = 0, .lines = {"a : Depends: b but it is not installable"}}},
      asked);
  std::string text;
  for (const auto& diagnostic : error.diagnostics()) text += render(diagnostic);
  CHECK(text ==
        "r.yaml:7:16: error: no package is called 'gti' [P060]\n"
        "hint: did you mean 'git'?\n"
        "while choosing the packages of layer 'tools'\n"
        "r.yaml:7:21: error: the repositories have no version '99' of nodejs [P061]\n"
        "hint: they have 18.1-1\n"
        "while choosing the packages of layer 'tools'\n"
        "r.yaml:7:16: error: the packages do not fit together [P066]\n"
        "the following packages have unmet dependencies:\n"
        "  a : Depends: b but it is not installable\n"
        "while choosing the packages of layer 'tools'\n");
}
