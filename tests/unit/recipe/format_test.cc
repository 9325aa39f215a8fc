#include <random>

#include <fmt/format.h>

#include <catch2/catch.hpp>

#include "builder/recipe/compose.h"

namespace blueprint::recipe {
namespace {

/// Random recipes: every field, texts that are hard to quote.
class RandomRecipe {
 public:
  explicit RandomRecipe(std::uint64_t seed) : random_(seed) {}

  Recipe recipe() {
    Recipe recipe{.file = "x.yaml", .name = {word()}, .description = text()};
    if (chance()) {
      recipe.from = {"base"};
    } else {
      recipe.distribution = distribution();
    }
    for (std::size_t i = 0, count = below(6); i < count; ++i) recipe.layers.push_back(layer(i));
    recipe.env = dictionary();
    if (chance()) recipe.workdir = path();
    if (chance()) recipe.user = word();
    recipe.launch = launch();
    for (std::size_t i = 0, count = below(3); i < count; ++i)
      recipe.tests.push_back({.run = {script()}, .exit_code = static_cast<int>(below(256))});
    for (const auto& [name, value] : dictionary()) recipe.labels.emplace("l" + std::to_string(below(100)), value);
    recipe.secrets = {{"token", SecretSource::Kind::Command, {script()}}, {"zz", SecretSource::Kind::Env, {"A"}}};
    recipe.policy.forbid_setuid = {{"**"}};
    if (chance()) recipe.policy.refresh_security = std::chrono::hours(1 + below(1000));
    return recipe;
  }

 private:
  std::size_t below(std::size_t limit) { return std::uniform_int_distribution<std::size_t>(0, limit - 1)(random_); }
  bool chance() { return below(2) == 0; }

  std::string word() { return fmt::format("{}{}", static_cast<char>('a' + below(26)), below(1000)); }
  std::string path() { return fmt::format("/{}/{}", word(), word()); }

  /// Pieces that mean something to YAML, to the shell or to params, in any order.
  std::string text() {
    static constexpr std::string_view kPieces[] = {
        "a",   "word", " ",   "  ",          "\n", "\n\n", "\t",   ":",      ": ", "#",    " #",    "-", "- ",
        "\"",  "'",    "\\",  "${params.x}", "$$", "${",   "[",    "]",      "{",  "}",    ",",     "é", "世",
        "🌍",   "|",    ">",   "&",           "*",  "!",    "%",    "@",      "`",  "true", "no",    "~", "1",
        "0x1", "=",    "...", "---",         "\r", "\x01", "\x7f", "\u0085", "?",  "null", "\u2028"};
    std::string out;
    for (std::size_t i = 0, count = below(8); i < count; ++i) out += kPieces[below(std::size(kPieces))];
    return out;
  }
  std::string script() { return "x" + text(); }

  std::map<std::string, std::string> dictionary() {
    std::map<std::string, std::string> map;
    static constexpr std::string_view kNames[] = {"A", "NO", "Y", "true", "_x", "null", "LONG_NAME"};
    for (std::size_t i = 0, count = below(4); i < count; ++i) map.emplace(kNames[below(std::size(kNames))], text());
    return map;
  }

  Distribution distribution() {
    Distribution distribution{.id = "debian", .release = "bookworm", .components = {"main"}, .pockets = {"release"}};
    if (chance()) distribution.snapshot = "20260801T000000Z";
    if (chance())
      distribution.repositories.push_back(
          {.uri = {"https://example.org/x"}, .suites = {"stable"}, .components = {"main"}, .key = {"k e y"}});
    return distribution;
  }

  Launch launch() {
    Launch launch;
    if (chance()) launch.cpu = 1 + static_cast<std::uint32_t>(below(512));
    if (chance()) launch.memory_bytes = (64u << 20) + below(1u << 30);
    if (chance()) launch.disk_bytes = std::uint64_t{1} << (24 + below(20));
    if (chance()) launch.ports = {static_cast<std::uint16_t>(1 + below(65535))};
    if (chance()) launch.gpu = static_cast<std::uint32_t>(below(17));
    if (chance()) launch.commands = {script()};
    return launch;
  }

  CopyStep copy() {
    CopyStep step{.from = {"./" + text_in_path()}, .to = {path()}, .mode = 0755, .exclude = {"**/*.o"}};
    if (chance()) {
      step.unpack = chance();
      return step;
    }
    step.from = {};
    step.image = {word()};
    step.path = {path()};
    step.owner = {chance() ? "" : "0"};
    return step;
  }

