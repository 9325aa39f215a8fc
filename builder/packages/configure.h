#pragma once

#include <deque>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/events.h"
#include "builder/packages/unpack_staging.h"
#include "builder/rootfs/build_root.h"

namespace blueprint::packages {

/// Follows dpkg's output: which package is at work, how many have been, and the last lines of the one that failed.
class DpkgOutput {
 public:
  /// Complete lines only; keeps what follows the last newline for the next call.
  void take(std::string_view chunk);

  [[nodiscard]] const std::string& package() const { return package_; }
  [[nodiscard]] std::size_t begun() const { return begun_; }
  /// Of the package that failed, or of the one at work; at most 40.
  [[nodiscard]] std::vector<std::string> last_lines() const;
  /// dpkg's own words about the first package that it could not configure; empty when there was none.
  [[nodiscard]] const std::string& complaint() const { return complaint_; }

 private:
  void line(std::string_view text);
  std::string partial_;
  std::string package_;
  std::size_t begun_ = 0;
  std::deque<std::string> lines_;
  std::string failed_package_;
  std::vector<std::string> failed_lines_;
  std::string complaint_;
  bool complaint_follows_ = false;
};

/// Runs dpkg and maintainer scripts in a root.
class Configurer {
 public:
  /// All must outlive this. `total` packages will be configured in all; `stage` is where progress is told.
  Configurer(rootfs::BuildRoot& root, Events& events, std::string stage, std::size_t total, std::stop_token stop);

  /// The preinst of every package, `install`, in this order, as dpkg would before it unpacks them; before that,
  /// `configure_first` (info names) are configured. Throws Error P104; Interrupted.
  void run_preinsts(const std::vector<const StagedPackage*>& packages, const std::vector<std::string>& configure_first);
  /// dpkg --configure of these, in this order, whatever their dependencies say: for essential packages, which may not
  /// need an order.
  void configure_essential(const std::vector<std::string>& info_names);
  /// dpkg --configure of these, in this order as far as their dependencies allow, or of all that is pending when there
  /// are none; triggers at the end. Afterwards dpkg --audit must have nothing to say (Error P105).
  void configure(const std::vector<std::string>& info_names);
  /// dpkg --unpack of .deb files in `debs`, in this order, by dpkg itself.
  void unpack_with_dpkg(const std::filesystem::path& debs, const std::vector<std::string>& files);
  /// Runs a script of ours; throws Error P104.
  void run_script(const std::string& script, const rootfs::RunOptions& base = {});

 private:
  rootfs::BuildRoot& root_;
  Events& events_;
  std::string stage_;
  std::size_t total_;
  std::size_t done_ = 0;
  std::stop_token stop_;
};

/// While this lives, no maintainer script starts a service (policy-rc.d), man-db rebuilds no index, and dpkg's choices
/// about conffiles are made.
class QuietRoot {
 public:
  explicit QuietRoot(const RootDir& root);
  ~QuietRoot();
  QuietRoot(const QuietRoot&) = delete;
  QuietRoot& operator=(const QuietRoot&) = delete;

 private:
  const RootDir& root_;
  bool made_policy_ = false;
};

}  // namespace blueprint::packages
