// Golden Dockerfiles in shapes that people write: tests/golden/dockerfiles/good/X.Dockerfile has its warnings and the
// canonical recipe in X.canonical, bad/X.Dockerfile its diagnostics in X.txt. All copy from the directory context.

#include "builder/recipe/dockerfile.h"

#include <catch2/catch.hpp>

#include "builder/recipe/build_context.h"
#include "builder/recipe/dockerfile_words.h"
#include "tests/unit/recipe/golden.h"

namespace blueprint::recipe {
namespace {

namespace fs = std::filesystem;

/// Makes paths in messages the same everywhere.
class InDirectory {
 public:
  explicit InDirectory(const fs::path& directory) : before_(fs::current_path()) { fs::current_path(directory); }
  ~InDirectory() { fs::current_path(before_); }

 private:
  fs::path before_;
};

const fs::path& dockerfiles() {
  static const fs::path kDirectory = fs::path(BLUEPRINT_SOURCE_DIR) / "tests" / "golden" / "dockerfiles";
  return kDirectory;
}

std::vector<fs::path> all(const fs::path& folder) {
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() == ".Dockerfile") found.push_back(entry.path());
  }
  std::sort(found.begin(), found.end());
  return found;
}

std::string outcome(const fs::path& file) {
  const DockerfileOptions options{
      .build_args = {{"FLAGS", ""}},
      .aliases = {{"debian:12", "debian-12-x86_64"}, {"ubuntu:24.04", "ubuntu-24.04-x86_64"}}};
  try {
    const DockerfileResult result = load_dockerfile(file, "context", options);
    std::string text;
    for (const Diagnostic& warning : result.warnings) text += render(warning);
    return text + format_with_stages(result.recipe);
  } catch (const Error& error) {
    return golden::render_all(error);
  }
}

const dockerfile::Lookup kLookup = [](const std::string& name) -> std::optional<std::string> {
  if (name == "A") return "a b";
  if (name == "EMPTY") return "";
  if (name == "FILE") return "lib/foo.tar.gz";
  if (name == "STARS") return "a*b?c";
  return std::nullopt;
};

std::string expanded(std::string_view text) {
  const dockerfile::Expanded result = dockerfile::expand(text, '\\', kLookup);
  return result.fault.empty() ? result.text : "(" + result.fault + ")";
}

}  // namespace

TEST_CASE("good Dockerfiles amount to the recipes beside them") {
  const InDirectory in(dockerfiles());
  REQUIRE(all("good").size() >= 12);
  for (fs::path file : all("good")) {
    INFO(file);
    const std::string text = outcome(file);
    INFO(text);
    CHECK(golden::agrees(dockerfiles() / file.replace_extension(".canonical"), text));
  }
}

TEST_CASE("bad Dockerfiles have exactly the diagnostics beside them") {
  const InDirectory in(dockerfiles());
  REQUIRE(all("bad").size() >= 20);
  for (fs::path file : all("bad")) {
    INFO(file);
    const std::string text = outcome(file);
    INFO(text);
    CHECK(text.find("error: ") != std::string::npos);
    CHECK(golden::agrees(dockerfiles() / file.replace_extension(".txt"), text));
  }
}

TEST_CASE("a target stage is built and a target that is no stage is refused") {
  const InDirectory in(dockerfiles());
  const auto recipe = load_dockerfile("good/node-alias.Dockerfile", "context",
                                      {.build_args = {{"NODE", "22"}}, .target = "DEPS", .name = "deps"})
                          .recipe;
  CHECK(recipe.from.value == "node:22-bookworm");
  CHECK(recipe.name.value == "deps");
  CHECK(recipe.layers.size() == 3);
  CHECK_THROWS_WITH(load_dockerfile("good/node-alias.Dockerfile", "context", {.target = "dep"}),
                    Catch::Contains("'dep' is no stage of this Dockerfile [R053]"));
}

TEST_CASE("variables and quotes of a Dockerfile are replaced as BuildKit does") {
  CHECK(expanded("$A") == "a b");
  CHECK(expanded("${A}c$A.d") == "a bca b.d");
  CHECK(expanded("'$A'\"$A\"") == "$Aa b");
  CHECK(expanded("\\$A \"\\$A\" \"\\n\" \\n '\\n'") == "$A $A \\n n \\n");
  CHECK(expanded("${B:-x}${EMPTY:-y}${EMPTY-z}${A:-w}") == "xya b");
  CHECK(expanded("${B:+x}${EMPTY:+y}${EMPTY+z}${A:+w}") == "zw");
  CHECK(expanded("${B:-${A}/$A}") == "a b/a b");
  CHECK(expanded("$ $1 $$ $?.") == "$   .");
  CHECK(expanded("a\\") == "a");
  CHECK(dockerfile::expand("`$A \\$EMPTY", '`', kLookup).text == "$A \\");
}

