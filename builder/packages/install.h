#pragma once

#include <filesystem>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/events.h"
#include "base/thread_pool.h"
#include "builder/packages/lock.h"
#include "builder/rootfs/build_root.h"
#include "layers/image.h"

namespace blueprint::packages {

/// Who unpacks. Both give the same tree and the same database; the tests compare them.
enum class Unpacker {
  Own,   ///< all packages at once, in parallel; upgrades of what is configured in a parent still go to dpkg
  Dpkg,  ///< dpkg --unpack, one after the other; needs a root that has dpkg
};

struct InstallRequest {
  std::vector<LockedPackage> packages;  ///< in configure order
  std::filesystem::path debs;           ///< HEX.deb
  bool bootstrap = false;               ///< the root is empty: essential packages first
  std::string
      apt_sources;  ///< deb822 text for etc/apt/sources.list.d/NAME.sources in a bootstrapped root; may be empty
  std::string sources_name;  ///< "ubuntu" or "debian"
  std::int64_t epoch = 0;
  std::string stage;  ///< for events
  Unpacker unpacker = Unpacker::Own;
};

/// Unpacks and configures `packages` in `root` as dpkg would (docs/decisions/0005-installing-packages.md), then
/// normalises the root: logs, caches, ids and backup files. `dpkg --audit` is empty afterwards. Throws Error P1xx
/// naming the package: damaged .deb, file conflicts, a maintainer script that failed (with its last 40 lines), hostile
/// archive members; Interrupted. After a throw the root is to be thrown away.
void install_packages(rootfs::BuildRoot& root, const InstallRequest& request, ThreadPool& pool, Events& events,
                      std::stop_token stop);

/// The packages of a dpkg status text that are installed, sorted by name.
[[nodiscard]] std::vector<layers::InstalledPackage> installed_packages(std::string_view dpkg_status);

}  // namespace blueprint::packages
