#pragma once

#include <optional>
#include <vector>

#include "builder/recipe/node.h"

namespace blueprint::recipe {

/// The one YAML document of `source` as a tree with places. Throws Error with one diagnostic or more: R003 malformed
/// YAML, R004 a tab in the indentation, R005 aliases that loop or blow up, too deep or too many values, R006 several
/// documents, R007 an empty file, R008 a tag.
[[nodiscard]] Node parse_yaml(const Source& source);

}  // namespace blueprint::recipe
