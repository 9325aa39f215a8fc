#include "layers/index_file.h"

#include <algorithm>

#include "base/file.h"
#include "base/json.h"
#include "layers/image_json.h"
#include "layers/store_errors.h"

namespace blueprint::layers {
namespace fs = std::filesystem;
namespace {

/// Empty when the descriptor has no such annotation.
std::string annotation_of(const Json& entry, const char* key) {
  const auto annotations = entry.find("annotations");
  if (annotations == entry.end() || !annotations->is_object()) return {};
  const auto found = annotations->find(key);
  return found == annotations->end() || !found->is_string() ? std::string() : found->get<std::string>();
}

}  // namespace

IndexFile::IndexFile(const fs::path& root) : IndexFile(root, blueprint::read_file(index_path(root))) {}

IndexFile::IndexFile(const fs::path& root, std::string_view text) : path(index_path(root)) {
  json = Json::parse(text, nullptr, false);
  const bool usable = json.is_object() && json.contains("manifests") && json["manifests"].is_array() &&
                      std::ranges::all_of(json["manifests"], [](const Json& entry) {
                        return entry.is_object() && entry.contains("digest") && entry["digest"].is_string();
                      });
  if (!usable) throw damaged_store_file(path, "it is not an OCI image index");
}

void IndexFile::write() const { write_file_atomic(path, compact_json(json)); }

fs::path index_path(const fs::path& root) { return root / "index.json"; }
fs::path index_lock(const fs::path& root) { return root / "locks/index"; }

std::optional<Digest> digest_of(const Json& entry) {
  return Digest::parse(entry.at("digest").get_ref<const std::string&>());
}

std::string artifact_type_of(const Json& entry) {
  const auto type = entry.find("artifactType");
  return type == entry.end() || !type->is_string() ? std::string() : type->get<std::string>();
}

std::string tag_of(const Json& entry) { return annotation_of(entry, kRefNameKey); }

bool is_image(const Json& entry) { return artifact_type_of(entry) == kArtifactType && digest_of(entry); }

std::optional<Digest> subject_of(const Json& entry) { return Digest::parse(annotation_of(entry, kSubjectKey)); }

}  // namespace blueprint::layers
