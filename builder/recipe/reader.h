#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "builder/recipe/node.h"
#include "builder/recipe/recipe.h"

namespace blueprint::recipe {

/// Reads the members of one map and remembers where each was said. A value of the wrong kind, which the checker has
/// already reported, reads as absent.
class Reader {
 public:
  /// `node` and `source` must outlive it. `path` is that of the map: "" or "launch.".
  Reader(const Node& node, const Source& source, Origins& origins, std::string path = "");

  [[nodiscard]] bool has(std::string_view key) const { return node_.find(key) != nullptr; }
  [[nodiscard]] SourceSpan where() const { return source_.span(node_.place); }

  [[nodiscard]] std::string text(std::string_view key, std::string_view fallback = "") const;
  [[nodiscard]] std::optional<std::string> optional_text(std::string_view key) const;
  [[nodiscard]] Text located(std::string_view key) const;
  [[nodiscard]] std::optional<std::int64_t> integer(std::string_view key) const;
  [[nodiscard]] bool boolean(std::string_view key) const;
  [[nodiscard]] std::optional<std::uint64_t> size_bytes(std::string_view key) const;
  [[nodiscard]] std::optional<std::uint32_t> mode(std::string_view key) const;
  [[nodiscard]] std::vector<std::string> texts(std::string_view key) const;
  [[nodiscard]] std::vector<Text> located_list(std::string_view key) const;
  [[nodiscard]] std::vector<std::int64_t> integers(std::string_view key) const;
  [[nodiscard]] std::map<std::string, std::string> dictionary(std::string_view key) const;
  /// One reader for each map in the list `key`.
  [[nodiscard]] std::vector<Reader> readers(std::string_view key) const;
  /// The map `key`, when it is one.
  [[nodiscard]] std::optional<Reader> reader(std::string_view key) const;
  [[nodiscard]] const Node& node() const { return node_; }

 private:
  const Node* find(std::string_view key, Node::Kind kind) const;
  void remember(const std::string& path, const Node& node) const;
  [[nodiscard]] std::vector<const Node*> scalars(std::string_view key) const;

  const Node& node_;
  const Source& source_;
  Origins& origins_;
  std::string path_;
};

}  // namespace blueprint::recipe
