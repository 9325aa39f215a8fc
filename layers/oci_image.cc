// From a layout's index to one manifest and its config. What is read is what image-spec (index, manifest, config) and
// `docker save` (manifest.json) say; every document but the first is verified by the digest that names it. Documents
// are foreign: every access to one is checked, and a wrong one is an error that says what is wrong with it.

#include "layers/oci_image.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <ctime>

#include <fmt/format.h>

#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include "layers/image_json.h"
#include "layers/oci_errors.h"

namespace blueprint::layers {
namespace {

constexpr const char* kIndexFile = "index.json";
constexpr const char* kDockerFile = "manifest.json";
constexpr std::size_t kMaxLayers = 1000;
constexpr int kMaxIndexDepth = 4;

Json parse(std::string_view text, std::string_view what) {
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

std::string blob_file(const Digest& digest) { return "blobs/sha256/" + digest.hex(); }

/// "debian:12" for "docker.io/library/debian:12", "x:latest" for "x": one way to say what people say in several.
std::string plain_name(std::string_view name) {
  for (const std::string_view prefix : {"docker.io/library/", "docker.io/", "localhost/", "library/"}) {
    if (name.starts_with(prefix)) name.remove_prefix(prefix.size());
  }
  const std::size_t colon = name.rfind(':');
  const bool has_tag = colon != std::string_view::npos && name.find('/', colon) == std::string_view::npos;
  return has_tag ? std::string(name) : std::string(name) + ":latest";
}

bool is_called(std::span<const std::string> names, std::string_view wanted) {
  return std::any_of(names.begin(), names.end(),
                     [&](const std::string& name) { return name == wanted || plain_name(name) == plain_name(wanted); });
}

/// Seconds of an RFC 3339 time such as 2024-05-01T10:20:30.5Z; 0 when it is none, or before 1970.
std::int64_t parse_time(const std::string& text) {
  std::tm time{};
  const char* rest = ::strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &time);
  if (rest == nullptr) return 0;
  if (*rest == '.') {
    ++rest;
    while (*rest >= '0' && *rest <= '9') ++rest;
  }
  std::int64_t offset = 0;
  int hours = 0;
  int minutes = 0;
  if ((*rest == '+' || *rest == '-') && std::sscanf(rest + 1, "%2d:%2d", &hours, &minutes) == 2) {
    offset = (hours * 60 + minutes) * (*rest == '+' ? 60 : -60);
  }
  return std::max<std::int64_t>(0, ::timegm(&time) - offset);
}

class Opening {
 public:
  Opening(std::shared_ptr<const OciSource> source, std::string_view name) : source_(std::move(source)), name_(name) {
    image_.source = source_;
  }

  OciImage open() {
    if (source_->has(kIndexFile)) {
      open_manifest(choose(parse(source_->read_document(kIndexFile), kIndexFile)));
    } else if (source_->has(kDockerFile)) {
      open_docker(parse(source_->read_document(kDockerFile), kDockerFile));
    } else {
      throw not_an_oci_image(source_->path(), "it has no index.json and no manifest.json");
    }
    return std::move(image_);
  }

 private:
  std::string read_verified(const std::string& file, const Digest& digest) const {
    std::string text = source_->read_document(file);
    if (const Digest found = sha256(text); found != digest) throw wrong_oci_digest(file, digest, found);
    return text;
  }

  /// The descriptor of index.json that `name_` means.
  Json choose(const Json& index) const {
    std::vector<Json> candidates;
    std::vector<std::string> known;
    for (const auto& descriptor : array_at(index, "manifests", kIndexFile)) {
      const Json& annotations = object_at(descriptor, "annotations");
      std::vector<std::string> names;
      for (const char* key : {kRefNameKey, "io.containerd.image.name"}) {
        if (auto name = text_at(annotations, key); !name.empty()) names.push_back(std::move(name));
      }
      known.insert(known.end(), names.begin(), names.end());
      if (name_.empty() || text_at(descriptor, "digest") == name_ || is_called(names, name_))
        candidates.push_back(descriptor);
    }
    if (candidates.empty() && Digest::parse(name_) && source_->has(blob_file(*Digest::parse(name_)))) {
      return {{"digest", name_}};  // in an index below, or not named at all
    }
    if (candidates.empty()) throw no_such_oci_name(source_->path(), name_, known);
    if (candidates.size() == 1) return candidates.front();
    return choose_platform(candidates, known);
  }

  /// Several platforms may be listed at the top, each with its name.
  Json choose_platform(const std::vector<Json>& candidates, const std::vector<std::string>& known) const {
    std::vector<std::string> platforms;
    std::optional<Json> chosen;
    for (const auto& descriptor : candidates) {
      const Json& platform = object_at(descriptor, "platform");
      if (platform.empty()) throw several_oci_images(source_->path(), known);
      platforms.push_back(text_at(platform, "os") + "/" + text_at(platform, "architecture"));
      if (platforms.back() != "linux/amd64") continue;
      if (chosen && text_at(*chosen, "digest") != text_at(descriptor, "digest"))
        throw several_oci_images(source_->path(), known);
      chosen = descriptor;
    }
    if (!chosen) throw wrong_oci_platform(source_->path(), platforms);
    return *chosen;
  }

