// Partial updates of a lock, in apt's own terms: the locked version of a package gets a higher priority than any other,
// as a pin in preferences.d would give it, and then apt solves as always.
//
// What that leaves to us is to know which pins have to give way. apt does not look for it: with libc6 pinned, a newer
// curl that needs a newer libc6 is an error to it. So we walk what is held until nothing more moves: the needs of what
// became newer, and what is held but breaks because of that (libc6-dev needs libc6 of exactly its own version). A
// package moves at most once, to the newest version, so the walk ends. It may let go of one pin more than a perfect
// search would; it never keeps a combination that apt would refuse and that the newest versions would not have.

#include "builder/packages/solver_apt_pins.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>

#include <apt-pkg/pkgsystem.h>
#include <apt-pkg/version.h>

namespace blueprint::packages {
namespace {

using PkgIterator = pkgCache::PkgIterator;
using VerIterator = pkgCache::VerIterator;
using DepIterator = pkgCache::DepIterator;

bool newer(const char* a, const char* b) { return _system->VS->CmpVersion(a, b) > 0; }

bool downloadable(const VerIterator& version) {
  for (auto file = version.FileList(); !file.end(); ++file) {
    if (!file.File().Flagged(pkgCache::Flag::NotSource)) return true;
  }
  return false;
}

VerIterator find_version(const PkgIterator& package, const Pin& pin) {
  for (auto version = package.VersionList(); !version.end(); ++version) {
    if (pin.version == version.VerStr() && pin.architecture == version.Arch() && downloadable(version)) return version;
  }
  return {};
}

class PinWalk {
 public:
  PinWalk(pkgCache& cache, pkgPolicy& free, const SolverRequest& request)
      : cache_(cache), free_(free), request_(request) {}

  PinnedVersions run() {
    for (const auto& pin : request_.pins) hold(pin);
    for (const auto& layer : request_.layers) {
      for (const auto& word : layer.words) want(word);
    }
    while (settle_all()) {
    }
    for (const auto& [id, held] : held_) {
      if (held.pinned) result_.versions.push_back(held.version);
    }
    return std::move(result_);
  }

 private:
  struct Held {
    PkgIterator package;
    VerIterator version;
    bool moved = false;   ///< it is what it would be without pins
    bool pinned = false;  ///< the lock has it
  };

  void hold(const Pin& pin);
  void want(const std::string& word);
  bool refreshed(const Pin& pin) const;
  bool settle_all();
  bool settle(Held& held);
  bool settle_need(Held& held, const DepIterator& first, const DepIterator& last);
  bool settle_conflict(Held& held, const DepIterator& dependency);
  bool satisfied(const DepIterator& first, const DepIterator& last);
  bool satisfy(const DepIterator& first, const DepIterator& last);
  bool move(Held& held);
  Held* find(const PkgIterator& package) {
    const auto found = held_.find(package->ID);
    return found == held_.end() ? nullptr : &found->second;
  }
  /// Calls `visit` with each version that one of the alternatives names, until it answers true.
  template <typename Visit>
  bool any_target(DepIterator first, const DepIterator& last, Visit visit) {
    while (true) {
      const std::unique_ptr<pkgCache::Version*[]> targets(first.AllTargets());
      for (pkgCache::Version** target = targets.get(); *target != nullptr; ++target) {
        if (visit(VerIterator(cache_, *target))) return true;
      }
      if (first == last) return false;
      ++first;
    }
  }

