#include "layers/attachment.h"

#include <algorithm>
#include <span>

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "layers/image_json.h"
#include "layers/index_file.h"
#include "layers/index_snapshot.h"
#include "layers/oci_descriptor.h"
#include "layers/store_errors.h"

namespace blueprint::layers {
namespace {

/// The empty config of OCI image-spec 1.1.
constexpr std::string_view kEmptyType = "application/vnd.oci.empty.v1+json";
constexpr std::string_view kEmpty = "{}";

std::string read_verified(const Store& store, const Digest& digest, std::string_view what) {
  std::string text = store.read_blob(digest);
  if (sha256(text) != digest) throw damaged_blob(digest, what, "its bytes do not have this digest");
  return text;
}

std::string manifest_of(const Store& store, const Digest& image, std::string_view type, const Json& document) {
  Json json;
  json["schemaVersion"] = 2;
  json["mediaType"] = kManifestMediaType;
  json["artifactType"] = type;
  json["config"] = oci_descriptor(kEmptyType, sha256(kEmpty), kEmpty.size());
  json["layers"] = Json::array({document});
  json["subject"] = oci_descriptor(kManifestMediaType, image, store.read_blob(image).size());
  return compact_json(json);
}

bool is_about(const Json& entry, const Digest& image, std::string_view type) {
  return subject_of(entry) == image && artifact_type_of(entry) == type;
}

Attachment load_attachment(const Store& store, const Digest& manifest) {
  const Json json = Json::parse(read_verified(store, manifest, "manifest"), nullptr, false);
  try {
    const auto document = Digest::parse(json.at("layers").at(0).at("digest").get<std::string>());
    if (!document) throw damaged_blob(manifest, "manifest", "its layer has no digest");
    return {.manifest = manifest, .document = *document, .type = json.at("artifactType").get<std::string>()};
  } catch (const Json::exception& error) {
    throw damaged_blob(manifest, "manifest", error.what());
  }
}

std::span<const IndexSnapshot::Attached> attached_to(const IndexSnapshot& index, const Digest& image) {
  const auto found = index.attachments.find(image);
  if (found == index.attachments.end()) return {};
  return found->second;
}

}  // namespace

Attachment attach(Store& store, const Digest& image, std::string_view type, std::string_view document) {
  // Until the index lists them, only their youth would keep the blobs.
  const FileLock no_gc(store.root() / "locks/gc", FileLock::Mode::Shared);
  Attachment attachment{.manifest = {}, .document = store.add_blob(document), .type = std::string(type)};
  (void)store.add_blob(kEmpty);
  const std::string manifest =
      manifest_of(store, image, type, oci_descriptor(type, attachment.document, document.size()));
  attachment.manifest = store.add_blob(manifest);
  Json entry = oci_descriptor(kManifestMediaType, attachment.manifest, manifest.size());
  entry["artifactType"] = type;
  entry["annotations"][kSubjectKey] = image.to_string();

  const FileLock lock(index_lock(store.root()), FileLock::Mode::Exclusive);
  IndexFile index(store.root());
  Json kept = Json::array();
  for (const auto& other : index.entries()) {
    if (!is_about(other, image, type)) kept.push_back(other);
  }
  kept.push_back(std::move(entry));
  index.entries() = std::move(kept);
  index.write();
  return attachment;
}

std::optional<Attachment> find_attachment(const Store& store, const Digest& image, std::string_view type) {
  const auto index = store.index();
  for (const auto& attached : attached_to(*index, image)) {
    if (attached.type == type) return load_attachment(store, attached.manifest);
  }
  return std::nullopt;
}

std::vector<Attachment> attachments(const Store& store, const Digest& image) {
  std::vector<Attachment> all;
  const auto index = store.index();
  for (const auto& attached : attached_to(*index, image)) all.push_back(load_attachment(store, attached.manifest));
  std::ranges::sort(all, {}, &Attachment::type);
  return all;
}

std::string read_attachment(const Store& store, const Attachment& attachment) {
  return read_verified(store, attachment.document, "attachment");
}

}  // namespace blueprint::layers
