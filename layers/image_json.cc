// The two JSON documents of an image: docs/layer-format.md describes them, this file is the one place that knows their
// keys.
//
// Both are written with a fixed order of keys and no white space, so that the digest of the manifest is a function of
// the image. The reader takes unknown keys (a newer blueprint may add some) but no missing or mistyped ones: nlohmann's
// type errors become one Error that names the blob.

#include "layers/image_json.h"

#include <limits>

#include <fmt/format.h>

#include "base/json.h"
#include "layers/oci_descriptor.h"
#include "layers/store_errors.h"

namespace blueprint::layers {
namespace {

constexpr const char* kNameKey = "vnd.blueprint.layer.name";
constexpr const char* kContentKey = "vnd.blueprint.layer.content-digest";
constexpr const char* kRoleKey = "vnd.blueprint.role";
constexpr std::string_view kCitedRole = "cited";

Digest digest_at(const Json& json, const char* key) {
  const auto text = json.at(key).get<std::string>();
  const auto digest = Digest::parse(text);
  if (!digest) throw std::runtime_error(fmt::format("'{}' of '{}' is not a sha256 digest", text, key));
  return *digest;
}

/// nlohmann converts numbers as a C cast does; a document with 70000 for a port is wrong instead.
template <typename Number>
Number number(const Json& json, std::string_view what) {
  if (!json.is_number_unsigned() ||
      json.get<std::uint64_t>() > static_cast<std::uint64_t>(std::numeric_limits<Number>::max())) {
    throw std::runtime_error(fmt::format("'{}' is not a number in its range", what));
  }
  return json.get<Number>();
}

template <typename Number>
Number number_at(const Json& json, const char* key) {
  return number<Number>(json.at(key), key);
}

BlobRef blob_ref(const Json& json) { return {digest_at(json, "digest"), number_at<std::uint64_t>(json, "size")}; }

LayerRef layer_ref(const Json& json) {
  LayerRef layer{.digest = digest_at(json, "digest"), .size_bytes = number_at<std::uint64_t>(json, "size")};
  const Json& annotations = json.at("annotations");
  if (annotations.contains(kNameKey)) layer.name = annotations.at(kNameKey).get<std::string>();
  if (annotations.contains(kContentKey)) layer.content_digest = digest_at(annotations, kContentKey);
  return layer;
}

Json launch_json(const ImageConfig& config) {
  Json launch;
  launch["cpu"] = config.launch_cpu;
  launch["memory_bytes"] = config.launch_memory_bytes;
  launch["disk_bytes"] = config.launch_disk_bytes;
  launch["ports"] = config.launch_ports;
  launch["commands"] = config.launch_commands;
  if (config.launch_gpu > 0) launch["gpu"] = config.launch_gpu;
  return launch;
}

void read_launch(const Json& launch, ImageConfig& config) {
  config.launch_cpu = number_at<std::uint32_t>(launch, "cpu");
  config.launch_memory_bytes = number_at<std::uint64_t>(launch, "memory_bytes");
  config.launch_disk_bytes = number_at<std::uint64_t>(launch, "disk_bytes");
  for (const auto& port : launch.at("ports")) config.launch_ports.push_back(number<std::uint16_t>(port, "ports"));
  config.launch_commands = launch.at("commands").get<std::vector<std::string>>();
  if (launch.contains("gpu")) config.launch_gpu = number_at<std::uint32_t>(launch, "gpu");
}

/// Calls `read`, turning every complaint about the document into Error S015.
template <typename Function>
auto reading(std::string_view what, const Digest& digest, Function read) {
  try {
    return read();
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    throw damaged_blob(digest, what, error.what());
  }
}

}  // namespace

std::string encode_config(const ImageConfig& config, const std::vector<LayerRef>& layers) {
  Json json;
  json["architecture"] = config.architecture;
  json["os"] = "linux";
  json["name"] = config.name;
  json["description"] = config.description;
  json["content_digest"] = config.content_digest.to_string();
  json["device_bytes"] = config.device_bytes;
  json["epoch"] = config.epoch;
  json["env"] = Json(config.env);
  json["user"] = config.user;
  json["workdir"] = config.workdir;
  json["launch"] = launch_json(config);
  if (config.kernel) {
    json["kernel"]["digest"] = config.kernel->to_string();
    json["kernel"]["version"] = config.kernel_version;
  }
  json["labels"] = Json(config.labels);
  json["history"] = Json::array();
  for (const auto& layer : layers) json["history"].push_back({{"layer", layer.name}, {"key", layer.key.to_string()}});
  json["packages"] = Json::array();
  for (const auto& package : config.packages) {
    json["packages"].push_back(
        {{"name", package.name}, {"version", package.version}, {"architecture", package.architecture}});
  }
  return compact_json(json);
}

std::string encode_manifest(const ManifestFacts& facts, const ImageConfig& config) {
  Json json;
  json["schemaVersion"] = 2;
  json["mediaType"] = kManifestMediaType;
  json["artifactType"] = kArtifactType;
  json["config"] = oci_descriptor(kConfigMediaType, facts.config.digest, facts.config.size_bytes);
  json["layers"] = Json::array();
  for (const auto& layer : facts.layers) {
    Json entry = oci_descriptor(kLayerMediaType, layer.digest, layer.size_bytes);
    entry["annotations"][kNameKey] = layer.name;
    entry["annotations"][kContentKey] = layer.content_digest.to_string();
    json["layers"].push_back(std::move(entry));
  }
  for (const auto& cited : facts.cited_blobs) {
    Json entry = oci_descriptor(kLayerMediaType, cited.digest, cited.size_bytes);
    entry["annotations"][kRoleKey] = kCitedRole;
    json["layers"].push_back(std::move(entry));
  }
  for (const auto& kernel : facts.kernel) {
    json["layers"].push_back(oci_descriptor(kKernelMediaType, kernel.digest, kernel.size_bytes));
  }
  json["annotations"]["org.opencontainers.image.title"] = config.name;
  if (!config.description.empty()) json["annotations"]["org.opencontainers.image.description"] = config.description;
  return compact_json(json);
}

ManifestFacts decode_manifest(std::string_view text, const Digest& digest) {
  const Json json = reading("manifest", digest, [&] { return Json::parse(text); });
  if (!json.is_object() || !json.contains("layers")) throw not_a_blueprint_image(digest, "it is no OCI image manifest");
  if (json.value("artifactType", Json()) != Json(kArtifactType)) {
    throw not_a_blueprint_image(digest, fmt::format("its artifactType is not {}", kArtifactType));
  }
  return reading("manifest", digest, [&] {
    ManifestFacts facts;
    facts.config = blob_ref(json.at("config"));
    for (const auto& entry : json.at("layers")) {
      const auto type = entry.at("mediaType").get<std::string>();
      if (type == kKernelMediaType) {
        facts.kernel.push_back(blob_ref(entry));
      } else if (type == kLayerMediaType) {
        const bool cited = entry.at("annotations").value(kRoleKey, std::string()) == kCitedRole;
        (cited ? facts.cited_blobs : facts.layers).push_back(layer_ref(entry));
      }
    }
    if (facts.layers.empty()) throw std::runtime_error("it has no layer");
    if (facts.kernel.size() > 1) throw std::runtime_error("it has more than one kernel");
    return facts;
  });
}

ImageConfig decode_config(std::string_view text, const Digest& digest, std::vector<LayerRef>& layers) {
  return reading("config", digest, [&] {
    const Json json = Json::parse(text);
    ImageConfig config;
    config.architecture = json.at("architecture").get<std::string>();
    config.name = json.at("name").get<std::string>();
    config.description = json.at("description").get<std::string>();
    config.content_digest = digest_at(json, "content_digest");
    config.device_bytes = number_at<std::uint64_t>(json, "device_bytes");
    config.epoch = number_at<std::int64_t>(json, "epoch");
    config.env = json.at("env").get<std::map<std::string, std::string>>();
    config.user = json.at("user").get<std::string>();
    config.workdir = json.at("workdir").get<std::string>();
    read_launch(json.at("launch"), config);
    if (json.contains("kernel")) {
      config.kernel = digest_at(json.at("kernel"), "digest");
      config.kernel_version = json.at("kernel").at("version").get<std::string>();
    }
    config.labels = json.at("labels").get<std::map<std::string, std::string>>();
    for (const auto& entry : json.at("packages")) {
      config.packages.push_back({.name = entry.at("name").get<std::string>(),
                                 .version = entry.at("version").get<std::string>(),
                                 .architecture = entry.at("architecture").get<std::string>()});
    }
    const Json& history = json.at("history");
    if (history.size() != layers.size()) throw std::runtime_error("its history does not have one entry for each layer");
    for (std::size_t i = 0; i < layers.size(); ++i) layers[i].key = digest_at(history.at(i), "key");
    return config;
  });
}

}  // namespace blueprint::layers
