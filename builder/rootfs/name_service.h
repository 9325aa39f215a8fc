#pragma once

#include <optional>
#include <string>

#include "base/root_dir.h"

namespace blueprint::rootfs {

/// Makes the host's resolv.conf the root's own while a command with the host's network runs, without leaving a trace in
/// the tree:
/// - a root without the file gets a symbolic link into /run, removed afterwards if it is still that link;
/// - a link into /run (systemd-resolved's) is given its target there;
/// - a file of the image's own is covered by a mount.
/// Mounting over the file is the last resort: a command that replaces it, as systemd-resolved's postinst does, would
/// fail.
class NameService {
 public:
  /// `root` must outlive this.
  explicit NameService(const RootDir& root);
  ~NameService();
  NameService(const NameService&) = delete;
  NameService& operator=(const NameService&) = delete;

  /// Where in the container the host's file must be bound; nothing when the root's link leads elsewhere.
  [[nodiscard]] const std::optional<std::string>& target() const { return target_; }

 private:
  const RootDir& root_;
  std::optional<std::string> target_;
  bool link_is_ours_ = false;
};

}  // namespace blueprint::rootfs
