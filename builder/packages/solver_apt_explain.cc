#include "builder/packages/solver_apt_explain.h"

#include <memory>
#include <set>

#include <apt-pkg/depcache.h>
#include <fmt/format.h>

namespace blueprint::packages {
namespace {

constexpr std::size_t kMaxLines = 24;
constexpr int kMaxDepth = 4;

class Explainer {
 public:
  explicit Explainer(pkgDepCache& depcache) : depcache_(depcache) {}

  std::vector<std::string> explain() {
    for (auto package = depcache_.PkgBegin(); !package.end(); ++package) {
      if (depcache_[package].InstBroken())
        explain_package(package, depcache_[package].InstVerIter(depcache_), pkgDepCache::DepGInstall, 0);
    }
    return std::move(lines_);
  }

 private:
  /// One line per group of alternatives of `version` that `state` (a DepG… bit) says is not satisfied.
  void explain_package(const pkgCache::PkgIterator& package, const pkgCache::VerIterator& version, unsigned char state,
                       int depth) {
    if (version.end() || !seen_.insert(package->ID).second || depth > kMaxDepth) return;
    for (auto dependency = version.DependsList(); !dependency.end();) {
      pkgCache::DepIterator start;
      pkgCache::DepIterator end;
      dependency.GlobOr(start, end);
      if (!depcache_.IsImportantDep(end) || (depcache_[end] & state) == state) continue;
      explain_group(package, start, end, depth);
    }
  }

  void explain_group(const pkgCache::PkgIterator& package, pkgCache::DepIterator start,
                     const pkgCache::DepIterator& end, int depth) {
    std::string line = fmt::format("{}{}{} : {}: ", std::string(static_cast<std::size_t>(depth) * 2, ' '),
                                   package.FullName(true), depth == 0 ? needed_by(package) : "", end.DepType());
    std::vector<pkgCache::PkgIterator> deeper;
    for (bool more = true; more; ++start) {
      more = start != end;
      line += start.TargetPkg().FullName(true);
      if (start->Version != 0) line += fmt::format(" ({} {})", start.CompType(), start.TargetVer());
      line += reason(start, deeper);
      if (more) line += " or ";
    }
    if (lines_.size() < kMaxLines) lines_.push_back(std::move(line));
    for (const auto& target : deeper) {
      explain_package(target, depcache_[target].CandidateVerIter(depcache_), pkgDepCache::DepGCVer, depth + 1);
    }
  }

  /// " (needed by NAME)" for a package that nobody asked for: which of those that are being installed pulls it in.
  std::string needed_by(const pkgCache::PkgIterator& package) {
    if ((depcache_[package].Flags & pkgCache::Flag::Auto) == 0) return "";
    for (auto dependency = package.RevDependsList(); !dependency.end(); ++dependency) {
      const auto parent = dependency.ParentPkg();
      const bool installing =
          depcache_[parent].Install() && depcache_[parent].InstVerIter(depcache_) == dependency.ParentVer();
      if (installing && depcache_.IsImportantDep(dependency))
        return fmt::format(" (needed by {})", parent.FullName(true));
    }
    return "";
  }

  std::string reason(const pkgCache::DepIterator& dependency, std::vector<pkgCache::PkgIterator>& deeper) {
    const auto target = dependency.TargetPkg();
    const auto installed = depcache_[target].InstVerIter(depcache_);
    if (!installed.end()) return fmt::format(" but {} is to be installed", installed.VerStr());
    const auto candidate = depcache_[target].CandidateVerIter(depcache_);
    if (!candidate.end() && dependency->Version != 0) {
      // apt would say "not going to be installed" here, which hides that no version will ever do.
      const std::unique_ptr<pkgCache::Version*[]> fitting(dependency.AllTargets());
      if (fitting[0] == nullptr) return fmt::format(" but the newest is {}", candidate.VerStr());
    }
    if (!candidate.end()) {
      deeper.push_back(target);
      return " but it is not going to be installed";
    }
    return target.ProvidesList().end() ? " but it is not installable" : " but it is a virtual package";
  }

  pkgDepCache& depcache_;
  std::vector<std::string> lines_;
  std::set<unsigned long> seen_;
};

}  // namespace

std::vector<std::string> explain_broken(pkgDepCache& depcache) { return Explainer(depcache).explain(); }

}  // namespace blueprint::packages
