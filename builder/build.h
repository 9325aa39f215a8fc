#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/claims.h"
#include "base/events.h"
#include "base/thread_pool.h"
#include "builder/layer_slots.h"
#include "builder/packages/resolve.h"
#include "builder/recipe/compose.h"
#include "builder/recipe/recipe.h"
#include "builder/recipe_lock.h"
#include "builder/registry_image.h"
#include "builder/steps/input_digests.h"
#include "layers/image.h"
#include "layers/store.h"

namespace blueprint::builder {

enum class CacheUse {
  Use,
  Ignore,   ///< run every layer of this recipe and its stages again (its parents' are used)
  Require,  ///< a miss is an error that says what missed and why; so is a test that did not pass before
};
enum class TestUse { Run, Skip };

struct BuildOptions {
  recipe::SearchPath search;  ///< for `from:`
  packages::Mirrors mirrors;
  RegistryAccess registries;
  LockMode lock = LockMode::Update;
  CacheUse cache = CacheUse::Use;
  TestUse tests = TestUse::Run;
  bool offline = false;
  std::optional<std::int64_t> epoch;  ///< SOURCE_DATE_EPOCH, when set
  std::optional<std::string> tag;     ///< nothing = the recipe's name
  std::vector<Digest> cite;           ///< layers that may be cited besides the previous build's
  bool cite_previous = true;
  /// Reads the value of a secret when a step asks for it: the builder itself has no window to the environment.
  std::function<std::string(const recipe::Recipe& recipe, const recipe::SecretSource& secret)> secret;
  std::map<std::string, std::filesystem::path> ssh_agents;  ///< sockets that scripts may reach, by name
  std::map<std::string, std::string> params;    ///< values for the recipe's params, as given: for the provenance
  std::string version;                          ///< of blueprint, for the documents of the image
  std::int64_t now = 0;                         ///< seconds since 1970, to tell how old a lock is; 0 = do not
  bool explain = false;                         ///< a note for each reason why a layer runs
  bool tell_cached = true;                      ///< a note for each layer that is cached
  std::vector<std::filesystem::path> building;  ///< recipes further down that wait for this one as their parent
  // For several builds at once.
  std::map<std::filesystem::path, Digest> built;  ///< images of parents that are built already, by the recipe's file
  steps::InputDigests* digests = nullptr;         ///< what one has read, the others need not
  LayerSlots* package_slots = nullptr;            ///< bounds how many layers of packages run
  Claims* downloads = nullptr;                    ///< what one downloads, the others wait for
};

/// What became of one layer.
struct LayerReport {
  std::string name;
  std::string kind;
  bool cached = false;
  std::vector<std::string> reasons;  ///< why it ran; empty when cached
  layers::LayerRef layer;
  std::uint64_t stored_bytes = 0;  ///< of a layer that ran: bytes that its blob added
  double seconds = 0;
};

struct BuildResult {
  Digest image;
  layers::ImageRecord record;
  std::vector<LayerReport> layers;  ///< of its stages ("STAGE/LAYER") and this recipe, without its parent's
  std::string tag;
  std::filesystem::path lock;
};

/// Builds `recipe` into an image in `store` and tags it: resolve parent and lock, then layer after layer, running only
/// those whose key is not known. Parents that are recipes are built first. Safe beside other builds: two builds of one
/// layer wait for each other. A build that is killed leaves nothing that counts, and its finished layers are found by
/// the next. Throws Error; Interrupted.
[[nodiscard]] BuildResult build(const recipe::Recipe& recipe, layers::Store& store, const BuildOptions& options,
                                ThreadPool& pool, Events& events, std::stop_token stop);

}  // namespace blueprint::builder
