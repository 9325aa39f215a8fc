#pragma once

#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/events.h"
#include "base/thread_pool.h"
#include "builder/recipe/dockerfile.h"
#include "builder/recipe/recipe.h"
#include "builder/registry_image.h"
#include "layers/image.h"
#include "layers/store.h"

namespace blueprint::builder {

/// Whether `name` is an OCI image: of this machine (`oci://PATH`, `oci://PATH:TAG`, `oci://PATH@sha256:…`) or of a
/// registry (registry_image.h).
[[nodiscard]] bool is_oci_reference(std::string_view name);

/// An OCI image that a recipe names, and what may be done to have it.
struct OciRequest {
  const recipe::Text& name;
  const std::string& directory;  ///< where relative paths start
  std::optional<Digest> pinned;  ///< of an image of a registry: what the recipe's lock says that it is
  const RegistryAccess& registries;
  enum class Network { Use, Offline } network = Network::Use;
};

/// The OCI image as an image of ours: its layers verified, flattened and written as one layer, its environment, user,
/// directory, labels and ports in the config. A layer that was written before is used again, whatever path or registry
/// has the image now; when the digest of a registry's image is known, by its name or from the lock, nothing is fetched
/// then. Throws Error O0xx, of a registry N0xx; os_error; Interrupted.
[[nodiscard]] layers::ImageRecord import_oci_image(const OciRequest& request, layers::Store& store, ThreadPool& pool,
                                                   Events& events, std::stop_token stop);

/// The same when its layer was written before; else nothing, and nothing is written or fetched.
[[nodiscard]] std::optional<layers::ImageRecord> find_oci_image(const OciRequest& request, layers::Store& store);

/// What the image hands down to what is built on it. Reads manifest and config, and no layer. Nothing for an image of a
/// registry that is not known here and may not be fetched. Throws as the import does. `store` is asked for only for an
/// image of a registry.
[[nodiscard]] std::optional<recipe::BaseConfig> oci_base_config(const OciRequest& request,
                                                                const std::function<layers::Store&()>& store,
                                                                std::stop_token stop);

/// What a lock says of an image that a recipe calls `name`: of an OCI image the digest that it has outside, else that
/// of the image in the store.
[[nodiscard]] std::string pinned_digest(std::string_view name, const layers::ImageRecord& image);

}  // namespace blueprint::builder