TEST_CASE("variables of a Dockerfile are trimmed and replaced by patterns") {
  CHECK(expanded("${FILE#*/} ${FILE##*o} ${FILE#x}") == "foo.tar.gz .tar.gz lib/foo.tar.gz");
  CHECK(expanded("${FILE%.*} ${FILE%%.*} ${FILE%x} ${UNSET%x}") == "lib/foo.tar lib/foo lib/foo.tar.gz ");
  CHECK(expanded("${FILE/o/0} ${FILE//o/0} ${FILE/./} ${FILE//[o]/x}") ==
        "lib/f0o.tar.gz lib/f00.tar.gz lib/footar.gz lib/foo.tar.gz");
  CHECK(expanded("${FILE/lib\\/foo/x} ${FILE//?/.}") == "x.tar.gz ..............");
  CHECK(expanded("${STARS#a\\*} ${STARS%\\?c} ${STARS/\\*b/${A%% *}}") == "b?c a*b aa?c");
  CHECK(expanded("${FILE//*/\"x y\"} ${FILE///x}") == "x y lib/foo.tar.gz");
  CHECK(expanded("${FILE:#lib}${FILE:%gz}") == "/foo.tar.gzlib/foo.tar.");
}

TEST_CASE("what a Dockerfile cannot have replaced is said") {
  for (const char* bad : {"${}", "${{A}}", "${A=x}", "${A:=x}", "${A:}", "${A,,}"})
    CHECK(expanded(bad) == "(this is no ${…} that can be replaced)");
  for (const char* open : {"${", "${:"}) CHECK(expanded(open) == "(this is no ${…} that can be replaced)");
  for (const char* open : {"${A", "${A:", "${A%x", "${A/x/y", "${B:-${A}"})
    CHECK(expanded(open) == "(a '}' is missing)");
  CHECK(expanded("${A/x}") == "(a '/' is missing)");
  CHECK(expanded("'x") == "(a single quote is not closed)");
  CHECK(expanded("\"x") == "(a double quote is not closed)");
  CHECK(expanded("${A%\\x}") == "(an escape that patterns do not have)");
  CHECK(expanded("${B:?say which}${B?}") == "(B: say which)");
  CHECK(expanded("${B?}") == "(B: must be set)");
  CHECK(expanded("${EMPTY?x}${EMPTY:?}") == "(EMPTY: must not be empty)");
}

TEST_CASE("in a heredoc quotes mean themselves and the escape is a backslash") {
  CHECK(dockerfile::expand_heredoc("'$A' \"${A%b}\" \\$A \\\\ \\n `$A", kLookup).text == "'a b' \"a \" $A \\ n `a b");
}

TEST_CASE("a Dockerfile sees what its base image hands down") {
  const InDirectory in(dockerfiles());
  std::vector<std::string> asked;
  const auto base_config = [&](const Text& image) -> std::optional<BaseConfig> {
    asked.push_back(image.value);
    if (image.value != "golang") return std::nullopt;
    return BaseConfig{
        .env = {{"PATH", "/go/bin:/bin"}, {"GOPATH", "/go"}, {"LEVEL", "base"}}, .workdir = "/go", .user = "gopher"};
  };
  const auto result = compose_dockerfile(
      "FROM golang AS build\n"
      "RUN first\n"
      "ENV PATH=$GOPATH/extra:$PATH LEVEL=own\n"
      "ARG LEVEL=arg\n"
      "RUN second\n"
      "COPY Makefile src/\n"
      "WORKDIR tool\n"
      "USER root\n"
      "RUN echo ${NOT_SET}\n"
      "FROM build\n"
      "ENV LEVEL=$LEVEL.child\n"
      "RUN third\n"
      "FROM unused\n"
      "FROM build\n",
      "Dockerfile", "context", "", {.target = "build", .name = "x", .base_config = base_config});
  CHECK(asked == std::vector<std::string>{"golang"});
  const auto& layers = result.recipe.layers;
  const auto run = [&](std::size_t number) { return std::get<RunStep>(layers.at(number).step); };
  // What the base has is inherited; of what ENV changes later, the layers before it get the base's.
  CHECK(run(0).env == std::map<std::string, std::string>{{"LEVEL", "base"}, {"PATH", "/go/bin:/bin"}});
  CHECK(run(0).workdir == "/go");
  CHECK(run(0).user.value == "gopher");
  // ARG behind an ENV counts for what follows, and not in the image.
  CHECK(run(1).env == std::map<std::string, std::string>{{"LEVEL", "arg"}, {"PATH", "/go/extra:/go/bin:/bin"}});
  CHECK(result.recipe.env == std::map<std::string, std::string>{{"LEVEL", "own"}, {"PATH", "/go/extra:/go/bin:/bin"}});
  CHECK(std::get<CopyStep>(layers.at(2).step).to.value == "/go/src/Makefile");
  CHECK(result.recipe.workdir == "/go/tool");
  CHECK(result.recipe.user == "root");
  CHECK(result.warnings.empty());
}

