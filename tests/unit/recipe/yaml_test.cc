#include "builder/recipe/yaml.h"

#include <fmt/format.h>

#include <catch2/catch.hpp>

namespace blueprint::recipe {
namespace {

/// "line:column+length" of a node.
std::string place(const Node* node) {
  REQUIRE(node != nullptr);
  return fmt::format("{}:{}+{}", node->place.line, node->place.column, node->place.length);
}

Node parse(std::string_view text) { return parse_yaml(Source("x.yaml", text)); }

std::string fault_of(std::string_view text) {
  try {
    static_cast<void>(parse(text));
  } catch (const Error& error) {
    const SourceSpan where = error.first().where.value();
    return fmt::format("{} {}:{}", error.first().code, where.line, where.column);
  }
  return "none";
}

}  // namespace

TEST_CASE("scalars of every style have the place and length of what is written") {
  const Node root = parse(
      "plain: some words # comment\n"
      "double: \"a\\\"b\"\n"
      "single: 'it''s'\n"
      "block: |\n  one\n  two\n"
      "folded: >-\n  x\n"
      "flow: [a, \"b\", {k: v}]\n"
      "anchored: &name value\n"
      "alias: *name\n"
      "empty:\n"
      "nothing: ~\n"
      "last: end");
  CHECK(place(root.find("plain")) == "1:8+10");
  CHECK(place(root.find("double")) == "2:9+6");
  CHECK(place(root.find("single")) == "3:9+7");
  CHECK(place(root.find("block")) == "4:8+1");
  CHECK(root.find("block")->text == "one\ntwo\n");
  CHECK(place(root.find("folded")) == "7:9+1");
  CHECK(place(root.find("flow")) == "9:7+1");
  CHECK(place(&root.find("flow")->items[1]) == "9:11+3");
  CHECK(place(&root.find("flow")->items[2]) == "9:16+1");
  CHECK(place(root.find("anchored")) == "10:17+5");
  CHECK(place(root.find("alias")) == "11:8+5");
  CHECK(place(root.find("empty")) == "12:1+5");
  CHECK(place(root.find("nothing")) == "13:10+1");
  CHECK(place(root.find("last")) == "14:7+3");
}

TEST_CASE("columns count bytes, so that editors jump to the right place") {
  const Node root = parse("größe: [ä, \"ö\", {ü: ß}]\n");
  const Node* list = root.find("größe");
  CHECK(place(&list->items[0]) == "1:11+2");
  CHECK(place(&list->items[1]) == "1:15+4");
  CHECK(place(list->items[2].find("ü")) == "1:26+2");
}

TEST_CASE("block maps and lists have the place of their first key or dash") {
  const Node root = parse("a:\n  b: c\nl:\n  - d: e\n    f: g\n");
  CHECK(place(root.find("a")) == "2:3+1");
  CHECK(place(root.find("l")) == "4:3+1");
  CHECK(place(&root.find("l")->items[0]) == "4:5+1");
}

TEST_CASE("plain and quoted scalars stay apart") {
  const Node root = parse("a: 1\nb: \"1\"\nc: |\n  1\nd: '1'\n");
  CHECK(root.find("a")->style == Node::Style::Plain);
  for (const char* key : {"b", "c", "d"}) CHECK(root.find(key)->style == Node::Style::Quoted);
}

// Found by the fuzzer: yaml-cpp writes the two short ones as one byte of Latin-1 each.
TEST_CASE("every escape of a double-quoted scalar is UTF-8") {
  CHECK(parse(R"(a: "\N\_\x85\L\P\u00e9ü\N")").find("a")->text ==
        "\xC2\x85\xC2\xA0\xC2\x85\xE2\x80\xA8\xE2\x80\xA9\xC3\xA9\xC3\xBC\xC2\x85");
}

TEST_CASE("duplicate keys are kept for the checker") { CHECK(parse("a: 1\na: 2\n").members.size() == 2); }

TEST_CASE("tabs are refused as indentation and kept as text") {
  CHECK(fault_of("a:\n\tb: c\n") == "R004 2:1");
  CHECK(fault_of("a:\n\tb\n") == "R004 2:1");
  CHECK(fault_of("a:\n  \tb: c\n") == "R004 2:3");
  CHECK(fault_of("a: |\n\tb\n") == "R004 2:1");
  CHECK(fault_of("a: |\n  b\n  \tc\n\n  \td\n") == "none");
  CHECK(fault_of("l:\n  - run: |\n      all:\n      \tmake\n  - b: c\n") == "none");
  CHECK(fault_of("a: |2\n    b\n  \tc\n") == "none");
  CHECK(fault_of("a: |\n  b\nc:\n\td: e\n") == "R004 4:1");
  CHECK(fault_of("a: b\n\t\n") == "R004 2:1");
  CHECK(fault_of("  \t# a comment\na:\tb\n  \n") == "none");
}

TEST_CASE("what yaml-cpp would let pass is refused") {
  CHECK(fault_of("a: \"b\n") == "R003 1:4");
  CHECK(fault_of("a: 'b\n") == "R003 1:4");
  CHECK(fault_of("a: b\n---\nc: d\n") == "R006 2:1");
  CHECK(fault_of("a: b\n...\n") == "none");
  CHECK(fault_of("---\na: b\n") == "none");
  CHECK(fault_of("- a\nb: c\n") == "R003 2:1");
  CHECK(fault_of("? [a]\n: b\n") == "R003 1:3");
  CHECK(fault_of("a: &x [*x]\n") == "R005 1:8");
  CHECK(fault_of("a: !!str b\n") == "R008 1:4");
  CHECK(fault_of("a: &x !t b\n") == "R008 1:7");
  CHECK(fault_of("") == "R007 1:1");
  CHECK(fault_of("---\n") == "R007 1:1");
}

TEST_CASE("aliases of long texts are limited as aliases of many values are") {
  std::string text = "a: &a " + std::string(500'000, 'x') + "\nl: [";
  for (int i = 0; i < 100; ++i) text += "*a, ";
  CHECK(fault_of(text + "]\n").starts_with("R005 2:"));
}

TEST_CASE("plain scalars mean what YAML readers take them for") {
  for (const char* text : {"1", "-1", "+1", "0x1F", "0o17", "0b1", "1_000", "007"})
    CHECK(meaning_of_plain(text) == Meaning::Integer);
  for (const char* text : {"1.0", "-.5", "3.", "1e3", "1.5E-3", ".inf", "-.INF", ".nan"})
    CHECK(meaning_of_plain(text) == Meaning::Float);
  for (const char* text : {"true", "False", "YES", "no", "on", "Off"})
    CHECK(meaning_of_plain(text) == Meaning::Boolean);
  for (const char* text : {"", "~", "null", "NULL"}) CHECK(meaning_of_plain(text) == Meaning::Null);
  for (const char* text : {"1.2.3", "-", ".", "e3", "0x", "1a", "tRue", "y", "1-2", "v1", "+", ".e1", "nullable"}) {
    INFO(text);
    CHECK(meaning_of_plain(text) == Meaning::Text);
  }
}

}  // namespace blueprint::recipe
