#include "builder/recipe/reader.h"

#include <utility>

#include <fmt/format.h>

#include "base/text.h"
#include "builder/recipe/check.h"

namespace blueprint::recipe {

Reader::Reader(const Node& node, const Source& source, Origins& origins, std::string path)
    : node_(node), source_(source), origins_(origins), path_(std::move(path)) {}

void Reader::remember(const std::string& path, const Node& node) const {
  SourceSpan where = source_.span(node.place);
  where.text.clear();
  origins_.emplace(path, std::move(where));
}

const Node* Reader::find(std::string_view key, Node::Kind kind) const {
  const Node* value = node_.find(key);
  if (value == nullptr || value->kind != kind) return nullptr;
  remember(fmt::format("{}{}", path_, key), *value);
  return value;
}

std::string Reader::text(std::string_view key, std::string_view fallback) const {
  const Node* value = find(key, Node::Kind::Scalar);
  return value == nullptr ? std::string(fallback) : value->text;
}

std::optional<std::string> Reader::optional_text(std::string_view key) const {
  const Node* value = find(key, Node::Kind::Scalar);
  return value == nullptr ? std::nullopt : std::optional(value->text);
}

Text Reader::located(std::string_view key) const {
  const Node* value = find(key, Node::Kind::Scalar);
  return value == nullptr ? Text{} : Text{value->text, source_.span(value->place)};
}

std::optional<std::int64_t> Reader::integer(std::string_view key) const {
  const Node* value = find(key, Node::Kind::Scalar);
  return value == nullptr ? std::nullopt : parse_integer(value->text);
}

bool Reader::boolean(std::string_view key) const {
  const Node* value = find(key, Node::Kind::Scalar);
  return value != nullptr && value->text == "true";
}

std::optional<std::uint64_t> Reader::size_bytes(std::string_view key) const {
  const Node* value = find(key, Node::Kind::Scalar);
  return value == nullptr ? std::nullopt : parse_size(value->text);
}

std::optional<std::uint32_t> Reader::mode(std::string_view key) const {
  const Node* value = find(key, Node::Kind::Scalar);
  if (value == nullptr) return std::nullopt;
  std::uint32_t mode = 0;
  for (const char c : value->text) {
    if (c < '0' || c > '7' || mode > 0777) return std::nullopt;
    mode = mode * 8 + static_cast<std::uint32_t>(c - '0');
  }
  return mode;
}

std::vector<const Node*> Reader::scalars(std::string_view key) const {
  std::vector<const Node*> found;
  const Node* list = find(key, Node::Kind::List);
  if (list == nullptr) return found;
  for (const Node& item : list->items) {
    if (item.kind != Node::Kind::Scalar) continue;
    remember(fmt::format("{}{}[{}]", path_, key, found.size()), item);
    found.push_back(&item);
  }
  return found;
}

std::vector<std::string> Reader::texts(std::string_view key) const {
  std::vector<std::string> found;
  for (const Node* item : scalars(key)) found.push_back(item->text);
  return found;
}

std::vector<Text> Reader::located_list(std::string_view key) const {
  std::vector<Text> found;
  for (const Node* item : scalars(key)) found.push_back({item->text, source_.span(item->place)});
  return found;
}

std::vector<std::int64_t> Reader::integers(std::string_view key) const {
  std::vector<std::int64_t> found;
  for (const Node* item : scalars(key)) {
    if (const auto number = parse_integer(item->text)) found.push_back(*number);
  }
  return found;
}

std::map<std::string, std::string> Reader::dictionary(std::string_view key) const {
  std::map<std::string, std::string> found;
  const Node* map = find(key, Node::Kind::Map);
  if (map == nullptr) return found;
  for (const Member& member : map->members) {
    if (member.value.kind != Node::Kind::Scalar) continue;
    remember(fmt::format("{}{}.{}", path_, key, member.key.text), member.value);
    found.emplace(member.key.text, member.value.text);
  }
  return found;
}

std::vector<Reader> Reader::readers(std::string_view key) const {
  std::vector<Reader> found;
  const Node* list = find(key, Node::Kind::List);
  if (list == nullptr) return found;
  for (const Node& item : list->items) {
    if (item.kind != Node::Kind::Map) continue;
    std::string path = fmt::format("{}{}[{}]", path_, key, found.size());
    remember(path, item);
    found.emplace_back(item, source_, origins_, path + ".");
  }
  return found;
}

std::optional<Reader> Reader::reader(std::string_view key) const {
  const Node* map = find(key, Node::Kind::Map);
  if (map == nullptr) return std::nullopt;
  return Reader(*map, source_, origins_, fmt::format("{}{}.", path_, key));
}

}  // namespace blueprint::recipe
