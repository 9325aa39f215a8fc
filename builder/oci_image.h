#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/events.h"
#include "base/thread_pool.h"
#include "builder/recipe/dockerfile.h"
#include "builder/recipe/recipe.h"
#include "layers/image.h"
#include "layers/store.h"

namespace blueprint::builder {

/// Whether `name` is an OCI image of this machine: `oci://PATH`, `oci://PATH:TAG` or `oci://PATH@sha256:…`.
[[nodiscard]] bool is_oci_reference(std::string_view name);

/// The OCI image as an image of ours: its layers verified, flattened and written as one layer, its environment, user,
/// directory, labels and ports in the config. A layer that was written before is used again, whatever path the image
/// has now. `directory` is where relative paths start. Throws Error O0xx; os_error; Interrupted.
[[nodiscard]] layers::ImageRecord import_oci_image(const recipe::Text& name, const std::string& directory,
                                                   layers::Store& store, ThreadPool& pool, Events& events,
                                                   std::stop_token stop);

/// The same when its layer was written before; else nothing, and nothing is written.
[[nodiscard]] std::optional<layers::ImageRecord> find_oci_image(const recipe::Text& name, const std::string& directory,
                                                                layers::Store& store);

/// What the image hands down to what is built on it. Reads manifest and config, and no layer. Throws as the import
/// does.
[[nodiscard]] recipe::BaseConfig oci_base_config(const recipe::Text& name, const std::string& directory);

/// What a lock says of an image that a recipe calls `name`: of an OCI image the digest that it has outside, else that
/// of the image in the store.
[[nodiscard]] std::string pinned_digest(std::string_view name, const layers::ImageRecord& image);

}  // namespace blueprint::builder