  void open_manifest(Json descriptor) {
    for (int depth = 0; depth < kMaxIndexDepth; ++depth) {
      const Digest digest = digest_at(descriptor, kIndexFile);
      const std::string what = "manifest " + digest.short_hex();
      const Json json = parse(read_verified(blob_file(digest), digest), what);
      if (json.contains("manifests")) {
        const Json& manifests = array_at(json, "manifests", what);
        if (manifests.empty()) throw bad_oci_document(what, "it is an index of nothing");
        descriptor = choose_platform({manifests.begin(), manifests.end()}, {});
        continue;
      }
      image_.digest = digest;
      read_manifest(json, what);
      return;
    }
    throw bad_oci_document(kIndexFile, "its indices do not come to an end");
  }

  void read_manifest(const Json& manifest, const std::string& what) {
    const Json& config = object_at(manifest, "config");
    const std::string type = text_at(config, "mediaType");
    if (type.find("blueprint") != std::string::npos)
      throw bad_oci_document(what, "it is an image of blueprint, which 'from' names as one of the store");
    if (type != "application/vnd.oci.image.config.v1+json" && type != "application/vnd.docker.container.image.v1+json")
      throw bad_oci_document(what, fmt::format("it is no container image but '{}'", type));
    const Digest digest = digest_at(config, what);
    for (const auto& layer : array_at(manifest, "layers", what)) {
      if (text_at(layer, "mediaType").find("encrypted") != std::string::npos)
        throw bad_oci_document(what, "its layers are encrypted");
      const Digest layer_digest = digest_at(layer, what);
      image_.layers.push_back({.file = blob_file(layer_digest), .digest = layer_digest, .diff_id = {}});
    }
    read_config(parse(read_verified(blob_file(digest), digest), "the image's config"));
  }

  void open_docker(const Json& manifest) {
    if (!manifest.is_array()) throw bad_oci_document(kDockerFile, "it is no list of images");
    std::vector<std::string> known;
    std::vector<const Json*> candidates;
    for (const auto& entry : manifest) {
      const auto tags =
          texts_at(entry.is_object() ? entry : Json::object(), "RepoTags").value_or(std::vector<std::string>{});
      known.insert(known.end(), tags.begin(), tags.end());
      if (name_.empty() || is_called(tags, name_) || "sha256:" + config_hex(entry) == name_)
        candidates.push_back(&entry);
    }
    if (candidates.empty()) throw no_such_oci_name(source_->path(), name_, known);
    if (candidates.size() > 1) throw several_oci_images(source_->path(), known);
    const Json& chosen = *candidates.front();
    const std::string config = source_->read_document(text_at(chosen, "Config"));
    image_.digest = sha256(config);
    if (const auto said = Digest::parse_hex(config_hex(chosen)); said && *said != image_.digest)
      throw wrong_oci_digest("the image's config", *said, image_.digest);
    for (const std::string& file : texts(array_at(chosen, "Layers", kDockerFile)))
      image_.layers.push_back({.file = file, .digest = std::nullopt, .diff_id = {}});
    read_config(parse(config, "the image's config"));
  }

  /// The hexadecimal digits in "HEX.json" or "blobs/sha256/HEX".
  static std::string config_hex(const Json& entry) {
    std::string name = text_at(entry, "Config");
    name = name.substr(name.rfind('/') + 1);
    return name.substr(0, name.find('.'));
  }

  void read_config(const Json& json) {
    constexpr const char* kWhat = "the image's config";
    const std::string platform = text_at(json, "os") + "/" + text_at(json, "architecture");
    if (platform != "linux/amd64") throw wrong_oci_platform(source_->path(), std::vector<std::string>{platform});
    const auto diff_ids = texts(array_at(object_at(json, "rootfs"), "diff_ids", kWhat));
    if (diff_ids.size() != image_.layers.size() || diff_ids.empty() || diff_ids.size() > kMaxLayers) {
      throw bad_oci_document(
          kWhat, fmt::format("it speaks of {} layers, and there are {}", diff_ids.size(), image_.layers.size()));
    }
    for (std::size_t i = 0; i < diff_ids.size(); ++i) {
      const auto digest = Digest::parse(diff_ids[i]);
      if (!digest) throw bad_oci_document(kWhat, "a diff_id in it is no sha256 digest");
      image_.layers[i].diff_id = *digest;
    }
    image_.created = parse_time(text_at(json, "created"));
    read_run_config(object_at(json, "config"));
  }

  void read_run_config(const Json& run) {
    for (const std::string& pair : texts_at(run, "Env").value_or(std::vector<std::string>{})) {
      const std::size_t equals = pair.find('=');
      if (equals != 0 && equals != std::string::npos) image_.env[pair.substr(0, equals)] = pair.substr(equals + 1);
    }
    image_.user = text_at(run, "User");
    image_.workdir = text_at(run, "WorkingDir");
    for (const auto& [name, value] : object_at(run, "Labels").items()) {
      if (value.is_string()) image_.labels[name] = value.get<std::string>();
    }
    for (const auto& [port, nothing] : object_at(run, "ExposedPorts").items()) {
      const std::size_t slash = port.find('/');
      std::uint16_t number = 0;
      const auto [end, fault] = std::from_chars(port.data(), port.data() + port.size(), number);
      const bool is_tcp = slash == std::string::npos || port.substr(slash) == "/tcp";
      if (is_tcp && fault == std::errc{} && number != 0) image_.tcp_ports.push_back(number);
    }
    std::sort(image_.tcp_ports.begin(), image_.tcp_ports.end());
    image_.entrypoint = texts_at(run, "Entrypoint");
    image_.command = texts_at(run, "Cmd");
  }

  std::shared_ptr<const OciSource> source_;
  std::string name_;
  OciImage image_;
};

}  // namespace

OciImage open_oci_image(const std::filesystem::path& path, std::string_view name) {
  return Opening(OciSource::open(path), name).open();
}

}  // namespace blueprint::layers