TEST_CASE("a variable that neither the file nor its known base sets is told once it is replaced") {
  const auto result = compose_dockerfile("FROM base\nENV A=$GOPATH\n", "Dockerfile", "/nonexistent", "",
                                         {.name = "x", .base_config = [](const Text&) { return BaseConfig{}; }});
  REQUIRE(result.warnings.size() == 1);
  CHECK(result.warnings[0].message == "'GOPATH' is set neither in this file nor by the base image");
  CHECK_FALSE(result.recipe.workdir);
}

TEST_CASE("hostile Dockerfiles are refused before they cost much") {
  const auto fault_of = [](const std::string& text) -> std::string {
    try {
      static_cast<void>(compose_dockerfile(text, "Dockerfile", "/nonexistent", ""));
    } catch (const Error& error) {
      return error.what();
    }
    return "none";
  };
  std::string instructions = "FROM x\n";
  std::string stages = "FROM x AS s0\n";
  std::string directories = "FROM x\n";
  std::string nested = "FROM x\nENV A=";
  for (int i = 1; i <= 3000; ++i) {
    instructions += "RUN a\n";
    stages += "FROM s" + std::to_string(i - 1) + " AS s" + std::to_string(i) + "\n";
    if (i < 1000) directories += "WORKDIR directory\n";
    nested += "${B:-";
  }
  CHECK(fault_of(instructions) == "Dockerfile:2001:1: error: malformed Dockerfile: more than 2000 instructions [R050]");
  CHECK_THAT(fault_of(stages), Catch::Contains("more than 256 stages"));
  CHECK_THAT(fault_of(directories), Catch::Contains("a directory cannot be"));
  CHECK_THAT(fault_of(nested + std::string(3000, '}') + "\n"),
             Catch::Contains("more than 16 ${…} in each other [R050]"));
  std::string doubled = "FROM x\nENV A=0123456789\n";
  for (int i = 0; i < 100; ++i) doubled += "ENV A=$A$A\n";
  CHECK_THAT(fault_of(doubled), Catch::Contains("it becomes longer than 128 KiB [R050]"));
}

TEST_CASE("words end at blanks that are neither quoted nor escaped") {
  const auto words = dockerfile::split_words("a=\"b c\"  d='e\\' f\\ g", '\\');
  REQUIRE(words.size() == 3);
  CHECK(words[0].text == "a=\"b c\"");
  CHECK(words[1].text == "d='e\\'");
  CHECK(words[1].offset == 9);
  CHECK(words[2].text == "f\\ g");
}

TEST_CASE(".dockerignore leaves out by the last rule that matches") {
  const TempDir directory;
  const auto write = [&](const fs::path& name) {
    fs::create_directories((directory.path() / name).parent_path());
    write_file_atomic(directory.path() / name, "x");
  };
  for (const char* name :
       {"a.log", "keep.log", "src/a.log", "src/b.c", "out/x/y", "out/x/keep", "doc/[a]*.md", "doc/b.md"})
    write(name);
  const BuildContext context(directory.path(),
                             "# comment\n*.log\n!keep.log\n/out\n!out/x/keep\n**/b.*\ndoc/\\[a\\]*\n\n!\n");
  CHECK(context.kind("a.log") == BuildContext::Kind::Ignored);
  CHECK(context.kind("keep.log") == BuildContext::Kind::File);
  CHECK(context.kind("src/a.log") == BuildContext::Kind::File);
  CHECK(context.kind("src/b.c") == BuildContext::Kind::Ignored);
  CHECK(context.kind("out/x/y") == BuildContext::Kind::Ignored);
  CHECK(context.kind("out/x/keep") == BuildContext::Kind::File);
  CHECK(context.kind("none") == BuildContext::Kind::Missing);
  CHECK(context.ignored_below("") ==
        std::vector<std::string>{"/a.log", "/doc/\\[a]\\*.md", "/doc/b.md", "/out/x/y", "/src/b.c"});
  CHECK(context.ignored_below("out") == std::vector<std::string>{"/x/y"});
  CHECK(context.matches("*.log") == std::vector<std::string>{"keep.log"});
  CHECK(context.matches("*/*.log") == std::vector<std::string>{"src/a.log"});
}

TEST_CASE("paths of the context cannot lead out of it") {
  CHECK(clean_context_path("./a//b/../c/") == "a/c");
  CHECK(clean_context_path("/") == "");
  CHECK(clean_context_path("/../x") == std::nullopt);
  CHECK(clean_context_path("a/../../x") == std::nullopt);
}

}  // namespace blueprint::recipe
