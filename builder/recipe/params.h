#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "builder/recipe/faults.h"
#include "builder/recipe/node.h"

namespace blueprint::recipe {

/// One declaration under `params`.
struct Param {
  enum class Kind { String, Int, Bool };
  std::string name;
  Kind kind = Kind::String;
  std::optional<Node> fallback;
  std::vector<Node> values;  ///< the only ones, when not empty
  std::string pattern;
  std::optional<std::int64_t> min;
  std::optional<std::int64_t> max;
  SourceSpan where;
};

/// The params that `root` declares; what the checker finds fault with is skipped. Adds a fault for a default or an
/// enumerated value that does not fit its own param.
[[nodiscard]] std::vector<Param> declare_params(const Node& root, const Source& source, Faults& faults);

/// Why `value` does not fit `param`, as the end of "param 'x' …"; nothing when it fits.
[[nodiscard]] std::optional<std::string> misfit(const Param& param, const Node& value);

/// `text` from a command line as a value for `param`.
[[nodiscard]] Node value_from_text(const Param& param, const std::string& text);

/// Name → value; a name without a value is declared but not given.
using Values = std::map<std::string, std::optional<Node>>;

/// Replaces `${params.x}` in every text of `tree` but its keys; `$${params.` stands for `${params.` itself. Adds a
/// fault for a param that `values` does not have. A scalar that holds a param without a value becomes pending.
void substitute(Node& tree, const Values& values, const Source& source, Faults& faults);

/// `text` so that substitute() gives it back.
[[nodiscard]] std::string escape_params(std::string_view text);

}  // namespace blueprint::recipe
