#include "layers/oci_json.h"

#include <fmt/format.h>

#include "layers/oci_errors.h"

namespace blueprint::layers {

Json parse_oci_json(std::string_view text, std::string_view what) {
  Json json = Json::parse(text, nullptr, false);
  if (!json.is_object() && !json.is_array()) throw bad_oci_document(what, "it is no JSON");
  return json;
}

std::string text_at(const Json& json, const char* key) {
  const auto found = json.is_object() ? json.find(key) : json.end();
  return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
}

const Json& array_at(const Json& json, const char* key, std::string_view what) {
  const auto found = json.is_object() ? json.find(key) : json.end();
  if (found == json.end() || !found->is_array()) throw bad_oci_document(what, fmt::format("it has no list '{}'", key));
  return *found;
}

const Json& object_at(const Json& json, const char* key) {
  static const Json kNone = Json::object();
  const auto found = json.is_object() ? json.find(key) : json.end();
  return found != json.end() && found->is_object() ? *found : kNone;
}

std::vector<std::string> texts(const Json& json) {
  std::vector<std::string> found;
  for (const auto& item : json) {
    if (item.is_string()) found.push_back(item.get<std::string>());
  }
  return found;
}

std::optional<std::vector<std::string>> texts_at(const Json& json, const char* key) {
  const auto found = json.find(key);
  if (found == json.end() || !found->is_array() || found->empty()) return std::nullopt;
  return texts(*found);
}

Digest digest_at(const Json& descriptor, std::string_view what) {
  const auto digest = Digest::parse(text_at(descriptor, "digest"));
  if (!digest) throw bad_oci_document(what, "a descriptor in it has no sha256 digest");
  return *digest;
}

std::string platform_of(const Json& json) { return text_at(json, "os") + "/" + text_at(json, "architecture"); }

}  // namespace blueprint::layers
