// The wording of every fault: whole sentences in lower case that blame the file and not its author. A maker takes
// values and places and knows nothing of trees; foreign text in a message is shortened and made printable.

#include "builder/recipe/errors.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"

namespace blueprint::recipe {
namespace {

/// Foreign text in a message is short and cannot drive a terminal.
std::string quoted(std::string_view text) {
  constexpr std::size_t kMaxShown = 60;
  if (text.size() <= kMaxShown) return fmt::format("'{}'", printable(text));
  std::size_t end = kMaxShown;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return fmt::format("'{}…'", printable(text.substr(0, end)));
}

std::string list_of(std::span<const std::string> names, std::string_view last_word) {
  std::string out;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i > 0) out += i + 1 == names.size() ? fmt::format(" {} ", last_word) : ", ";
    out += fmt::format("'{}'", names[i]);
  }
  return out;
}

Diagnostic fault(std::string_view code, SourceSpan where, std::string message, std::string hint = {}) {
  Diagnostic diagnostic{
      .kind = ErrorKind::Recipe, .code = std::string(code), .message = std::move(message), .where = std::move(where)};
  if (!hint.empty()) diagnostic.hints.push_back(std::move(hint));
  return diagnostic;
}

/// A near name if there is one, else all names when they are few.
std::string name_hint(std::string_view found, std::span<const std::string> known, std::string_view what) {
  constexpr std::size_t kFew = 12;
  if (std::string near = did_you_mean(near_names(found, known)); !near.empty()) return near;
  if (known.empty() || known.size() > kFew) return "";
  return fmt::format("{} are {}", what, list_of(known, "and"));
}

}  // namespace

std::string position(const SourceSpan& where) { return fmt::format("{}:{}:{}", where.file, where.line, where.column); }

Diagnostic too_large(const std::string& file, std::size_t bytes, std::size_t limit) {
  Diagnostic diagnostic{.kind = ErrorKind::Recipe, .code = "R001"};
  diagnostic.message =
      fmt::format("{} is too large for a recipe: {}, at most {}", file, format_size(bytes), format_size(limit));
  diagnostic.hints = {"put large contents in files beside the recipe and 'copy' them"};
  return diagnostic;
}

Diagnostic not_utf8(SourceSpan where, char byte) {
  return fault("R002", std::move(where), fmt::format("byte 0x{:02x} is not UTF-8", static_cast<unsigned char>(byte)),
               "save the file as UTF-8");
}

Diagnostic control_character(SourceSpan where, char byte) {
  return fault("R002", std::move(where), fmt::format("control character 0x{:02x}", static_cast<unsigned char>(byte)),
               "a recipe holds printable text, tabs and line ends only");
}

Diagnostic malformed(SourceSpan where, std::string_view message, std::string_view hint) {
  return fault("R003", std::move(where), fmt::format("malformed YAML: {}", message), std::string(hint));
}

Diagnostic tab_in_indentation(SourceSpan where) {
  return fault("R004", std::move(where), "a tab in the indentation", "indent with spaces");
}

Diagnostic alias_loop(SourceSpan where) {
  return fault("R005", std::move(where), "this alias is part of what it names");
}

Diagnostic too_many_values(SourceSpan where, std::size_t limit) {
  return fault("R005", std::move(where), fmt::format("more than {} values, aliases counted at their full size", limit),
               "put large contents in files beside the recipe and 'copy' them");
}

Diagnostic too_deep(SourceSpan where, std::size_t limit) {
  return fault("R005", std::move(where), fmt::format("nested more than {} levels deep", limit));
}

Diagnostic several_documents(SourceSpan where) {
  return fault("R006", std::move(where), "a second document in the same file", "keep one recipe in one file");
}

Diagnostic empty_file(SourceSpan where) {
  return fault("R007", std::move(where), "the file is empty", "start with 'apiVersion: blueprint/v1'");
}

Diagnostic tag_refused(SourceSpan where) {
  return fault("R008", std::move(where), "tags are not part of the recipe language",
               "remove the tag; quote a value to make it text");
}

Diagnostic missing_key(SourceSpan where, std::string_view key, std::string_view hint) {
  return fault("R010", std::move(where), fmt::format("key '{}' is missing", key), std::string(hint));
}

