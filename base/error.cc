#include "base/error.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fmt/format.h>

namespace blueprint {

int exit_code(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::Step: return 1;
    case ErrorKind::Usage: return 2;
    case ErrorKind::Recipe: return 3;
    case ErrorKind::Store: return 4;
    case ErrorKind::Network: return 5;
    case ErrorKind::Machine: return 6;
    case ErrorKind::Bug: return 70;
  }
  return 70;
}

namespace {

/// A line of a foreign file without what could drive a terminal. Byte for byte, so that columns stay right; tabs are
/// kept.
std::string without_controls(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x20 && c != '\t') || byte == 0x7f) c = '?';
  }
  return out;
}

}  // namespace

std::string render(const Diagnostic& diagnostic) {
  std::string out;
  const char* severity = diagnostic.severity == Severity::Warning ? "warning" : "error";
  const std::string code = diagnostic.code.empty() ? "" : fmt::format(" [{}]", diagnostic.code);
  if (const auto& where = diagnostic.where) {
    out += fmt::format("{}:{}:{}: {}: {}{}\n", where->file, where->line, where->column, severity, diagnostic.message,
                       code);
    if (!where->text.empty()) {
      // Tabs are kept in the caret's line so that it stays under its column whatever the terminal's tab width; of a
      // character of several bytes only the first counts.
      const auto starts_character = [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; };
      const std::string_view text = where->text;
      const std::size_t start = std::min(text.size(), static_cast<std::size_t>(std::max(0, where->column - 1)));
      const std::string_view token = text.substr(start, static_cast<std::size_t>(std::max(1, where->length)));
      std::string indent;
      for (const char c : text.substr(0, start)) {
        if (starts_character(c)) indent += c == '\t' ? '\t' : ' ';
      }
      const auto width = std::max<std::ptrdiff_t>(1, std::count_if(token.begin(), token.end(), starts_character));
      const std::string number = fmt::format("{:>5}", where->line);
      out += fmt::format("{} | {}\n", number, without_controls(text));
      out += fmt::format("{} | {}^{}\n", std::string(number.size(), ' '), indent,
                         std::string(static_cast<std::size_t>(width - 1), '~'));
    }
  } else {
    out += fmt::format("{}: {}{}\n", severity, diagnostic.message, code);
  }
  for (const auto& hint : diagnostic.hints) out += fmt::format("hint: {}\n", hint);
  for (const auto& context : diagnostic.context) out += fmt::format("{}\n", context);
  return out;
}

Error::Error(Diagnostic diagnostic) : Error(std::vector<Diagnostic>{std::move(diagnostic)}) {}

Error::Error(std::vector<Diagnostic> diagnostics) : diagnostics_(std::move(diagnostics)) {
  if (diagnostics_.empty()) diagnostics_.push_back({.code = "B000", .message = "an error without a diagnostic"});
  const std::string text = render(diagnostics_.front());
  what_ = text.substr(0, text.find('\n'));
}

void Error::add_context(std::string context) {
  for (auto& diagnostic : diagnostics_) diagnostic.context.push_back(context);
}

void Error::add_hint(std::string hint) {
  for (auto& diagnostic : diagnostics_) diagnostic.hints.push_back(hint);
}

Error bug(std::string_view message) {
  return Error({.kind = ErrorKind::Bug,
                .code = "B000",
                .message = fmt::format("internal error: {}", message),
                .hints = {"this is a bug in blueprint; please report it with the command that you ran"}});
}

Error os_error(std::string_view action, int error_number) {
  Diagnostic diagnostic{.kind = ErrorKind::Store,
                        .code = "B001",
                        .message = fmt::format("cannot {}: {}", action, std::strerror(error_number))};
  if (error_number == ENOSPC || error_number == EDQUOT) {
    diagnostic.code = "B002";
    diagnostic.hints = {
        "free some space ('blueprint gc' removes what no tag needs) and run the same command again; "
        "finished layers are kept"};
  } else if (error_number == EROFS) {
    diagnostic.hints = {
        "the file system is mounted read-only; if that is the store, choose another one with --store DIR"};
  } else if (error_number == EACCES || error_number == EPERM) {
    diagnostic.hints = {"run as a user that may do this, or as root"};
  }
  return Error(std::move(diagnostic));
}

Error os_error(std::string_view action) { return os_error(action, errno); }

}  // namespace blueprint
