#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/file.h"
#include "builder/plan/key_record.h"
#include "builder/recipe/recipe.h"
#include "builder/steps/input_digests.h"
#include "builder/steps/source_image.h"
#include "layers/changeset.h"

namespace blueprint::steps {

/// One file that is copied.
struct SourceFile {
  std::string path;  ///< below the source; "" for the source itself
  std::string name;  ///< of the source itself: its last component
  layers::FileType type = layers::FileType::Regular;
  layers::Metadata metadata;  ///< of the host's files only the mode
  std::uint64_t size = 0;
  std::string target;  ///< symlink
  Digest data_digest;
  layers::DataSource data;
};

/// Files that a layer copies or that a script sees.
class FileSource {
 public:
  virtual ~FileSource() = default;

  /// Sorted by path, a directory before what is in it. Looks once; later calls answer the same. Throws Error (R11x)
  /// when there is nothing, or something that cannot be copied.
  [[nodiscard]] const std::vector<SourceFile>& files() const;
  /// Whether owner, times and attributes of the files mean something.
  enum class Owners { Meaningless, Kept };
  [[nodiscard]] virtual Owners owners() const = 0;
  /// What the source is called, for people.
  [[nodiscard]] virtual std::string name() const = 0;

  /// Adds every file with all that is copied of it. `prefix` tells several sources of one layer apart.
  void add_key_fields(plan::KeyRecord& record, const std::string& prefix = "") const;

 protected:
  [[nodiscard]] virtual std::vector<SourceFile> find() const = 0;

 private:
  mutable std::once_flag found_;
  mutable std::vector<SourceFile> files_;
};

/// Files of the host, beside the recipe.
///
/// What a checkout leaves to chance is not copied: modes are 0644 or 0755 by the owner's execute bit (unless the copy
/// says `mode`), owners and times mean nothing. So another clone, umask or user gives the same layer.
class HostFiles final : public FileSource {
 public:
  /// `directory` is where relative sources start. `digests` must outlive the object.
  HostFiles(recipe::CopyStep copy, std::string directory, InputDigests& digests)
      : copy_(std::move(copy)), directory_(std::move(directory)), digests_(digests) {}
  [[nodiscard]] Owners owners() const override { return Owners::Meaningless; }
  [[nodiscard]] std::string name() const override { return copy_.from.value; }

 protected:
  /// Throws Error R110 when the source is missing, R111 for a file that cannot be copied (a socket, a device).
  [[nodiscard]] std::vector<SourceFile> find() const override;

 private:
  void scan(const std::string& host_path, const std::string& path, std::vector<SourceFile>& found) const;

  recipe::CopyStep copy_;
  std::string directory_;
  InputDigests& digests_;
};

/// Files of an image, by its tree: nothing is unpacked, and their data is cited. A source that is a symbolic link is
/// what it leads to; links below a source are copied as they are.
class ImageFiles final : public FileSource {
 public:
  ImageFiles(recipe::CopyStep copy, std::shared_ptr<const SourceImage> image)
      : copy_(std::move(copy)), image_(std::move(image)) {}
  [[nodiscard]] Owners owners() const override { return Owners::Kept; }
  [[nodiscard]] std::string name() const override { return copy_.path.value; }

 protected:
  /// Throws Error R110, with near names, when the image has nothing there; R111 for a device.
  [[nodiscard]] std::vector<SourceFile> find() const override;

 private:
  [[nodiscard]] std::vector<const layers::FileTree::Entry*> matches() const;
  void add(const layers::FileTree::Entry& entry, const std::string& path, std::vector<SourceFile>& found) const;

  recipe::CopyStep copy_;
  std::shared_ptr<const SourceImage> image_;
};

/// Writes the files of `source` to `place` of the host, which does not exist yet but whose directory does: a directory
/// or, when the source is one file, a file. Owned by root, times at `epoch`.
void write_files(const FileSource& source, const layers::Store& store, const std::filesystem::path& place,
                 std::int64_t epoch);

}  // namespace blueprint::steps
