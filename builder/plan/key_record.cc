#include "builder/plan/key_record.h"

#include <map>

#include <fmt/format.h>

#include "base/encoding.h"
#include "base/error.h"
#include "base/json.h"
#include "base/text.h"

namespace blueprint::plan {
namespace {

/// A value as one short line: digests cut to 12 digits, scripts to their first line.
std::string shown(std::string_view value) {
  std::string text(value.substr(0, value.find('\n')));
  if (text.size() < value.size()) text += " …";
  constexpr std::size_t kHexLength = 64;
  constexpr std::string_view kHex = "0123456789abcdef";
  for (std::size_t start = text.find("sha256:"); start != std::string::npos; start = text.find("sha256:", start + 1)) {
    const std::size_t digits = start + 7;
    if (text.find_first_not_of(kHex, digits) >= digits + kHexLength || digits + kHexLength == text.size()) {
      text.erase(digits + 12, kHexLength - 12);
    }
  }
  constexpr std::size_t kLongest = 80;
  if (text.size() > kLongest) text = text.substr(0, kLongest) + "…";
  return printable(text);
}

}  // namespace

std::string_view KeyRecord::value(std::string_view name) const {
  for (const auto& field : fields_) {
    if (field.name == name) return field.value;
  }
  return {};
}

Digest KeyRecord::digest() const {
  ByteWriter bytes;
  bytes.string("blueprint layer key 1");
  bytes.varint(fields_.size());
  for (const auto& field : fields_) {
    bytes.string(field.name);
    bytes.string(field.value);
  }
  return sha256(bytes.bytes());
}

std::string KeyRecord::to_json() const {
  Json fields = Json::array();
  for (const auto& field : fields_) fields.push_back(Json::array({field.name, field.value}));
  // Values may hold foreign bytes (file names): replaced here only, for explanations; the digest is over the true
  // bytes.
  return compact_json({{"recipe", recipe_}, {"layer", layer_}, {"fields", fields}});
}

KeyRecord KeyRecord::from_json(std::string_view text) {
  const Json json = parse_json(text, "a key record");
  try {
    KeyRecord record(json.at("recipe").get<std::string>(), json.at("layer").get<std::string>());
    for (const auto& field : json.at("fields"))
      record.add(field.at(0).get<std::string>(), field.at(1).get<std::string>());
    return record;
  } catch (const Json::exception&) {
    throw Error({.kind = ErrorKind::Store, .code = "S022", .message = "a key record in the store is damaged"});
  }
}

std::vector<std::string> explain_difference(const KeyRecord& before, const KeyRecord& now, std::size_t limit) {
  std::map<std::string_view, std::string_view> old_fields;
  for (const auto& field : before.fields()) old_fields.emplace(field.name, field.value);
  std::vector<std::string> lines;
  for (const auto& field : now.fields()) {
    const auto found = old_fields.find(field.name);
    if (found == old_fields.end()) {
      lines.push_back(fmt::format("{} is new: {}", field.name, shown(field.value)));
    } else {
      if (found->second != field.value) {
        const std::string old_text = shown(found->second);
        const std::string new_text = shown(field.value);
        lines.push_back(old_text == new_text ? fmt::format("{} changed", field.name)
                                             : fmt::format("{} {} → {}", field.name, old_text, new_text));
      }
      old_fields.erase(found);
    }
  }
  for (const auto& field : before.fields()) {
    if (old_fields.contains(field.name)) lines.push_back(fmt::format("{} is gone", field.name));
  }
  if (lines.empty() && before.fields() != now.fields()) lines.emplace_back("the order of its inputs changed");
  if (lines.size() > limit) {
    const std::size_t more = lines.size() - limit;
    lines.resize(limit);
    lines.push_back(fmt::format("and {} more", more));
  }
  return lines;
}

}  // namespace blueprint::plan
