#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "layers/changeset.h"
#include "layers/oci_layer.h"

namespace blueprint::layers {

/// Merges the layers of a container image into one changeset, as a runtime would show them (image-spec, layer.md): a
/// whiteout hides what the layers below have and nothing of its own layer, wherever in the tar it stands; a directory
/// over a directory keeps what is in it; anything else replaces.
///
/// Symbolic links on the way to a member are followed inside the image, as containerd does, and never lead out of it:
/// the host's files are not touched at all. Pure.
class OciFlattening {
 public:
  /// Times later than `epoch` become it.
  explicit OciFlattening(std::int64_t epoch);
  ~OciFlattening();
  OciFlattening(const OciFlattening&) = delete;
  OciFlattening& operator=(const OciFlattening&) = delete;

  /// Adds the layer above those that were added before. `layer` is its name in messages. Throws Error O009 for a member
  /// that cannot be placed: below a file, through a link that leads nowhere or in a circle, a hard link to nothing.
  void add(std::vector<OciMember> members, std::string_view layer);

  /// The whole image as changes of an empty file system, sorted.
  [[nodiscard]] std::vector<PlannedChange> take();

 private:
  struct File;
  struct Node;
  class Walk;
  void put(OciMember member);
  void link(const OciMember& member);
  void hide(const std::string& path);
  void hide_below(Node& directory) const;
  Node& place_of(const std::string& path, std::string& name);
  [[noreturn]] void refuse(std::string_view path, std::string_view why) const;

  std::int64_t epoch_;
  std::unique_ptr<Node> root_;
  unsigned number_ = 0;  ///< of the layer that is added
  std::string layer_;
};

}  // namespace blueprint::layers
