#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

// The wording of every fault of a recipe. Each maker has one code, each code a row in docs/errors.md and a golden
// recipe.

namespace blueprint::recipe {

// Of the file as a whole.
[[nodiscard]] Diagnostic too_large(const std::string& file, std::size_t bytes, std::size_t limit);      // R001
[[nodiscard]] Diagnostic not_utf8(SourceSpan where, char byte);                                         // R002
[[nodiscard]] Diagnostic control_character(SourceSpan where, char byte);                                // R002
[[nodiscard]] Diagnostic malformed(SourceSpan where, std::string_view message, std::string_view hint);  // R003
[[nodiscard]] Diagnostic tab_in_indentation(SourceSpan where);                                          // R004
[[nodiscard]] Diagnostic alias_loop(SourceSpan where);                                                  // R005
[[nodiscard]] Diagnostic too_many_values(SourceSpan where, std::size_t limit);                          // R005
[[nodiscard]] Diagnostic too_deep(SourceSpan where, std::size_t limit);                                 // R005
[[nodiscard]] Diagnostic several_documents(SourceSpan where);                                           // R006
[[nodiscard]] Diagnostic empty_file(SourceSpan where);                                                  // R007
[[nodiscard]] Diagnostic tag_refused(SourceSpan where);                                                 // R008

// Of keys and values, against the table of the language.
[[nodiscard]] Diagnostic missing_key(SourceSpan where, std::string_view key, std::string_view hint);  // R010
[[nodiscard]] Diagnostic unknown_version(SourceSpan where, std::string_view found);                   // R011
[[nodiscard]] Diagnostic unknown_key(SourceSpan where, std::string_view key,
                                     std::span<const std::string> known);  // R012
[[nodiscard]] Diagnostic wrong_type(SourceSpan where, std::string_view subject, std::string_view expected,
                                    std::string_view found,
                                    std::string_view hint);                                               // R013
[[nodiscard]] Diagnostic duplicate_key(SourceSpan where, std::string_view key, const SourceSpan& first);  // R014
[[nodiscard]] Diagnostic unknown_value(SourceSpan where, std::string_view subject, std::string_view found,
                                       std::span<const std::string> known);                                 // R015
[[nodiscard]] Diagnostic out_of_range(SourceSpan where, std::string_view subject, std::string_view range);  // R016
[[nodiscard]] Diagnostic bad_value(SourceSpan where, std::string_view subject, std::string_view found,
                                   std::string_view expected);  // R017
[[nodiscard]] Diagnostic not_exactly_one(SourceSpan where, std::string_view owner, std::span<const std::string> keys,
                                         std::span<const std::string> found);                           // R018
[[nodiscard]] Diagnostic layer_without_kind(SourceSpan where, std::string_view hint);                   // R019
[[nodiscard]] Diagnostic layer_of_two_kinds(SourceSpan where, std::span<const std::string> found);      // R019
[[nodiscard]] Diagnostic misplaced_key(SourceSpan where, std::string_view key, std::string_view kind);  // R020
[[nodiscard]] Diagnostic bad_mode(SourceSpan where, std::string_view found, std::string_view hint);     // R021
[[nodiscard]] Diagnostic bad_size(SourceSpan where, std::string_view subject, std::string_view found,
                                  std::string_view hint);  // R022
[[nodiscard]] Diagnostic duplicate(SourceSpan where, std::string_view what, std::string_view name,
                                   const SourceSpan& first);                    // R023
[[nodiscard]] Diagnostic bad_regex(SourceSpan where, std::string_view reason);  // R024

// Of params, fragments and secrets.
[[nodiscard]] Diagnostic unknown_param(SourceSpan where, std::string_view name,
                                       std::span<const std::string> known);  // R025
[[nodiscard]] Diagnostic bad_param_value(SourceSpan where, std::string_view name, std::string_view reason,
                                         const SourceSpan& declared);                                         // R026
[[nodiscard]] Diagnostic bad_substitution(SourceSpan where, std::string_view found);                          // R027
[[nodiscard]] Diagnostic missing_param(SourceSpan where, std::string_view name, const SourceSpan& declared);  // R028
[[nodiscard]] Diagnostic unknown_recipe(std::string_view name, std::span<const std::string> known,
                                        std::span<const std::string> searched);  // R030
[[nodiscard]] Diagnostic unknown_fragment(SourceSpan where, std::string_view name,
                                          std::span<const std::string> known);                                // R031
[[nodiscard]] Diagnostic fragment_cycle(SourceSpan where, std::span<const std::string> chain);                // R032
[[nodiscard]] Diagnostic wrong_file_kind(SourceSpan where, std::string_view message, std::string_view hint);  // R033
[[nodiscard]] Diagnostic undeclared_secret(SourceSpan where, std::string_view name,
                                           std::span<const std::string> known);                          // R034
[[nodiscard]] Diagnostic secret_not_asked_for(SourceSpan where, std::string_view name);                  // R037
[[nodiscard]] Diagnostic conflicting(SourceSpan where, std::string_view what, const SourceSpan& first);  // R036

// Of Dockerfiles.
[[nodiscard]] Diagnostic malformed_dockerfile(SourceSpan where, std::string_view message);  // R050
[[nodiscard]] Diagnostic unknown_instruction(SourceSpan where, std::string_view keyword,
                                             std::span<const std::string> known);                     // R051
[[nodiscard]] Diagnostic cannot_map(SourceSpan where, std::string_view what, std::string_view hint);  // R052
[[nodiscard]] Diagnostic not_in_context(SourceSpan where, std::string_view path, std::string_view reason,
                                        std::span<const std::string> known);              // R053
[[nodiscard]] Diagnostic dockerfile_warning(SourceSpan where, std::string_view message);  // R054

/// "FILE:LINE:COL".
[[nodiscard]] std::string position(const SourceSpan& where);

}  // namespace blueprint::recipe
