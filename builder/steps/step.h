#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/claims.h"
#include "base/events.h"
#include "base/file.h"
#include "base/thread_pool.h"
#include "builder/plan/key_record.h"
#include "layers/changeset.h"
#include "layers/file_tree.h"
#include "layers/image.h"
#include "layers/store.h"
#include "layers/time_clamp.h"

namespace blueprint::steps {

/// Where and on what a step works.
struct StepContext {
  layers::Store& store;
  ThreadPool& pool;
  Events& events;
  std::stop_token stop;
  Claims& downloads;                            ///< into the store, of all builds of this process
  const std::vector<layers::LayerRef>& parent;  ///< empty for the first layer of an image
  const std::vector<Digest>& cite;              ///< layers besides, whose data the new one may cite
  const layers::FileTree& tree;                 ///< the files of the parent
  std::int64_t epoch = 0;                       ///< SOURCE_DATE_EPOCH of the build
  std::string recipe;                           ///< name, to find a failed root again
  std::string stage;                            ///< of the layer, for events
};

/// What a step made of its parent.
struct StepOutput {
  std::vector<layers::PlannedChange> changes;
  /// Steps that ran commands: the directory that holds the changes in overlayfs form, inside `work`; HostFile sources
  /// point into it. It may become the layer's tree in the store once the layer is written.
  std::filesystem::path upper;
  layers::TimeClamp times;  ///< with it: what the changes' times are
  std::optional<TempDir> work;
};

/// One layer of a recipe, made ready: it knows all its inputs but its parent. One subclass and one file for each kind.
class Step {
 public:
  virtual ~Step() = default;

  /// The step's own part of the layer's key: everything that its result depends on besides parent and epoch. May read
  /// input files; throws Error when one is missing.
  virtual void add_key_fields(plan::KeyRecord& record) const = 0;

  /// Makes the changes. Throws Error (kind Step for a command that failed) or Interrupted; leaves nothing behind then
  /// but what `blueprint shell --failed` needs.
  [[nodiscard]] virtual StepOutput apply(const StepContext& context) const = 0;

  /// How much memory apply() takes: of those that take much, no more run at once than there is room for.
  enum class Memory {
    Little,
    Much,  ///< as a layer of packages does (builder/layer_slots.h)
  };
  [[nodiscard]] virtual Memory memory() const { return Memory::Little; }
};

}  // namespace blueprint::steps