Diagnostic unknown_version(SourceSpan where, std::string_view found) {
  return fault("R011", std::move(where), fmt::format("this blueprint does not know apiVersion {}", quoted(found)),
               "it reads 'blueprint/v1'; a newer version may need a newer blueprint");
}

Diagnostic unknown_key(SourceSpan where, std::string_view key, std::span<const std::string> known) {
  return fault("R012", std::move(where), fmt::format("unknown key {}", quoted(key)),
               name_hint(key, known, "the keys here"));
}

Diagnostic wrong_type(SourceSpan where, std::string_view subject, std::string_view expected, std::string_view found,
                      std::string_view hint) {
  return fault("R013", std::move(where), fmt::format("{} must be {}, not {}", subject, expected, found),
               std::string(hint));
}

Diagnostic duplicate_key(SourceSpan where, std::string_view key, const SourceSpan& first) {
  return fault("R014", std::move(where), fmt::format("key {} is given twice", quoted(key)),
               fmt::format("first given at {}", position(first)));
}

Diagnostic unknown_value(SourceSpan where, std::string_view subject, std::string_view found,
                         std::span<const std::string> known) {
  Diagnostic diagnostic = fault("R015", std::move(where), fmt::format("{} cannot be {}", subject, quoted(found)));
  if (std::string near = did_you_mean(near_names(found, known)); !near.empty())
    diagnostic.hints.push_back(std::move(near));
  diagnostic.hints.push_back(known.size() == 1 ? fmt::format("it must be '{}'", known[0])
                                               : fmt::format("it must be one of {}", list_of(known, "or")));
  return diagnostic;
}

Diagnostic out_of_range(SourceSpan where, std::string_view subject, std::string_view range) {
  return fault("R016", std::move(where), fmt::format("{} is out of range", subject),
               fmt::format("it must be {}", range));
}

Diagnostic bad_value(SourceSpan where, std::string_view subject, std::string_view found, std::string_view expected) {
  return fault("R017", std::move(where), fmt::format("{} cannot be {}", subject, quoted(found)),
               fmt::format("it must be {}", expected));
}

Diagnostic not_exactly_one(SourceSpan where, std::string_view owner, std::span<const std::string> keys,
                           std::span<const std::string> found) {
  if (found.empty()) {
    return fault("R018", std::move(where), fmt::format("{} needs one of {}", owner, list_of(keys, "or")));
  }
  return fault("R018", std::move(where),
               fmt::format("{} has {}, which exclude each other", owner, list_of(found, "and")),
               fmt::format("keep one of them"));
}

Diagnostic layer_without_kind(SourceSpan where, std::string_view hint) {
  return fault("R019", std::move(where), "this layer does not say what to do", std::string(hint));
}

Diagnostic layer_of_two_kinds(SourceSpan where, std::span<const std::string> found) {
  return fault("R019", std::move(where),
               fmt::format("a layer does one thing, and this one has {}", list_of(found, "and")),
               "make a layer of each, starting with '- '");
}

Diagnostic misplaced_key(SourceSpan where, std::string_view key, std::string_view kind) {
  return fault("R020", std::move(where), fmt::format("key '{}' belongs to a layer with '{}'", key, kind));
}

Diagnostic bad_mode(SourceSpan where, std::string_view found, std::string_view hint) {
  return fault("R021", std::move(where), fmt::format("a mode cannot be {}", quoted(found)), std::string(hint));
}

Diagnostic bad_size(SourceSpan where, std::string_view subject, std::string_view found, std::string_view hint) {
  return fault("R022", std::move(where), fmt::format("{} cannot be {}", subject, quoted(found)), std::string(hint));
}

Diagnostic duplicate(SourceSpan where, std::string_view what, std::string_view name, const SourceSpan& first) {
  return fault("R023", std::move(where), fmt::format("{} {} is given twice", what, quoted(name)),
               fmt::format("first given at {}", position(first)));
}

Diagnostic bad_regex(SourceSpan where, std::string_view reason) {
  return fault("R024", std::move(where), fmt::format("this is not a regular expression: {}", reason),
               "RE2's syntax; escape a character that is meant as itself with '\\'");
}

Diagnostic unknown_param(SourceSpan where, std::string_view name, std::span<const std::string> known) {
  std::string hint = known.empty() ? "declare it under 'params'" : name_hint(name, known, "the params");
  return fault("R025", std::move(where), fmt::format("unknown param {}", quoted(name)), std::move(hint));
}

