#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/digest.h"
#include "layers/store.h"

namespace blueprint::layers {

/// A document about an image that is kept beside it: an OCI manifest whose `subject` is the image and whose only layer
/// is the document (OCI image-spec 1.1, "guidelines for artifact usage"). The image does not know of it, so its digest
/// does not depend on it; the index lists it, so tools that know referrers find it.
///
/// An attachment lives as long as its image is listed: remove_images and gc take both.
struct Attachment {
  Digest manifest;
  Digest document;
  std::string type;  ///< artifactType of the manifest and media type of the document
};

/// Stores `document` as an attachment of `image`; one of the same type that was there before is replaced.
/// Deterministic: the same document gives the same manifest. Throws Error S010 when the image is not in the store.
Attachment attach(Store& store, const Digest& image, std::string_view type, std::string_view document);

/// The attachment of that type, if there is one. Throws Error S015 when its manifest is damaged.
[[nodiscard]] std::optional<Attachment> find_attachment(const Store& store, const Digest& image, std::string_view type);

/// All attachments of an image, by type.
[[nodiscard]] std::vector<Attachment> attachments(const Store& store, const Digest& image);

/// The document, verified. Throws Error S010, S015.
[[nodiscard]] std::string read_attachment(const Store& store, const Attachment& attachment);

}  // namespace blueprint::layers
