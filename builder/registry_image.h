#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/digest.h"
#include "base/events.h"
#include "builder/recipe/recipe.h"
#include "layers/oci_image.h"
#include "layers/oci_manifest.h"
#include "layers/store.h"
#include "registry_client/oci_registry.h"

namespace blueprint::builder {

/// What tags were found to name, so that one command asks for each once and all its recipes get the same image.
/// Thread-safe.
class ResolvedTags {
 public:
  [[nodiscard]] std::optional<Digest> find(const std::string& reference) const;
  void add(const std::string& reference, const Digest& manifest);

 private:
  mutable std::mutex mutex_;
  std::map<std::string, Digest> digests_;
};

/// How images of registries are had.
struct RegistryAccess {
  registry_client::RegistryOptions options;
  std::shared_ptr<ResolvedTags> resolved = std::make_shared<ResolvedTags>();
};

/// Whether `name` is an image of a registry: oci://HOST[:PORT]/NAME[:TAG][@sha256:…]. What follows the scheme is a path
/// of this machine when it begins with "./", "../" or "/".
[[nodiscard]] bool is_registry_reference(std::string_view name);

/// Throws Error N020 with the place of `name`.
[[nodiscard]] registry_client::Reference registry_reference(const recipe::Text& name);

/// Fetches an image of a registry into the store, as blobs that no image names: gc sweeps them when they are old. What
/// the store has is not fetched again. A killed download leaves what it had finished, and its directory in tmp/.
class RegistryPull {
 public:
  RegistryPull(registry_client::Reference reference, const RegistryAccess& access, layers::Store& store,
               std::stop_token stop);

  /// Manifest (of an index, that for linux/amd64) and config; no layers. `known` is the digest of the manifest or
  /// index, when it is known; else the tag is resolved. Throws what registry_client throws, Error O003, O004, O007.
  [[nodiscard]] layers::OciImage fetch_documents(const std::optional<Digest>& known);
  /// The layers of what fetch_documents() answered last, side by side, with progress in `stage`.
  void fetch_layers(Events& events, const std::string& stage);

  /// What the tag names now: the digest of the manifest for linux/amd64. Writes nothing.
  [[nodiscard]] Digest resolve_tag();

 private:
  struct Document {
    Digest digest;
    std::string text;
  };
  Document fetch_manifest(const std::optional<layers::OciDescriptor>& listed, const std::optional<Digest>& known);
  std::string fetch_config(const layers::OciDescriptor& config);
  std::optional<std::string> kept_document(const Digest& digest) const;

  const registry_client::Reference reference_;
  const std::string name_;
  const RegistryAccess& access_;
  layers::Store& store_;
  std::stop_token stop_;
  std::unique_ptr<registry_client::Http> http_;
  registry_client::OciRegistry registry_;
  std::vector<layers::OciDescriptor> layers_;
};

}  // namespace blueprint::builder
