#pragma once

#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace blueprint {

/// What kind of thing went wrong; decides the exit code of the process.
/// Interruption is not an error: see `Interrupted`.
enum class ErrorKind {
  Step,     ///< 1: a build step, or a test of the recipe, failed
  Usage,    ///< 2: wrong flag or argument
  Recipe,   ///< 3: recipe or lock is invalid
  Store,    ///< 4: store, disk or image
  Network,  ///< 5: registry, mirror or network
  Machine,  ///< 6: VM or container runtime could not start
  Bug,      ///< 70: a bug in blueprint
};

enum class Severity { Error, Warning };

/// The exit code that DESIGN §10 gives to `kind`.
[[nodiscard]] int exit_code(ErrorKind kind);

/// A place in a text file. Line and column are 1-based; a column counts bytes.
struct SourceSpan {
  std::string file;
  int line = 0;
  int column = 0;
  int length = 1;    ///< bytes to underline, at least 1
  std::string text;  ///< the whole line, without its end; may be empty when not known

  bool operator==(const SourceSpan&) const = default;
};

/// One thing to tell the user about.
///
/// Rendered as `file:line:col: error: message [CODE]`, the line and a caret, then hints, then context from the
/// innermost outwards.
struct Diagnostic {
  ErrorKind kind = ErrorKind::Bug;
  std::string code;     ///< stable, such as "R012"; a row in docs/errors.md
  std::string message;  ///< whole, plain, lower case; blames the input
  std::optional<SourceSpan> where;
  std::vector<std::string> hints;    ///< what to do next
  std::vector<std::string> context;  ///< "while reading layer 'tools'"
  Severity severity = Severity::Error;
};

/// `diagnostic` as text for a terminal, ending in a newline; no colour codes.
[[nodiscard]] std::string render(const Diagnostic& diagnostic);

/// What the user asked cannot be done. Carries one diagnostic or more (all the faults of one input); never none.
class Error : public std::exception {
 public:
  explicit Error(Diagnostic diagnostic);
  explicit Error(std::vector<Diagnostic> diagnostics);

  /// The first line of the first diagnostic.
  [[nodiscard]] const char* what() const noexcept override { return what_.c_str(); }

  [[nodiscard]] const std::vector<Diagnostic>& diagnostics() const { return diagnostics_; }
  [[nodiscard]] const Diagnostic& first() const { return diagnostics_.front(); }
  [[nodiscard]] int exit_code() const { return blueprint::exit_code(first().kind); }

  /// Adds `while …` to every diagnostic. Call only at a boundary that the user knows: recipe, layer, step, package,
  /// URL.
  void add_context(std::string context);
  void add_hint(std::string hint);

 private:
  std::vector<Diagnostic> diagnostics_;
  std::string what_;
};

/// The user or the system asked this process to stop. Not a std::exception on purpose: no `catch (const Error&)` and
/// no `catch (const std::exception&)` swallows it.
struct Interrupted {};

/// A mistake in blueprint itself (exit 70). For states that no input can reach.
[[nodiscard]] Error bug(std::string_view message);

/// An operating system call failed. `action` is a phrase such as "write /a/b"; `error_number` is errno.
/// ENOSPC, EDQUOT and EROFS get hints of their own. Code B001 (B002 for a full disk).
[[nodiscard]] Error os_error(std::string_view action, int error_number);

/// The same, with the errno of the calling thread: the one place that reads it.
[[nodiscard]] Error os_error(std::string_view action);

}  // namespace blueprint
