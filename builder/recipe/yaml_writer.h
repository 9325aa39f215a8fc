#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "builder/recipe/recipe.h"

namespace blueprint::recipe {

/// A value on its way to YAML: a scalar, a list or a map. Maps keep the order in which keys were added.
class YamlValue {
 public:
  enum class Kind { Scalar, List, Map };

  /// A scalar as it is to be written.
  [[nodiscard]] static YamlValue raw(std::string text);
  /// A text: plain where that reads back as the same text, else quoted, or a literal block for several lines.
  [[nodiscard]] static YamlValue text(std::string_view text);
  [[nodiscard]] static YamlValue list();
  [[nodiscard]] static YamlValue map();

  void add(YamlValue item) { items_.emplace_back("", std::move(item)); }
  void add(std::string_view key, YamlValue value) { items_.emplace_back(key, std::move(value)); }
  void add(std::string_view key, std::string_view text_value) { add(key, text(text_value)); }

  /// What is inside has its places in `origins` (which must outlive the value), with paths that start anew.
  void set_origins(const Origins* origins) { origins_ = origins; }

 private:
  friend class YamlPrinter;
  Kind kind_ = Kind::Scalar;
  std::string scalar_;
  std::vector<std::string> block_;  ///< lines of a literal block; `scalar_` is its header
  std::vector<std::pair<std::string, YamlValue>> items_;
  const Origins* origins_ = nullptr;
};

enum class OriginComments { No, Yes };

/// `root` as a YAML document. With comments, `# file:line` or `# default` stands behind each scalar.
[[nodiscard]] std::string write_yaml(const YamlValue& root, OriginComments comments);

}  // namespace blueprint::recipe
