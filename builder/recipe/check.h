#pragma once

#include "builder/recipe/faults.h"
#include "builder/recipe/language.h"
#include "builder/recipe/node.h"

namespace blueprint::recipe {

/// Holds a file's tree against the table of the language and adds every fault to `faults`: unknown, missing, duplicate
/// and misplaced keys, wrong types, values that are malformed, unknown or out of range, and duplicates in lists.
void check(const Node& root, const Object& object, const Source& source, Faults& faults);

/// "a list", "a text", "a number"…: what `node` is, for messages.
[[nodiscard]] std::string_view describe(const Node& node);

/// The number that `text` is, when it is decimal digits with an optional '-' and fits.
[[nodiscard]] std::optional<std::int64_t> parse_integer(std::string_view text);

}  // namespace blueprint::recipe