  Layer layer(std::size_t number) {
    Layer layer{.name = fmt::format("layer-{}", number)};
    switch (below(7)) {
      case 0:
        layer.step = PackagesStep{.words = {{"curl"}, {"g++"}, {"vim-"}, {"a0=1:2~3-*"}}, .recommends = chance()};
        break;
      case 1:
        layer.step = FilesStep{{{.path = {fmt::format("/{}/{}", number, text_in_path())},
                                 .content = text(),
                                 .mode = static_cast<std::uint32_t>(below(010000)),
                                 .owner = {chance() ? "" : word()},
                                 .group = {chance() ? "" : word()}}}};
        break;
      case 2: layer.step = copy(); break;
      case 3:
        layer.step = RunStep{.script = {script()},
                             .host_network = chance(),
                             .user = {chance() ? "" : word()},
                             .workdir = path(),
                             .env = dictionary(),
                             .secrets = {{"token"}},
                             .caches = {{.path = {"/cache"}, .id = chance() ? "/cache" : word()}},
                             .binds = {{.image = {"oci://./x:" + word()}, .path = {"/"}, .to = {"/seen"}}}};
        break;
      case 4:
        layer.step = UsersStep{{{.name = {fmt::format("u{}", number)},
                                 .uid = 1000 + static_cast<std::uint32_t>(number),
                                 .groups = {"sudo"},
                                 .home = path(),
                                 .sudo_nopasswd = chance(),
                                 .system = chance()}}};
        break;
      case 5: layer.step = ServicesStep{.enable = {{"a@b.service"}}, .mask = {{"c\\x2dd.mount"}}}; break;
      default:
        layer.step = FetchStep{.url = {"https://example.org/a?b#c"},
                               .sha256 = {std::string(64, 'a')},
                               .to = {fmt::format("/f{}", number)},
                               .unpack = chance(),
                               .strip = static_cast<std::uint32_t>(below(3))};
        break;
    }
    return layer;
  }

  std::string text_in_path() {
    static constexpr std::string_view kNames[] = {"a b",         "ü",   "#x",  "- y", "'q'",        "\"d\"",
                                                  "${params.x}", "a:b", "{c}", "*",   "back\\slash"};
    return std::string(kNames[below(std::size(kNames))]);
  }

  std::mt19937_64 random_;
};

}  // namespace

TEST_CASE("parsing the canonical form gives the same recipe") {
  const std::uint64_t first_seed = std::random_device()();
  for (std::uint64_t seed = first_seed; seed < first_seed + 2000; ++seed) {
    const std::string canonical = format_recipe(RandomRecipe(seed).recipe());
    INFO("seed " << seed << "\n" << canonical);
    std::string again;
    try {
      again = format_recipe(parse_recipe(canonical, "x.yaml"));
    } catch (const Error& error) {
      for (const Diagnostic& diagnostic : error.diagnostics()) again += render(diagnostic);
    }
    REQUIRE(again == canonical);
  }
}

TEST_CASE("the canonical form keeps texts byte by byte") {
  for (const std::string content :
       {"",         "\n",    "a",      "a\n",         "a\n\n",        " a\n",          "a \nb\n",    "\ta\n",
        "a\n\tb\n", "a\r\n", "é\n",    "\u0085",      "\"'\\",        "true",          "1.0",        "~",
        "- a",      "a: b",  "# c",    "${params.x}", "$${params.x}", "$$${params.x}", "a\n  b\n c", "%",
        "@",        "a\nb",  "\n\na\n"}) {
    Recipe recipe{.name = {"x"}, .from = {"base"}};
    recipe.layers.push_back({.name = "f", .step = FilesStep{{{.path = {"/f"}, .content = content}}}});
    const Recipe back = parse_recipe(format_recipe(recipe), "x.yaml");
    INFO(format_recipe(recipe));
    CHECK(std::get<FilesStep>(back.layers.at(0).step).files.at(0).content == content);
  }
}

TEST_CASE("a recipe from somewhere else keeps what its relative paths mean") {
  Recipe recipe{.directory = "a/b", .name = {"x"}, .from = {"base"}};
  recipe.layers.push_back({.name = "c", .step = CopyStep{.from = {"./app"}, .to = {"/app"}}, .directory = "a/c"});
  const Recipe back = parse_recipe(format_recipe(recipe), "a/b/x.yaml");
  CHECK(std::get<CopyStep>(back.layers.at(0).step).from.value == "../c/app");
}

}  // namespace blueprint::recipe
