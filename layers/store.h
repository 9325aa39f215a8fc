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

struct IndexSnapshot;

/// The local store: an OCI image layout plus what speeds up building (DESIGN §8).
///
///   oci-layout  index.json (tags)  blobs/sha256/HEX  keys/HEX.json (layer key → layer)  debs/HEX.deb  trees/HEX/
///   (evictable) tmp/ (work of running builds)  failed/ (roots of failed steps)  caches/ (of scripts)  leases/ (images
///   in use)  locks/ version
///
/// Readers never lock. Writers publish by rename, data before name. Thread-safe and safe between processes; copies
/// share what they keep in memory. What is reused is touched, so that a gc in another process sees it as young: see
/// gc.h for the protocol.
class Store {
 public:
  /// Opens or creates. Throws Error S001 for a store written by a newer version, S002 when it cannot be created, S003
  /// for a directory that holds something else.
  explicit Store(std::filesystem::path root);

  [[nodiscard]] const std::filesystem::path& root() const { return root_; }
  [[nodiscard]] std::filesystem::path blob_path(const Digest& digest) const;
  [[nodiscard]] std::filesystem::path deb_path(const Digest& digest) const;  ///< debs/HEX.deb, present or not
  [[nodiscard]] std::filesystem::path tree_path(const Digest& layer) const;  ///< trees/HEX, present or not
  /// This process' own directory under tmp/, for TempDir and AtomicFile of a build; made at the first call, removed
  /// when the last copy of this Store goes. While it exists, a gc keeps all that was stored or reused since it was
  /// made.
  [[nodiscard]] std::filesystem::path tmp() const;
  [[nodiscard]] std::filesystem::path failed()
      const;  ///< directory for what is kept of failed steps; gc removes old entries
  [[nodiscard]] std::filesystem::path leases() const;  ///< directory of Lease (store_lease.h)

  [[nodiscard]] bool has_blob(const Digest& digest) const;
  /// The same, and marks the blob as used now, so that a gc beside us keeps it.
  [[nodiscard]] bool reuse_blob(const Digest& digest) const;
  /// Throws Error S010 when it is absent. Does not hash: verify does.
  [[nodiscard]] std::string read_blob(const Digest& digest) const;
  Digest add_blob(std::string_view bytes);
  /// Publishes a finished file under its digest (rename within the store's file system, durable). The caller computed
  /// the digest.
  void adopt_blob(const std::filesystem::path& file, const Digest& digest);

  /// The checked-out tree of a layer, if it is there; marks it as used now.
  [[nodiscard]] std::optional<std::filesystem::path> find_tree(const Digest& layer) const;
  /// Publishes a complete directory as the tree of a layer. When another process was faster, `directory` stays where it
  /// is.
  std::filesystem::path publish_tree(const std::filesystem::path& directory, const Digest& layer);

  /// The decoded index of a layer blob; kept in memory by digest for the life of the Store.
  [[nodiscard]] std::shared_ptr<const LayerIndex> layer_index(const Digest& layer) const;

  /// Layer key → what it produced.
  struct KeyEntry {
    LayerRef layer;
    std::string record;  ///< the key record as JSON, for explaining a miss
    std::string facts;   ///< what the builder wants to keep with the layer (JSON), such as installed packages
  };
  /// Nothing when the key is unknown or its layer's blob is gone; else marks both as used now.
  [[nodiscard]] std::optional<KeyEntry> find_key(const Digest& key) const;
  void put_key(const Digest& key, const KeyEntry& entry);
  /// The entries written last whose record has the given "recipe" and "layer" names, newest first: to explain a miss.
  [[nodiscard]] std::vector<KeyEntry> recent_keys(std::string_view recipe, std::string_view layer) const;

  /// Writes config and manifest; returns the manifest's digest. Deterministic: same arguments, same bytes. What the
  /// layers cite is found out from their indices. Throws Error S010 when a layer, a cited blob or the kernel is not in
  /// the store.
  [[nodiscard]] Digest put_image(const ImageConfig& config, const std::vector<LayerRef>& layers);
  /// Adds an image from elsewhere by the exact bytes of its manifest; its blobs are in the store already, or Error
  /// S010.
  Digest import_image(std::string_view manifest);
  /// Throws Error S010 (absent), S014 (another kind of image), S015 (damaged: manifest and config are hashed).
  [[nodiscard]] ImageRecord load_image(const Digest& manifest) const;

  /// "hello" means "hello:latest". Throws Error S013 for a name that OCI does not allow, S010 when there is no such
  /// image.
  void tag(std::string_view name, const Digest& manifest);
  /// Throws Error S011, with near names, when there is no such tag.
  void untag(std::string_view name);
  /// Forgets the image and all its tags; gc frees what no other image needs.
  void remove_image(const Digest& manifest);
  /// The same for several at once; those that are not there do not matter.
  void remove_images(const std::vector<Digest>& manifests);
  /// With their version: "hello:latest".
  [[nodiscard]] std::map<std::string, Digest> tags() const;
  /// Nothing when there is no such tag. Throws Error S013.
  [[nodiscard]] std::optional<Digest> find_tag(std::string_view name) const;
  /// Resolves a tag ("hello", "acme/base:v2"; no ":" means ":latest"), "sha256:…", or an unambiguous prefix of at least
  /// 6 digits of an image's digest. Throws Error S011 with near names, S012 when a prefix is ambiguous.
  [[nodiscard]] Digest resolve(std::string_view reference) const;
  /// All manifests in the store, tagged or not.
  [[nodiscard]] std::vector<Digest> images() const;
  /// index.json as it is now (index_snapshot.h); read again only when somebody wrote it.
  [[nodiscard]] std::shared_ptr<const IndexSnapshot> index() const;

 private:
  [[nodiscard]] FileLock share_with_gc() const;
  Digest write_blob(std::string_view bytes);
  /// Size of a blob that is marked as used now; throws missing_blob.
  std::uint64_t use_blob(const Digest& digest) const;
  void register_image(const Digest& manifest, std::uint64_t size_bytes);

  std::filesystem::path root_;
  struct Cache;
  std::shared_ptr<Cache> cache_;
};

/// The device of an image (its layers' extents merged once), decompressing and verifying frames through a bounded
/// cache.
[[nodiscard]] std::unique_ptr<BlockSource> open_device(const Store& store, const std::vector<LayerRef>& layers,
                                                       std::uint64_t cache_bytes = 64ULL << 20);
[[nodiscard]] FileTree load_tree(const Store& store, const std::vector<LayerRef>& layers);
/// The bytes of a regular file, verified.
[[nodiscard]] std::string read_file(const Store& store, const std::vector<LayerRef>& layers,
                                    const FileTree::Entry& entry);

}  // namespace blueprint::layers