  pkgCache& cache_;
  pkgPolicy& free_;
  const SolverRequest& request_;
  std::map<unsigned long, Held> held_;  ///< by package id
  PinnedVersions result_;
};

bool PinWalk::refreshed(const Pin& pin) const {
  const auto& names = request_.scope.names;
  return request_.scope.what == UpdateScope::What::Named &&
         std::find(names.begin(), names.end(), pin.name) != names.end();
}

void PinWalk::hold(const Pin& pin) {
  const auto package = cache_.FindPkg(pin.name, pin.architecture == "all" ? cache_.NativeArch() : pin.architecture);
  if (package.end() || package.VersionList().end()) {
    result_.gone.push_back(pin);
    return;
  }
  Held held{.package = package, .version = find_version(package, pin), .moved = false, .pinned = true};
  // The parent image may have become newer than the lock; what it has, stays.
  const auto current = package.CurrentVer();
  if (!current.end() && newer(current.VerStr(), pin.version.c_str())) held.version = current;
  const auto newest = free_.GetCandidateVer(package);
  if (request_.scope.what == UpdateScope::What::Security) {
    const auto secure = newest_in(package, request_.security_lists);
    if (!secure.end() && newer(secure.VerStr(), pin.version.c_str())) {
      held.version = secure;
      held.moved = secure == newest;
    }
  } else if (refreshed(pin) && !newest.end() && newer(newest.VerStr(), pin.version.c_str())) {
    held.version = newest;
    held.moved = true;
  }
  if (held.version.end()) {
    result_.gone.push_back(pin);
    if (newest.end()) return;
    held.version = newest;
    held.moved = true;
  }
  // Of a package that the lock has in two layers, the later one is what is installed in the end.
  held_.insert_or_assign(package->ID, held);
}

/// A word of the recipe that the lock does not know yet.
void PinWalk::want(const std::string& word) {
  if (word.ends_with('-')) return;
  auto package = cache_.FindPkg(word);
  if (package.end()) package = cache_.FindPkg(word.substr(0, word.find_first_of("=/")));
  if (package.end() || held_.contains(package->ID)) return;
  const auto newest = free_.GetCandidateVer(package);
  if (!newest.end()) held_[package->ID] = {.package = package, .version = newest, .moved = true, .pinned = false};
}

bool PinWalk::move(Held& held) {
  if (held.moved) return false;
  held.moved = true;
  const auto newest = free_.GetCandidateVer(held.package);
  if (newest.end() || !newer(newest.VerStr(), held.version.VerStr())) return false;
  held.version = newest;
  return true;
}

bool PinWalk::satisfied(const DepIterator& first, const DepIterator& last) {
  return any_target(first, last, [&](const VerIterator& target) {
    const auto package = target.ParentPkg();
    const Held* held = find(package);
    return held != nullptr ? held->version == target : package.CurrentVer() == target;
  });
}

/// Lets go of the first package that would do, or counts on one that is not there yet.
bool PinWalk::satisfy(const DepIterator& first, const DepIterator& last) {
  return any_target(first, last, [&](const VerIterator& target) {
    const auto package = target.ParentPkg();
    if (free_.GetCandidateVer(package) != target) return false;
    if (Held* held = find(package)) return move(*held);
    held_[package->ID] = {.package = package, .version = target, .moved = true, .pinned = false};
    return true;
  });
}

bool PinWalk::settle_need(Held& held, const DepIterator& first, const DepIterator& last) {
  if (satisfied(first, last)) return false;
  if (!held.moved && move(held)) return true;
  return satisfy(first, last);
}

bool PinWalk::settle_conflict(Held& held, const DepIterator& dependency) {
  return any_target(dependency, dependency, [&](const VerIterator& target) {
    Held* other = find(target.ParentPkg());
    if (other == nullptr || other == &held || other->version != target) return false;
    return held.moved ? move(*other) : move(held) || move(*other);
  });
}

bool PinWalk::settle(Held& held) {
  for (auto dependency = held.version.DependsList(); !dependency.end();) {
    DepIterator first;
    DepIterator last;
    dependency.GlobOr(first, last);
    const auto type = last->Type;
    if (type == pkgCache::Dep::Depends || type == pkgCache::Dep::PreDepends) {
      if (settle_need(held, first, last)) return true;
    } else if (type == pkgCache::Dep::Conflicts || type == pkgCache::Dep::DpkgBreaks) {
      if (settle_conflict(held, last)) return true;
    }
  }
  return false;
}

bool PinWalk::settle_all() {
  std::vector<unsigned long> ids;  // settling adds to the map
  ids.reserve(held_.size());
  for (const auto& [id, held] : held_) ids.push_back(id);
  bool changed = false;
  for (const auto id : ids) {
    while (settle(held_.at(id))) changed = true;
  }
  return changed;
}

}  // namespace

PinnedVersions choose_pinned(pkgCache& cache, pkgPolicy& free, const SolverRequest& request) {
  if (request.scope.what == UpdateScope::What::Everything) return {};
  return PinWalk(cache, free, request).run();
}

VerIterator newest_in(const PkgIterator& package, const std::vector<std::string>& lists,
                      const std::optional<std::string>& limit) {
  for (auto version = package.VersionList(); !version.end(); ++version) {  // the newest comes first
    if (limit && newer(version.VerStr(), limit->c_str())) continue;
    for (auto file = version.FileList(); !file.end(); ++file) {
      if (file.File().FileName() == nullptr) continue;
      const auto list = std::filesystem::path(file.File().FileName()).filename().string();
      if (std::find(lists.begin(), lists.end(), list) != lists.end()) return version;
    }
  }
  return {};
}

}  // namespace blueprint::packages
