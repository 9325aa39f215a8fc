#include "builder/packages/solver_apt_words.h"

#include <algorithm>
#include <set>
#include <vector>

#include <apt-pkg/versionmatch.h>
#include <fnmatch.h>

#include "base/text.h"

namespace blueprint::packages {
namespace {

bool exists(const pkgCache::PkgIterator& package) {
  return !package.end() && (!package.VersionList().end() || !package.ProvidesList().end());
}

SolverFault fault(SolverFault::Kind kind, std::string subject, std::vector<std::string> choices = {}) {
  return {.kind = kind, .subject = std::move(subject), .choices = std::move(choices), .lines = {}};
}

std::vector<std::string> near_packages(const std::string& name, pkgCache& cache) {
  std::vector<std::string> names;
  for (auto group = cache.GrpBegin(); !group.end(); ++group) {
    const std::string_view candidate = group.Name();
    // The distance is at least the difference in length: most of 60,000 names need no table.
    const auto longer = std::max(candidate.size(), name.size());
    const auto shorter = std::min(candidate.size(), name.size());
    if (longer - shorter > std::max<std::size_t>(2, name.size() / 3)) continue;
    const auto package = group.FindPreferredPkg();
    if (exists(package) && !package.VersionList().end()) names.emplace_back(candidate);
  }
  std::sort(names.begin(), names.end());
  return near_names(name, names);
}

std::vector<std::string> versions_of(const pkgCache::PkgIterator& package) {
  std::vector<std::string> versions;
  for (auto version = package.VersionList(); !version.end(); ++version) versions.emplace_back(version.VerStr());
  return versions;
}

std::vector<std::string> providers_of(const pkgCache::PkgIterator& package, pkgDepCache& depcache) {
  std::set<std::string> names;
  for (auto provider = package.ProvidesList(); !provider.end(); ++provider) {
    const auto owner = provider.OwnerPkg();
    if (depcache[owner].CandidateVerIter(depcache) == provider.OwnerVer()) names.insert(owner.FullName(true));
  }
  return {names.begin(), names.end()};
}

std::vector<std::string> releases_of(const pkgCache::PkgIterator& package) {
  std::set<std::string> names;
  for (auto version = package.VersionList(); !version.end(); ++version) {
    for (auto file = version.FileList(); !file.end(); ++file) {
      if (file.File().Codename() == nullptr || file.File().Archive() == nullptr) continue;
      // Debian's pockets have code names of their own, and suites such as "oldstable-updates"; Ubuntu's share one code
      // name.
      const std::string codename = file.File().Codename();
      const std::string archive = file.File().Archive();
      names.insert(archive.starts_with(codename + "-") ? archive : codename);
    }
  }
  return {names.begin(), names.end()};
}

/// A virtual package that only one package provides stands for it, as for apt-get.
std::variant<pkgCache::PkgIterator, SolverFault> real_package(const pkgCache::PkgIterator& package,
                                                              pkgDepCache& depcache) {
  if (!package.VersionList().end()) return package;
  const auto providers = providers_of(package, depcache);
  if (providers.size() != 1) return fault(SolverFault::Kind::Virtual, package.Name(), providers);
  return depcache.GetCache().FindPkg(providers.front());
}

std::variant<Wish, SolverFault> with_version(Wish wish, const std::string& pattern) {
  // The list is sorted, newest first.
  for (auto version = wish.package.VersionList(); !version.end(); ++version) {
    if (pattern == version.VerStr() || ::fnmatch(pattern.c_str(), version.VerStr(), 0) == 0) {
      wish.version = version;
      return wish;
    }
  }
  auto unknown = fault(SolverFault::Kind::UnknownVersion, pattern, versions_of(wish.package));
  unknown.lines = {wish.package.Name()};
  return unknown;
}

std::variant<Wish, SolverFault> with_release(Wish wish, const std::string& release) {
  pkgVersionMatch match(release, pkgVersionMatch::Release);
  wish.version = match.Find(wish.package);
  wish.release = release;
  if (!wish.version.end()) return wish;
  auto unknown = fault(SolverFault::Kind::UnknownSuite, release, releases_of(wish.package));
  unknown.lines = {wish.package.Name()};
  return unknown;
}

}  // namespace

std::variant<Wish, SolverFault> parse_wish(const std::string& word, pkgDepCache& depcache,
                                           const std::string& architecture) {
  auto& cache = depcache.GetCache();
  std::string name = word;
  std::string version;
  std::string release;
  if (const auto equals = name.find('='); equals != std::string::npos) {
    version = name.substr(equals + 1);
    name.resize(equals);
  } else if (const auto slash = name.find('/'); slash != std::string::npos) {
    release = name.substr(slash + 1);
    name.resize(slash);
  }
  Wish wish;
  if (!exists(cache.FindPkg(name)) && (name.ends_with('-') || name.ends_with('+'))) {
    if (name.ends_with('-')) wish.action = Wish::Action::Avoid;
    name.pop_back();
  }
  if (const auto colon = name.find(':'); colon != std::string::npos) {
    const std::string asked = name.substr(colon + 1);
    if (asked != architecture && asked != "all" && asked != "native" && asked != "any") {
      return fault(SolverFault::Kind::UnknownArchitecture, asked, {architecture});
    }
  }
  const auto found = cache.FindPkg(name);
  if (!exists(found)) {
    // Not to install what does not exist is easily granted.
    if (wish.action == Wish::Action::Avoid) return wish;
    return fault(SolverFault::Kind::UnknownPackage, name, near_packages(name.substr(0, name.find(':')), cache));
  }
  if (wish.action == Wish::Action::Avoid) {
    wish.package = found;
    return wish;
  }
  auto real = real_package(found, depcache);
  if (auto* unclear = std::get_if<SolverFault>(&real)) return *unclear;
  wish.package = std::get<pkgCache::PkgIterator>(real);
  if (!version.empty()) return with_version(wish, version);
  if (!release.empty()) return with_release(wish, release);
  return wish;
}

}  // namespace blueprint::packages
