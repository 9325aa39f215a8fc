#include "builder/packages/lock.h"

#include <random>

#include <fmt/format.h>
#include <catch2/catch.hpp>

#include "base/error.h"

using namespace blueprint;
using namespace blueprint::packages;

namespace {

Lock example() {
  Lock lock;
  lock.epoch = 1795054374;
  lock.recipe = sha256(std::string_view("recipe"));
  lock.repositories = {{.name = "debian",
                        .suite = "bookworm",
                        .components = {"main", "non-free-firmware"},
                        .inrelease = sha256(std::string_view("a")),
                        .key = "B8B80B5B623EAB6AD8775C45B7C5D7D6350947F8",
                        .date = 1783764997},
                       {.name = "debian-security",
                        .suite = "bookworm-security",
                        .components = {"main"},
                        .inrelease = sha256(std::string_view("b")),
                        .key = "05AB90340C0C5E797F44A8C8254CF3B5AEC0A8F0",
                        .date = 1795054374,
                        .snapshot = "20260801T000000Z"}};
  lock.packages["base"] = {{.name = "libc6",
                            .version = "2.36-9+deb12u14",
                            .architecture = "amd64",
                            .filename = "pool/main/g/glibc/libc6_2.36-9+deb12u14_amd64.deb",
                            .size_bytes = 2758604,
                            .sha256 = sha256(std::string_view("c")),
                            .repository = 0,
                            .automatic = true,
                            .why = "bash"},
                           {.name = "bash",
                            .version = "5.2.15-2+b10",
                            .architecture = "amd64",
                            .filename = "pool/main/b/bash/bash_5.2.15-2+b10_amd64.deb",
                            .size_bytes = 1491488,
                            .sha256 = sha256(std::string_view("d")),
                            .repository = 1,
                            .essential = true,
                            .why = "essential"}};
  lock.packages["tools"] = {};
  return lock;
}

/// The diagnostics of a lock that must not parse, as "line:column CODE".
std::vector<std::string> faults_of(const std::string& text) {
  std::vector<std::string> faults;
  try {
    (void)parse_lock(text, "x.lock.yaml");
  } catch (const Error& error) {
    CHECK(error.exit_code() == 3);
    for (const auto& diagnostic : error.diagnostics()) {
      REQUIRE(diagnostic.where);
      faults.push_back(fmt::format("{}:{} {}", diagnostic.where->line, diagnostic.where->column, diagnostic.code));
    }
  }
  return faults;
}

/// The example with `from` replaced by `to` once.
std::string edited(const std::string& from, const std::string& to) {
  std::string text = format_lock(example());
  const auto at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

}  // namespace
TEST_CASE("a lock has one package per line and quotes what YAML could take for something else") {
  CHECK(format_lock(example()) ==
        R"(# Written by 'blueprint lock': exactly what a build uses. Keep it beside the recipe in version control.
# To change it, run 'blueprint lock --update'.
format: 1
epoch: 1795054374
recipe: "sha256:e1d8e552330911f9f779f85b6f2c00a15e790dcc3fbb3b28f5da1d660a30c5b8"
repositories:
  - {name: debian, suite: bookworm, components: [main, non-free-firmware], inrelease: "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb", key: "B8B80B5B623EAB6AD8775C45B7C5D7D6350947F8", date: 1783764997}
  - {name: debian-security, suite: bookworm-security, components: [main], inrelease: "3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d", key: "05AB90340C0C5E797F44A8C8254CF3B5AEC0A8F0", date: 1795054374, snapshot: "20260801T000000Z"}
packages:
  base:
    - {name: libc6, version: "2.36-9+deb12u14", arch: amd64, why: bash, auto: true, repo: 0, size: 2758604, sha256: "2e7d2c03a9507ae265ecf5b5356885a53393a2029d241394997265a1a25aefc6", file: "pool/main/g/glibc/libc6_2.36-9+deb12u14_amd64.deb"}
    - {name: bash, version: "5.2.15-2+b10", arch: amd64, why: essential, essential: true, repo: 1, size: 1491488, sha256: "18ac3e7343f016890c510e93f935261169d9e3f565436429830faf0934f4f8e4", file: "pool/main/b/bash/bash_5.2.15-2+b10_amd64.deb"}
  tools: []
)");
}

TEST_CASE("what is written is read back, whatever the strings") {
  CHECK(parse_lock(format_lock(example()), "x") == example());
  std::minstd_rand random(GENERATE(range(1, 40)));
  const auto word = [&] {
    static constexpr std::string_view kCharacters = "abcxyz019+-._~:/\\\"#{}[],' yn";
    std::string text;
    for (auto count = 1 + random() % 12; count > 0; --count) text += kCharacters[random() % kCharacters.size()];
    return text;
  };
  Lock lock;
  lock.epoch = static_cast<std::int64_t>(random());
  lock.recipe = sha256(word());
  if (random() % 2 == 0) lock.from = sha256(word()).to_string();
  for (auto count = 1 + random() % 3; count > 0; --count) {
    lock.repositories.push_back({.name = word(),
                                 .suite = word(),
                                 .components = {word(), word()},
                                 .inrelease = sha256(word()),
                                 .key = word(),
                                 .date = static_cast<std::int64_t>(random()),
                                 .snapshot = random() % 2 == 0 ? word() : ""});
  }
  for (auto layers = random() % 4; layers > 0; --layers) {
    auto& packages = lock.packages[word()];
    for (auto count = random() % 5; count > 0; --count) {
      packages.push_back({.name = word() + std::to_string(count),
                          .version = word(),
                          .architecture = word(),
                          .filename = "pool/x",
                          .size_bytes = random(),
                          .sha256 = sha256(word()),
                          .repository = static_cast<std::uint32_t>(random() % lock.repositories.size()),
                          .automatic = random() % 2 == 0,
                          .essential = random() % 2 == 0,
                          .why = "asked for"});
    }
  }
  const std::string text = format_lock(lock);
  INFO(text);
  CHECK(parse_lock(text, "x") == lock);
}

TEST_CASE("comments, blank lines, Windows line ends and another order of fields are fine") {
  std::string text = edited("format: 1\n", "\n  # a remark\nformat: 1 # one\n");
  CHECK(parse_lock(text, "x") == example());
  std::string windows;
  for (const char c : text) windows += c == '\n' ? "\r\n" : std::string(1, c);
  CHECK(parse_lock(windows, "x") == example());
  CHECK(parse_lock(edited("name: bash, version: \"5.2.15-2+b10\"", "version: \"5.2.15-2+b10\", name: bash"), "x") ==
        example());
}

TEST_CASE("a lock of a newer format is refused before anything else is judged") {
  CHECK(faults_of("format: 2\nwhatever this is\n") == std::vector<std::string>{"1:9 K001"});
  CHECK(faults_of("format: one\n") == std::vector<std::string>{"1:9 K004"});
  CHECK(faults_of("") == std::vector<std::string>{"1:1 K002"});
  CHECK(faults_of("packages: 1\n") == std::vector<std::string>{"1:1 K002"});
}

TEST_CASE("the marks of a merge conflict are named for what they are") {
  CHECK(faults_of(edited("  tools:", "<<<<<<< HEAD\n  tools:")) == std::vector<std::string>{"13:1 K008"});
}

TEST_CASE("each impossible edit is found at its place") {
  using Faults = std::vector<std::string>;
  CHECK(faults_of(edited("name: bash, version", "name: libc6, version")) == Faults{"11:67 K007", "12:14 K005"});
  CHECK(faults_of(edited("sha256: \"", "sha256: \"0")) == Faults{"11:117 K004"});
  CHECK(faults_of(edited("repo: 1, size", "repo: 2, size")) == Faults{"12:97 K006"});
  CHECK(faults_of(edited("repo: 1, size", "repo: one, size")) == Faults{"12:97 K004"});
  CHECK(faults_of(edited("size: 2758604", "size: -1")) == Faults{"11:100 K004"});
  CHECK(faults_of(edited("auto: true", "auto: maybe")) == Faults{"11:79 K004"});
  CHECK(faults_of(edited("why: bash", "why: zsh")) == Faults{"11:67 K007"});
  CHECK(faults_of(edited("epoch: 1795054374\n", "")) == Faults{"1:1 K003"});
  CHECK(faults_of(edited("epoch: 1795054374\n", "epoch: 1\nepoch: 2\n")) == Faults{"5:1 K003"});
  CHECK(faults_of(edited("  tools: []", "  base: []")) == Faults{"13:3 K003"});
  CHECK(faults_of(edited("arch: amd64, ", "")) == Faults{"11:5 K003"});
  CHECK(faults_of(edited("arch: amd64, ", "arch: amd64, colour: red, ")) == Faults{"11:62 K003"});
  CHECK(faults_of(edited("file: \"pool/main/b/bash", "file: \"../main/b/bash")) == Faults{"12:197 K004"});
  CHECK(faults_of(edited("file: \"pool/main/b/bash", "file: \"/pool/b/bash")) == Faults{"12:197 K004"});
}

TEST_CASE("every fault of a lock is told at once") {
  std::string text = edited("repo: 1, size", "repo: 9, size");
  text.replace(text.find("auto: true"), 10, "auto: perhaps");
  CHECK(faults_of(text).size() == 2);
}

TEST_CASE("no prefix of a lock and no flipped character crashes the reader") {
  const std::string text = format_lock(example());
  for (std::size_t end = 0; end < text.size(); ++end) {
    try {
      (void)parse_lock(std::string_view(text).substr(0, end), "x");
    } catch (const Error&) {
    }
    std::string flipped = text;
    flipped[end] = static_cast<char>(flipped[end] ^ 0x11);
    try {
      (void)parse_lock(flipped, "x");
    } catch (const Error&) {
    }
  }
  SUCCEED();
}

TEST_CASE("a lock pins images by the names that the recipe calls them") {
  Lock lock = example();
  const std::string digest = sha256(std::string_view("image")).to_string();
  lock.images = {{"acme/tools:v1", digest}, {"oci://../a b\"c", digest}};
  const std::string text = format_lock(lock);
  CHECK(text.find("images:\n  - {name: \"acme/tools:v1\", digest: \"" + digest + "\"}\n") != std::string::npos);
  CHECK(parse_lock(text, "x.lock.yaml") == lock);
  std::string edited = text;
  edited.replace(edited.find(digest), 10, "sha256:zzz");
  CHECK(faults_of(edited) == std::vector<std::string>{"7:3 K004"});
  edited = text;
  edited.replace(edited.find("oci://../a b\\\"c"), 15, "acme/tools:v1");
  CHECK(faults_of(edited) == std::vector<std::string>{"8:3 K003"});
  Lock newer = lock;
  newer.images["acme/tools:v1"] = sha256(std::string_view("newer")).to_string();
  CHECK(format_lock_changes(lock, newer).find("- image `acme/tools:v1` " + digest + " → ") != std::string::npos);
}
