#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "builder/packages/lock.h"
#include "builder/recipe/recipe.h"
#include "layers/image.h"

namespace blueprint::builder {

/// The artifact type of a bill of materials: SPDX 2.3 as JSON.
inline constexpr std::string_view kBillType = "application/spdx+json";

/// Something in an image that is no package: what a `fetch` or `copy` layer brought.
struct Material {
  enum class Kind { Fetched, Copied };
  Kind kind = Kind::Fetched;
  std::string layer;
  std::string source;  ///< URL without credentials, or the path beside the recipe, or IMAGE:PATH
  std::string to;      ///< place in the image
  bool unpacked = false;
  Digest digest;  ///< Fetched: SHA-256 of the file. Copied: of all that the layer's key says of its input files
};

/// What a bill of materials is made of.
struct BillInputs {
  const layers::ImageRecord& image;
  std::string_view dpkg_status;            ///< var/lib/dpkg/status of the image; may be empty
  const packages::Lock& lock;              ///< of the recipe: knows digests and places of its own packages
  const std::vector<Material>& materials;  ///< of the recipe's own layers
  std::optional<std::string> parent;       ///< the parent image's bill of materials
  std::string_view version;                ///< of blueprint
};

/// The SPDX 2.3 document of an image, as JSON: every installed package with its source package, maintainer and package
/// URL, with its SHA-256 where a lock says it, and every material; those of the parent image are taken from its own
/// document. A function of its inputs: no clock, no host name.
[[nodiscard]] std::string format_bill_of_materials(const BillInputs& inputs);

/// "pkg:deb/debian/curl@7.88.1-10?arch=amd64&distro=bookworm" (package-url specification, type deb).
[[nodiscard]] std::string package_url(const recipe::Distribution* distribution, std::string_view name,
                                      std::string_view version, std::string_view architecture);

}  // namespace blueprint::builder