Diagnostic bad_param_value(SourceSpan where, std::string_view name, std::string_view reason,
                           const SourceSpan& declared) {
  return fault("R026", std::move(where), fmt::format("param '{}' {}", name, reason),
               declared.line == 0 ? "" : fmt::format("the param is declared at {}", position(declared)));
}

Diagnostic bad_substitution(SourceSpan where, std::string_view found) {
  return fault("R027", std::move(where), fmt::format("{} is not a param", quoted(found)),
               "write ${params.NAME}, or $${params. to mean the characters themselves");
}

Diagnostic missing_param(SourceSpan where, std::string_view name, const SourceSpan& declared) {
  std::string hint = where == declared ? "give it a default, or a value when you build the recipe"
                                       : fmt::format("it is declared without a default at {}", position(declared));
  return fault("R028", std::move(where), fmt::format("param '{}' has no value", name), std::move(hint));
}

Diagnostic unknown_recipe(std::string_view name, std::span<const std::string> known,
                          std::span<const std::string> searched) {
  Diagnostic diagnostic{
      .kind = ErrorKind::Recipe, .code = "R030", .message = fmt::format("there is no recipe {}", quoted(name))};
  if (std::string near = did_you_mean(near_names(name, known)); !near.empty())
    diagnostic.hints.push_back(std::move(near));
  if (!searched.empty()) diagnostic.hints.push_back(fmt::format("looked at {}", list_of(searched, "and")));
  diagnostic.hints.push_back("'blueprint recipes' lists the catalog");
  return diagnostic;
}

Diagnostic unknown_fragment(SourceSpan where, std::string_view name, std::span<const std::string> known) {
  return fault("R031", std::move(where), fmt::format("there is no fragment {}", quoted(name)),
               name_hint(name, known, "the fragments"));
}

Diagnostic fragment_cycle(SourceSpan where, std::span<const std::string> chain) {
  return fault("R032", std::move(where), "fragments use each other in a circle", join(chain, " → "));
}

Diagnostic wrong_file_kind(SourceSpan where, std::string_view message, std::string_view hint) {
  return fault("R033", std::move(where), std::string(message), std::string(hint));
}

Diagnostic undeclared_secret(SourceSpan where, std::string_view name, std::span<const std::string> known) {
  std::string hint = did_you_mean(near_names(name, known));
  if (hint.empty()) hint = fmt::format("declare it: 'secrets: {{{}: {{env: NAME}}}}'", printable(name));
  return fault("R034", std::move(where), fmt::format("secret {} is not declared", quoted(name)), std::move(hint));
}

Diagnostic conflicting(SourceSpan where, std::string_view what, const SourceSpan& first) {
  return fault("R036", std::move(where), std::string(what), fmt::format("first given at {}", position(first)));
}

Diagnostic secret_not_asked_for(SourceSpan where, std::string_view name) {
  return fault("R037", std::move(where),
               fmt::format("this layer reads the secret {} and does not ask for it", quoted(name)),
               fmt::format("a secret is only there for the layer that says 'secrets: [{}]'", printable(name)));
}

Diagnostic malformed_dockerfile(SourceSpan where, std::string_view message) {
  return fault("R050", std::move(where), fmt::format("malformed Dockerfile: {}", message));
}

Diagnostic unknown_instruction(SourceSpan where, std::string_view keyword, std::span<const std::string> known) {
  return fault("R051", std::move(where), fmt::format("unknown instruction {}", quoted(keyword)),
               did_you_mean(near_names(keyword, known)));
}

Diagnostic cannot_map(SourceSpan where, std::string_view what, std::string_view hint) {
  return fault("R052", std::move(where), std::string(what), std::string(hint));
}

Diagnostic not_in_context(SourceSpan where, std::string_view path, std::string_view reason,
                          std::span<const std::string> known) {
  return fault("R053", std::move(where), fmt::format("{} {}", quoted(path), reason),
               did_you_mean(near_names(path, known)));
}

Diagnostic dockerfile_warning(SourceSpan where, std::string_view message) {
  Diagnostic diagnostic = fault("R054", std::move(where), std::string(message));
  diagnostic.severity = Severity::Warning;
  return diagnostic;
}

}  // namespace blueprint::recipe
