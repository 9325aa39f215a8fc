#pragma once

#include <filesystem>
#include <optional>

#include "base/digest.h"
#include "base/json.h"

// Private to the store: index.json as it is read and written.

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
  Json& entries() { return json["manifests"]; }
  void write() const;
};

[[nodiscard]] std::filesystem::path index_lock(const std::filesystem::path& root);

/// The image that the attachment with this descriptor is about; nothing for what is no attachment.
[[nodiscard]] std::optional<Digest> subject_of(const Json& entry);

}  // namespace blueprint::layers
