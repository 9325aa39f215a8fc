// From a layout's index to one manifest and its config. What is read is what image-spec (index, manifest, config) and
// `docker save` (manifest.json) say; every document but the first is verified by the digest that names it. Documents
// are foreign: every access to one is checked, and a wrong one is an error that says what is wrong with it.

#include "layers/oci_image.h"

#include <algorithm>
#include <variant>

#include <fmt/format.h>

#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include "layers/image_json.h"
#include "layers/oci_errors.h"
#include "layers/oci_json.h"
#include "layers/oci_manifest.h"

namespace blueprint::layers {
namespace {

constexpr const char* kIndexFile = "index.json";
constexpr const char* kDockerFile = "manifest.json";
constexpr int kMaxIndexDepth = 4;

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

void set_config(std::string text, std::string_view name, OciImage& image) {
  image.config = parse_oci_config(text, name);
  image.config_text = std::move(text);
  const auto& diff_ids = image.config.diff_ids;
  if (diff_ids.size() != image.layers.size()) {
    throw bad_oci_document("the image's config", fmt::format("it speaks of {} layers, and there are {}",
                                                             diff_ids.size(), image.layers.size()));
  }
  for (std::size_t i = 0; i < diff_ids.size(); ++i) image.layers[i].diff_id = diff_ids[i];
}

class Opening {
 public:
  Opening(std::shared_ptr<const OciSource> source, std::string_view name) : source_(std::move(source)), name_(name) {
    image_.source = source_;
  }

  OciImage open() {
    if (source_->has(kIndexFile)) {
      open_manifest(choose(parse_oci_json(source_->read_document(kIndexFile), kIndexFile)));
    } else if (source_->has(kDockerFile)) {
      open_docker(parse_oci_json(source_->read_document(kDockerFile), kDockerFile));
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

  /// The digest in index.json that `name_` means.
  Digest choose(const Json& index) const {
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
      return *Digest::parse(name_);  // in an index below, or not named at all
    }
    if (candidates.empty()) throw no_such_oci_name(source_->path(), name_, known);
    if (candidates.size() == 1) return digest_at(candidates.front(), kIndexFile);
    return digest_at(choose_oci_platform(candidates, source_->path().string(), known), kIndexFile);
  }

  void open_manifest(Digest digest) {
    for (int depth = 0; depth < kMaxIndexDepth; ++depth) {
      const std::string what = "manifest " + digest.short_hex();
      const auto document =
          parse_oci_manifest(read_verified(blob_file(digest), digest), source_->path().string(), what);
      if (const auto* index = std::get_if<OciIndex>(&document)) {
        digest = index->manifest.digest;
        continue;
      }
      const auto& manifest = std::get<OciManifest>(document);
      image_ = make_oci_image(source_, source_->path().string(), digest, manifest,
                              read_verified(blob_file(manifest.config.digest), manifest.config.digest));
      return;
    }
    throw bad_oci_document(kIndexFile, "its indices do not come to an end");
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
    if (candidates.size() > 1) throw several_oci_images(source_->path().string(), known);
    const Json& chosen = *candidates.front();
    const std::string config = source_->read_document(text_at(chosen, "Config"));
    image_.digest = sha256(config);
    if (const auto said = Digest::parse_hex(config_hex(chosen)); said && *said != image_.digest)
      throw wrong_oci_digest("the image's config", *said, image_.digest);
    for (const std::string& file : texts(array_at(chosen, "Layers", kDockerFile)))
      image_.layers.push_back({.file = file, .digest = std::nullopt, .diff_id = {}});
    set_config(config, source_->path().string(), image_);
  }

  /// The hexadecimal digits in "HEX.json" or "blobs/sha256/HEX".
  static std::string config_hex(const Json& entry) {
    std::string name = text_at(entry, "Config");
    name = name.substr(name.rfind('/') + 1);
    return name.substr(0, name.find('.'));
  }

  std::shared_ptr<const OciSource> source_;
  std::string name_;
  OciImage image_;
};

}  // namespace

OciImage make_oci_image(std::shared_ptr<const OciSource> source, std::string_view name, const Digest& digest,
                        const OciManifest& manifest, std::string config) {
  OciImage image{.source = std::move(source), .digest = digest, .layers = {}, .config = {}, .config_text = {}};
  for (const auto& layer : manifest.layers)
    image.layers.push_back({.file = blob_file(layer.digest), .digest = layer.digest, .diff_id = {}});
  set_config(std::move(config), name, image);
  return image;
}

OciImage open_oci_image(const std::filesystem::path& path, std::string_view name) {
  return Opening(OciSource::open(path), name).open();
}

}  // namespace blueprint::layers
