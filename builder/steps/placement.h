#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "builder/recipe/recipe.h"
#include "builder/steps/accounts.h"
#include "layers/changeset.h"
#include "layers/file_tree.h"

namespace blueprint::steps {

/// Puts files at absolute paths of an image without running anything in it: resolves the image's own symbolic links on
/// the way
/// (/bin/x is usr/bin/x), makes missing parent directories (0755, root), and refuses what cannot be. Collects the
/// changes.
class Placement {
 public:
  /// Both must outlive the object.
  Placement(const layers::FileTree& tree, std::int64_t epoch) : tree_(tree), epoch_(epoch) {}

  /// Where `path` ("/opt/app/x") really is: clean, relative, parents resolved. Adds Puts for missing parents. Throws
  /// Error R102 at `where` when a parent is a file, or a symbolic link that leads nowhere.
  std::string make_place(std::string_view path, const SourceSpan& where);

  /// Throws Error R103 when a file would replace a directory of the image.
  struct Data {
    std::uint64_t size = 0;
    Digest digest;  ///< data_digest when known, else zero
    layers::DataSource source;
  };
  void put_file(const std::string& place, layers::Metadata metadata, Data data, const SourceSpan& where);
  void put_symlink(const std::string& place, layers::Metadata metadata, std::string target, const SourceSpan& where);
  /// A directory that the image already has gets `metadata`.
  void put_directory(const std::string& place, layers::Metadata metadata, const SourceSpan& where);

  [[nodiscard]] layers::Metadata metadata(std::uint32_t mode, Accounts::Owner owner) const;
  /// The changes, sorted.
  [[nodiscard]] std::vector<layers::PlannedChange> take();

 private:
  void refuse_directory(const std::string& place, const SourceSpan& where) const;
  const layers::FileTree& tree_;
  std::int64_t epoch_;
  std::set<std::string> directories_;  ///< put by this layer
  std::vector<layers::PlannedChange> changes_;
};

}  // namespace blueprint::steps
