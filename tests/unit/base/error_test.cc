#include "base/error.h"

#include <cerrno>

#include <catch2/catch.hpp>

using namespace blueprint;

namespace {

Diagnostic misspelt_key() {
  return {
      .kind = ErrorKind::Recipe,
      .code = "R012",
      .message = "unknown key 'pakages'",
      .where =
          SourceSpan{.file = "recipes/web.yaml", .line = 7, .column = 5, .length = 7, .text = "    pakages: [nginx]"},
      .hints = {"did you mean 'packages'?"},
      .context = {"while reading layer 'tools' at recipes/web.yaml:5:5"}};
}

}  // namespace

TEST_CASE("A diagnostic shows its line, a caret, hints and context") {
  CHECK(render(misspelt_key()) ==
        "recipes/web.yaml:7:5: error: unknown key 'pakages' [R012]\n"
        "    7 |     pakages: [nginx]\n"
        "      |     ^~~~~~~\n"
        "hint: did you mean 'packages'?\n"
        "while reading layer 'tools' at recipes/web.yaml:5:5\n");
}

TEST_CASE("A diagnostic without a place is one line") {
  CHECK(render({.kind = ErrorKind::Usage, .code = "U001", .message = "unknown flag '--fast'"}) ==
        "error: unknown flag '--fast' [U001]\n");
}

TEST_CASE("A warning says that it is one") {
  auto diagnostic = misspelt_key();
  diagnostic.severity = Severity::Warning;
  diagnostic.where->text.clear();
  diagnostic.hints.clear();
  diagnostic.context.clear();
  CHECK(render(diagnostic) == "recipes/web.yaml:7:5: warning: unknown key 'pakages' [R012]\n");
}

TEST_CASE("The caret stands under its column behind tabs and multi-byte characters") {
  Diagnostic diagnostic{
      .message = "m", .where = SourceSpan{.file = "f", .line = 1, .column = 5, .length = 3, .text = "\t\xc3\xa9 abc"}};
  CHECK(render(diagnostic) ==
        "f:1:5: error: m\n"
        "    1 | \t\xc3\xa9 abc\n"
        "      | \t  ^~~\n");
}

TEST_CASE("The underline counts characters and does not run over the end of the line") {
  Diagnostic diagnostic{.message = "m",
                        .where = SourceSpan{.file = "f", .line = 12, .column = 2, .length = 99, .text = "a\xc3\xa9z"}};
  CHECK(render(diagnostic) ==
        "f:12:2: error: m\n"
        "   12 | a\xc3\xa9z\n"
        "      |  ^~\n");
}

TEST_CASE("A source line cannot drive the terminal") {
  Diagnostic diagnostic{.message = "m",
                        .where = SourceSpan{.file = "f", .line = 1, .column = 3, .length = 1, .text = "\x1b[2Jx\x7f"}};
  CHECK(render(diagnostic) ==
        "f:1:3: error: m\n"
        "    1 | ?[2Jx?\n"
        "      |   ^\n");
}

TEST_CASE("A column behind the end of its line points just behind it") {
  Diagnostic diagnostic{.message = "m",
                        .where = SourceSpan{.file = "f", .line = 1, .column = 40, .length = 5, .text = "ab"}};
  CHECK(render(diagnostic) ==
        "f:1:40: error: m\n"
        "    1 | ab\n"
        "      |   ^\n");
}

TEST_CASE("An error says its first diagnostic's first line and carries them all") {
  auto second = misspelt_key();
  second.message = "another";
  Error error(std::vector{misspelt_key(), second});
  error.add_context("while building 'web'");
  error.add_hint("try again");
  CHECK(std::string(error.what()) == "recipes/web.yaml:7:5: error: unknown key 'pakages' [R012]");
  REQUIRE(error.diagnostics().size() == 2);
  for (const auto& diagnostic : error.diagnostics()) {
    CHECK(diagnostic.context.back() == "while building 'web'");
    CHECK(diagnostic.hints.back() == "try again");
  }
  CHECK(error.exit_code() == 3);
}

TEST_CASE("Each kind of error has the exit code of the documentation") {
  CHECK(exit_code(ErrorKind::Step) == 1);
  CHECK(exit_code(ErrorKind::Usage) == 2);
  CHECK(exit_code(ErrorKind::Recipe) == 3);
  CHECK(exit_code(ErrorKind::Store) == 4);
  CHECK(exit_code(ErrorKind::Network) == 5);
  CHECK(exit_code(ErrorKind::Machine) == 6);
  CHECK(exit_code(ErrorKind::Bug) == 70);
}

TEST_CASE("A full disk has its own code and says that finished layers are kept") {
  const Error error = os_error("write /store/blob", ENOSPC);
  CHECK(error.first().code == "B002");
  CHECK(error.exit_code() == 4);
  CHECK(render(error.first()) ==
        "error: cannot write /store/blob: No space left on device [B002]\n"
        "hint: free some space ('blueprint gc' removes what no tag needs) and run the same command again; "
        "finished layers are kept\n");
}

TEST_CASE("A failed system call is told with the system's reason") {
  CHECK(render(os_error("open /a", ENOENT).first()) == "error: cannot open /a: No such file or directory [B001]\n");
  errno = EROFS;
  CHECK(render(os_error("create /a").first()) ==
        "error: cannot create /a: Read-only file system [B001]\n"
        "hint: the file system is mounted read-only; if that is the store, choose another one with --store DIR\n");
}

TEST_CASE("A bug of ours exits 70 and asks for a report") {
  const Error error = bug("no parent");
  CHECK(error.exit_code() == 70);
  CHECK(std::string(error.what()) == "error: internal error: no parent [B000]");
}

TEST_CASE("Interruption passes through handlers of errors") {
  const auto interrupted_inside = [] {
    try {
      throw Interrupted{};
    } catch (const std::exception&) {
      return;
    }
  };
  CHECK_THROWS_AS(interrupted_inside(), Interrupted);
}
