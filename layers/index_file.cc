#include "layers/index_file.h"

#include <algorithm>

#include "base/file.h"
#include "layers/store_errors.h"

namespace blueprint::layers {
namespace fs = std::filesystem;

IndexFile::IndexFile(const fs::path& root) : path(root / "index.json") {
  json = Json::parse(blueprint::read_file(path), nullptr, false);
  const bool usable = json.is_object() && json.contains("manifests") && json["manifests"].is_array() &&
                      std::ranges::all_of(json["manifests"], [](const Json& entry) {
                        return entry.is_object() && entry.contains("digest") && entry["digest"].is_string();
                      });
  if (!usable) throw damaged_store_file(path, "it is not an OCI image index");
}

void IndexFile::write() const { write_file_atomic(path, json.dump(-1, ' ', false, Json::error_handler_t::replace)); }

fs::path index_lock(const fs::path& root) { return root / "locks/index"; }

std::optional<Digest> subject_of(const Json& entry) {
  const auto annotations = entry.find("annotations");
  if (annotations == entry.end() || !annotations->is_object()) return std::nullopt;
  const auto subject = annotations->find(kSubjectKey);
  if (subject == annotations->end() || !subject->is_string()) return std::nullopt;
  return Digest::parse(subject->get_ref<const std::string&>());
}

}  // namespace blueprint::layers
