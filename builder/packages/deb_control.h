#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace blueprint::packages {

/// One paragraph of deb-control(5), as dpkg's status has hundreds and a package's control file has one. Fields keep
/// their order; values keep their continuation lines verbatim ("\n more").
class ControlStanza {
 public:
  [[nodiscard]] static ControlStanza parse(std::string_view text);

  /// Field names are compared without regard to case; the value without blanks around it, empty when absent.
  [[nodiscard]] std::string_view get(std::string_view field) const;
  void set(std::string_view field, std::string value);
  void remove(std::string_view field);
  /// Every line ends in a newline; no empty line after it.
  [[nodiscard]] std::string format() const;

  [[nodiscard]] const std::vector<std::pair<std::string, std::string>>& fields() const { return fields_; }

 private:
  std::vector<std::pair<std::string, std::string>> fields_;
};

/// The paragraphs of `text`, empty ones left out.
[[nodiscard]] std::vector<ControlStanza> parse_control_stanzas(std::string_view text);

/// One word of a relationship field: "libc6:any (>= 2.36) [amd64]".
struct Relation {
  std::string name;
  std::string op;  ///< "", "<<", "<=", "=", ">=", ">>"
  std::string version;
};

/// A relationship field (Depends, Replaces …): a list of alternatives. Words that cannot be read are skipped.
[[nodiscard]] std::vector<std::vector<Relation>> parse_relations(std::string_view field);

/// Whether `version` is what `relation` asks for.
[[nodiscard]] bool satisfies(std::string_view version, const Relation& relation);

}  // namespace blueprint::packages
