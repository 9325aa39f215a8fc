#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/digest.h"
#include "base/json.h"

// Private to the store: index.json as it is read and written. Readers ask index_snapshot.h.

namespace blueprint::layers {

/// On the descriptor of an attachment's manifest: the digest of the image that it is about, so that a reader of the
/// index need not open the manifest to see it.
inline constexpr const char* kSubjectKey = "vnd.blueprint.subject";

/// index.json of a store. A writer holds index_lock from reading to writing.
struct IndexFile {
  std::filesystem::path path;
  Json json;

  /// Throws Error S004 when the file is not an OCI image index.
  explicit IndexFile(const std::filesystem::path& root);
  /// The same of its bytes, by one who has read them.
  IndexFile(const std::filesystem::path& root, std::string_view text);
  Json& entries() { return json["manifests"]; }
  void write() const;
};

[[nodiscard]] std::filesystem::path index_path(const std::filesystem::path& root);
[[nodiscard]] std::filesystem::path index_lock(const std::filesystem::path& root);

// What a descriptor of the index says.

/// Nothing when it is of another algorithm than ours.
[[nodiscard]] std::optional<Digest> digest_of(const Json& entry);
/// Empty when it has none.
[[nodiscard]] std::string artifact_type_of(const Json& entry);
/// Empty when it has none.
[[nodiscard]] std::string tag_of(const Json& entry);
/// Whether it is an image of ours.
[[nodiscard]] bool is_image(const Json& entry);
/// The image that the attachment with this descriptor is about; nothing for what is no attachment.
[[nodiscard]] std::optional<Digest> subject_of(const Json& entry);

}  // namespace blueprint::layers
