#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "builder/rootfs/build_root.h"
#include "builder/steps/step.h"

namespace blueprint::steps {

/// A step that runs programs in the image. What they change in an overlay over the parent's trees is the layer.
class CommandStep : public Step {
 public:
  [[nodiscard]] StepOutput apply(const StepContext& context) const final;

 protected:
  /// Does the work in `root`. run_command() is the way to run a program there.
  virtual void work(rootfs::BuildRoot& root, const StepContext& context) const = 0;
};

/// A command of a step failed (X100, kind Step): which, its exit code or signal, its last 40 lines.
class CommandFailed : public Error {
 public:
  CommandFailed(Diagnostic diagnostic, rootfs::RunOptions options, std::string what)
      : Error(std::move(diagnostic)), options_(std::move(options)), command_(std::move(what)) {}
  [[nodiscard]] const rootfs::RunOptions& options() const { return options_; }
  [[nodiscard]] const std::string& command() const { return command_; }

 private:
  rootfs::RunOptions options_;
  std::string command_;
};

/// Runs a command of the step in `root`, its output going to the events. Throws CommandFailed; Interrupted.
void run_command(rootfs::BuildRoot& root, const StepContext& context, const rootfs::RunOptions& options,
                 std::string_view what);

/// The unpacked trees of `layers`, parent first, each made from the layer's blob when the store does not have it
/// unpacked.
[[nodiscard]] std::vector<std::filesystem::path> ensure_trees(layers::Store& store,
                                                              const std::vector<layers::LayerRef>& layers,
                                                              ThreadPool& pool, Events& events);

/// Turns a step's upper directory into the tree of the layer that was written from it, as a checkout of the layer would
/// have made it: times clamped as the layer has them. Loses nothing but time when it fails.
void adopt_tree(layers::Store& store, const layers::LayerRef& layer, const StepOutput& output);

}  // namespace blueprint::steps
