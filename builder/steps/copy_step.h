#pragma once

#include <mutex>
#include <string>
#include <vector>

#include "builder/recipe/recipe.h"
#include "builder/steps/input_digests.h"
#include "builder/steps/step.h"

namespace blueprint::steps {

/// `copy:` — files of the host, beside the recipe. Runs nothing.
///
/// What a checkout leaves to chance is not copied: times become the build's epoch, modes 0644 or 0755 by the owner's
/// execute bit (unless `mode` says otherwise), owners what the recipe says. So another clone, umask or user gives the
/// same layer.
class CopyStep final : public Step {
 public:
  /// `directory` is where relative sources start. `digests` must outlive the step.
  CopyStep(recipe::CopyStep copy, std::string directory, InputDigests& digests)
      : copy_(std::move(copy)), directory_(std::move(directory)), digests_(digests) {}
  void add_key_fields(plan::KeyRecord& record) const override;
  [[nodiscard]] StepOutput apply(const StepContext& context) const override;

 private:
  struct Input {
    std::string path;  ///< below the source; "" for the source itself
    std::string host_path;
    layers::FileType type = layers::FileType::Regular;
    std::uint32_t mode = 0;
    std::uint64_t size = 0;
    std::string target;  ///< symlink
    Digest data_digest;
  };
  /// Scans the source once; throws Error R110 when it is missing, R111 for a file that cannot be copied (a socket, a
  /// device).
  const std::vector<Input>& inputs() const;
  void scan(const std::string& host_path, const std::string& path) const;

  recipe::CopyStep copy_;
  std::string directory_;
  InputDigests& digests_;
  mutable std::once_flag scanned_;
  mutable std::vector<Input> inputs_;
};

}  // namespace blueprint::steps
