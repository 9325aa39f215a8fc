#pragma once

#include <memory>
#include <string>

#include "builder/recipe/recipe.h"
#include "builder/steps/file_source.h"
#include "builder/steps/step.h"

namespace blueprint::steps {

/// `copy:` — files of the host or of another image. Runs nothing. Times of the host's files become the build's epoch;
/// files of an image keep owner, times and attributes unless the recipe says otherwise.
class CopyStep final : public Step {
 public:
  CopyStep(recipe::CopyStep copy, std::unique_ptr<FileSource> source)
      : copy_(std::move(copy)), source_(std::move(source)) {}
  void add_key_fields(plan::KeyRecord& record) const override;
  [[nodiscard]] StepOutput apply(const StepContext& context) const override;

 private:
  recipe::CopyStep copy_;
  std::unique_ptr<FileSource> source_;
};

/// `copy:` with `unpack` — what is in an archive of the host. Runs nothing. Owners and modes are the archive's own
/// unless the recipe says an owner; times become the build's epoch.
class ArchiveStep final : public Step {
 public:
  /// `directory` is where relative sources start. `digests` must outlive the step.
  ArchiveStep(recipe::CopyStep copy, std::string directory, InputDigests& digests);
  void add_key_fields(plan::KeyRecord& record) const override;
  [[nodiscard]] StepOutput apply(const StepContext& context) const override;

 private:
  [[nodiscard]] const SourceFile& archive() const;
  [[nodiscard]] std::vector<SourceFile> find_files(const StepContext& context, std::optional<TempDir>& work) const;
  /// What the files that come out depend on.
  void add_content_fields(plan::KeyRecord& record) const;

  recipe::CopyStep copy_;
  HostFiles source_;
};

}  // namespace blueprint::steps
