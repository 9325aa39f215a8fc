#include "layers/oci_manifest.h"

#include <optional>

#include <fmt/format.h>

#include "base/error.h"
#include "layers/oci_errors.h"
#include "layers/oci_json.h"

namespace blueprint::layers {
namespace {

OciDescriptor descriptor(const Json& json, std::string_view what) {
  const auto size = json.is_object() ? json.find("size") : json.end();
  if (!json.is_object() || size == json.end() || !size->is_number_unsigned())
    throw bad_oci_document(what, "a descriptor in it has no size");
  return {.media_type = text_at(json, "mediaType"),
          .digest = digest_at(json, what),
          .size_bytes = size->get<std::uint64_t>()};
}

OciIndex parse_index(const Json& json, std::string_view image, std::string_view what) {
  const Json& manifests = array_at(json, "manifests", what);
  if (manifests.empty()) throw bad_oci_document(what, "it is an index of nothing");
  return {descriptor(choose_oci_platform({manifests.begin(), manifests.end()}, image, {}), what)};
}

OciManifest parse_manifest(const Json& json, std::string_view what) {
  const Json& config = object_at(json, "config");
  const std::string type = text_at(config, "mediaType");
  if (type.find("blueprint") != std::string::npos)
    throw bad_oci_document(what, "it is an image of blueprint, which 'from' names as one of the store");
  if (type != "application/vnd.oci.image.config.v1+json" && type != "application/vnd.docker.container.image.v1+json")
    throw bad_oci_document(what, fmt::format("it is no container image but '{}'", type));
  OciManifest manifest{.config = descriptor(config, what), .layers = {}};
  for (const auto& layer : array_at(json, "layers", what)) {
    manifest.layers.push_back(descriptor(layer, what));
    if (manifest.layers.back().media_type.find("encrypted") != std::string::npos)
      throw bad_oci_document(what, "its layers are encrypted");
  }
  return manifest;
}

}  // namespace

Json choose_oci_platform(const std::vector<Json>& candidates, std::string_view image,
                         const std::vector<std::string>& known) {
  std::vector<std::string> platforms;
  std::optional<Json> chosen;
  for (const auto& candidate : candidates) {
    const Json& platform = object_at(candidate, "platform");
    if (platform.empty()) throw several_oci_images(image, known);
    const std::string name = platform_of(platform);
    if (name == kUnknownPlatform) continue;
    platforms.push_back(name);
    if (name != kOciPlatform) continue;
    if (chosen && text_at(*chosen, "digest") != text_at(candidate, "digest")) throw several_oci_images(image, known);
    chosen = candidate;
  }
  if (!chosen) throw wrong_oci_platform(image, platforms);
  return *chosen;
}

std::variant<OciIndex, OciManifest> parse_oci_manifest(std::string_view text, std::string_view image,
                                                       std::string_view what) {
  const Json json = parse_oci_json(text, what);
  if (json.contains("manifests")) return parse_index(json, image, what);
  return parse_manifest(json, what);
}

}  // namespace blueprint::layers
