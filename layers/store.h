#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/digest.h"
#include "base/events.h"
#include "base/file.h"
#include "layers/block_source.h"
#include "layers/file_tree.h"
#include "layers/image.h"
#include "layers/layer_index.h"

namespace blueprint::layers {

/// The local store: an OCI image layout plus what speeds up building (DESIGN §8).
///
///   oci-layout  index.json (tags)  blobs/sha256/HEX  keys/HEX.json (layer key → layer)  debs/HEX.deb  trees/HEX/ (evictable)
///   tmp/ (work of running builds)  locks/  version
///
/// Readers never lock. Writers publish by rename. Thread-safe and safe between processes.
class Store {
 public:
  /// Opens or creates. Throws Error S001 for a store written by a newer version, S002 when it cannot be created.
  explicit Store(std::filesystem::path root);

  [[nodiscard]] const std::filesystem::path& root() const { return root_; }
  [[nodiscard]] std::filesystem::path blob_path(const Digest& digest) const;
  [[nodiscard]] std::filesystem::path deb_path(const Digest& digest) const;   ///< debs/HEX.deb, present or not
  [[nodiscard]] std::filesystem::path tree_path(const Digest& layer) const;   ///< trees/HEX, present or not
  [[nodiscard]] std::filesystem::path tmp() const;                            ///< for TempDir and AtomicFile of a build

  [[nodiscard]] bool has_blob(const Digest& digest) const;
  /// Throws Error S010 when it is absent. Does not hash: verify does.
  [[nodiscard]] std::string read_blob(const Digest& digest) const;
  Digest add_blob(std::string_view bytes);
  /// Publishes a finished file under its digest (rename within the store's file system, durable). The caller computed the digest.
  void adopt_blob(const std::filesystem::path& file, const Digest& digest);

  /// The decoded index of a layer blob; kept in memory by digest for the life of the Store.
  [[nodiscard]] std::shared_ptr<const LayerIndex> layer_index(const Digest& layer) const;

  /// Layer key → what it produced.
  struct KeyEntry {
    LayerRef layer;
    std::string record;  ///< the key record as JSON, for explaining a miss
    std::string facts;   ///< what the builder wants to keep with the layer (JSON), such as installed packages
  };
  [[nodiscard]] std::optional<KeyEntry> find_key(const Digest& key) const;
  void put_key(const Digest& key, const KeyEntry& entry);
  /// The entries written last whose record has the given "recipe" and "layer" names, newest first: to explain a miss.
  [[nodiscard]] std::vector<KeyEntry> recent_keys(std::string_view recipe, std::string_view layer) const;

  /// Writes config and manifest; returns the manifest's digest. Deterministic: same arguments, same bytes.
  [[nodiscard]] Digest put_image(const ImageConfig& config, const std::vector<LayerRef>& layers);
  [[nodiscard]] ImageRecord load_image(const Digest& manifest) const;

  void tag(std::string_view name, const Digest& manifest);
  void untag(std::string_view name);
  [[nodiscard]] std::map<std::string, Digest> tags() const;
  /// Resolves a tag ("hello", "acme/base:v2"; no ":" means ":latest"), "sha256:…", or an unambiguous prefix of at least 6 digits
  /// of an image's digest. Throws Error S011 with near names.
  [[nodiscard]] Digest resolve(std::string_view reference) const;
  /// All manifests in the store, tagged or not.
  [[nodiscard]] std::vector<Digest> images() const;

 private:
  std::filesystem::path root_;
  struct Cache;
  std::shared_ptr<Cache> cache_;
};

/// The device of an image (its layers' extents merged once), decompressing and verifying frames through a bounded cache.
[[nodiscard]] std::unique_ptr<BlockSource> open_device(const Store& store, const std::vector<LayerRef>& layers,
                                                       std::uint64_t cache_bytes = 64ULL << 20);
[[nodiscard]] FileTree load_tree(const Store& store, const std::vector<LayerRef>& layers);
/// The bytes of a regular file, verified.
[[nodiscard]] std::string read_file(const Store& store, const std::vector<LayerRef>& layers, const FileTree::Entry& entry);

}  // namespace blueprint::layers
