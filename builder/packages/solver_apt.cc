// apt's solver, used the way apt-get uses it.
//
// The directory that the request names holds a sources.list and lists/ made by prepare_lists: apt finds there what it
// would have downloaded itself, already verified, under the name of a host that does not exist. Nothing of the host's
// own apt or dpkg is read. apt's parsed source cache is kept in that directory, so a second solve of the same indices
// reads that instead of 50 MB of text (0.02 s instead of 0.5 s).
//
// A layer is solved as `apt-get install WORDS` would on a system in which the layers before it are installed: the
// earlier choices marked and protected, then the words without and then with their dependencies, then the problem
// resolver. What an earlier layer has installed is never removed: layers only add, or bring a newer version.

#include "builder/packages/solver_apt.h"

#include <map>
#include <memory>
#include <optional>

#include <apt-pkg/algorithms.h>
#include <apt-pkg/cachefile.h>
#include <apt-pkg/configuration.h>
#include <apt-pkg/depcache.h>
#include <apt-pkg/error.h>
#include <apt-pkg/init.h>
#include <apt-pkg/pkgrecords.h>
#include <apt-pkg/pkgsystem.h>
#include <apt-pkg/policy.h>
#include <apt-pkg/progress.h>
#include <fmt/format.h>

#include "base/file.h"
#include "builder/packages/solver_apt_config.h"
#include "builder/packages/solver_apt_explain.h"
#include "builder/packages/solver_apt_pins.h"
#include "builder/packages/solver_apt_words.h"

namespace blueprint::packages {
namespace fs = std::filesystem;
namespace {

/// Above any that a repository gives its packages (990 for a target release), below the one that lets apt install an
/// older version than the parent image has (apt_preferences(5)).
constexpr signed short kPinPriority = 999;

/// Whether Recommends count is a matter of the layer, so it cannot come from apt's global configuration.
class LayerPolicy final : public pkgPolicy {
 public:
  LayerPolicy(pkgCache* cache, bool recommends) : pkgPolicy(cache), recommends_(recommends) {}
  bool IsImportantDep(pkgCache::DepIterator const& dependency) const override {
    return dependency.IsCritical() || (recommends_ && dependency->Type == pkgCache::Dep::Recommends);
  }

  /// As an entry of preferences.d for this version would. (SetPriority for a version has no effect in apt 2.6.)
  void pin(const pkgCache::VerIterator& version) {
    CreatePin(pkgVersionMatch::Version, version.ParentPkg().FullName(false), version.VerStr(), kPinPriority);
  }

 private:
  bool recommends_;
};

/// A package that an earlier layer installs.
struct Chosen {
  pkgCache::VerIterator version;
  bool manual = false;
};

/// apt's view of what is and will be installed. To start one takes 0.15 s for Debian's 60,000 packages, so layers that
/// ask alike share it: what one has marked is what the next finds installed.
struct Workspace {
  Workspace(pkgCache& cache, bool follow_recommends, const std::vector<pkgCache::VerIterator>& pinned)
      : recommends(follow_recommends), policy(&cache, follow_recommends), depcache(&cache, &policy) {
    for (const auto& version : pinned) policy.pin(version);
    OpProgress silent;
    if (!depcache.Init(&silent)) throw apt_failed("start its dependency cache");
  }

  bool recommends;
  /// A layer has set candidates or forbidden packages, which must not hold for the next.
  bool biased = false;
  LayerPolicy policy;
  pkgDepCache depcache;  ///< keeps a pointer to the policy
};

class LayerSolver {
 public:
  LayerSolver(pkgCache& cache, Workspace& workspace, const SolverRequest& request, std::size_t layer)
      : cache_(cache),
        request_(request),
        number_(layer),
        layer_(request.layers[layer]),
        workspace_(workspace),
        depcache_(workspace.depcache),
        resolver_(&workspace.depcache) {}

  /// Faults, or none and then solution() is valid.
  std::vector<SolverFault> solve(const std::vector<Chosen>& earlier);
  std::vector<SolvedPackage> solution(pkgRecords& records);
  /// What to pass to the next layer.
  [[nodiscard]] std::vector<Chosen> chosen() const;

 private:
  void mark_earlier(const std::vector<Chosen>& earlier);
  std::vector<Wish> base_wishes();
  void mark(const std::vector<Wish>& wishes);
  void drop_garbage();
  std::vector<SolverFault> check(const std::vector<Wish>& wishes);
  [[nodiscard]] bool is_new(const pkgCache::PkgIterator& package) const;
  SolverFault layer_fault(SolverFault::Kind kind);
  SolvedPackage describe(const pkgCache::PkgIterator& package, pkgRecords& records);
  std::vector<SolvedEdge> needs_of(const pkgCache::VerIterator& version,
                                   const std::map<unsigned long, std::size_t>& numbers);

  pkgCache& cache_;
  const SolverRequest& request_;
  std::size_t number_;
  const SolverLayer& layer_;
  Workspace& workspace_;
  pkgDepCache& depcache_;
  pkgProblemResolver resolver_;
  std::map<unsigned long, Chosen> earlier_;  ///< by package id
};

void LayerSolver::mark_earlier(const std::vector<Chosen>& earlier) {
  pkgDepCache::ActionGroup group(depcache_);
  for (const auto& each : earlier) {
    const auto package = each.version.ParentPkg();
    earlier_[package->ID] = each;
    if (!depcache_[package].Install() || depcache_[package].InstVerIter(depcache_) != each.version) {
      depcache_.SetCandidateVersion(each.version);
      depcache_.MarkInstall(package, false, 0, each.manual);
    }
    resolver_.Clear(package);
    resolver_.Protect(package);
  }
}

/// Essential packages and apt itself, which a system needs to live on; for a standard base also what Debian policy 2.5
/// gives the priorities required and important.
std::vector<Wish> LayerSolver::base_wishes() {
  std::vector<Wish> wishes;
  if (layer_.base == Base::None) return wishes;
  for (auto package = depcache_.PkgBegin(); !package.end(); ++package) {
    if (std::string_view(package.Arch()) != cache_.NativeArch()) continue;
    const auto candidate = depcache_[package].CandidateVerIter(depcache_);
    if (candidate.end()) continue;
    const bool essential = (package->Flags & pkgCache::Flag::Essential) != 0;
    const bool standard = layer_.base == Base::Standard && (candidate->Priority == pkgCache::State::Required ||
                                                            candidate->Priority == pkgCache::State::Important);
    if (essential || standard || std::string_view(package.Name()) == "apt")
      wishes.push_back({.package = package, .release = {}});
  }
  return wishes;
}

void LayerSolver::mark(const std::vector<Wish>& wishes) {
  pkgDepCache::ActionGroup group(depcache_);
  for (const auto& wish : wishes) {
    if (wish.action == Wish::Action::Avoid || !wish.version.end()) workspace_.biased = true;
  }
  for (const auto& wish : wishes) {
    if (wish.action != Wish::Action::Avoid || wish.package.end()) continue;
    resolver_.Clear(wish.package);
    resolver_.Protect(wish.package);
    resolver_.Remove(wish.package);
    depcache_.MarkDelete(wish.package);
    depcache_.MarkProtected(wish.package);
  }
  for (const auto& wish : wishes) {
    if (wish.action != Wish::Action::Install) continue;
    if (!wish.version.end()) depcache_.SetCandidateVersion(wish.version);
    depcache_.MarkInstall(wish.package, false);
    // MarkInstall of what is installed already, only automatically so far, still makes it wanted.
    depcache_.MarkAuto(wish.package, false);
    resolver_.Clear(wish.package);
    resolver_.Protect(wish.package);
  }
  for (const auto& wish : wishes) {
    if (wish.action != Wish::Action::Install || wish.release.empty()) continue;
    // "/release" also lets its dependencies come from there when they must.
    std::list<std::pair<pkgCache::VerIterator, pkgCache::VerIterator>> changed;
    depcache_.SetCandidateRelease(wish.version, wish.release, changed);
  }
  for (const auto& wish : wishes) {
    if (wish.action != Wish::Action::Install) continue;
    const auto& state = depcache_[wish.package];
    if (state.InstBroken() || state.InstPolicyBroken()) depcache_.MarkInstall(wish.package, true);
  }
}

bool LayerSolver::is_new(const pkgCache::PkgIterator& package) const {
  if (!depcache_[package].Install()) return false;
  const auto found = earlier_.find(package->ID);
  // A later layer may ask for another version of what an earlier one has installed.
  return found == earlier_.end() || found->second.version != depcache_[package].InstVerIter(depcache_);
}

/// What was marked on the way and is not needed in the end, as apt-get drops it.
void LayerSolver::drop_garbage() {
  std::vector<pkgCache::PkgIterator> garbage;
  for (auto package = depcache_.PkgBegin(); !package.end(); ++package) {
    const auto& state = depcache_[package];
    const bool was_there = !package.CurrentVer().end() || earlier_.contains(package->ID);
    if (state.Garbage && state.Install() && !was_there) garbage.push_back(package);
  }
  if (garbage.empty()) return;
  {
    pkgDepCache::ActionGroup group(depcache_);
    for (const auto& package : garbage) depcache_.MarkDelete(package, false, 0, false);
  }
  // Something that is kept may still want one of them.
  for (const auto& package : garbage) {
    if (depcache_.BrokenCount() == 0) return;
    depcache_.MarkInstall(package, false, 0, false);
  }
}

SolverFault LayerSolver::layer_fault(SolverFault::Kind kind) {
  return {.kind = kind, .layer = number_, .subject = {}, .choices = {}, .lines = {}};
}

std::vector<SolverFault> LayerSolver::check(const std::vector<Wish>& wishes) {
  if (depcache_.BrokenCount() != 0) {
    auto fault = layer_fault(SolverFault::Kind::Unsatisfiable);
    fault.lines = explain_broken(depcache_);
    return {fault};
  }
  std::vector<SolverFault> faults;
  auto removed = layer_fault(SolverFault::Kind::Removes);
  for (auto package = depcache_.PkgBegin(); !package.end(); ++package) {
    const bool was_there = !package.CurrentVer().end() || earlier_.contains(package->ID);
    if (was_there && !depcache_[package].Keep() && !depcache_[package].Install())
      removed.choices.push_back(package.FullName(true));
  }
  if (!removed.choices.empty()) faults.push_back(removed);
  for (const auto& wish : wishes) {
    if (wish.action != Wish::Action::Install || !depcache_[wish.package].InstVerIter(depcache_).end()) continue;
    auto fault = layer_fault(SolverFault::Kind::Unsatisfiable);
    fault.subject = wish.package.FullName(true);
    faults.push_back(fault);
  }
  return faults;
}

std::vector<SolverFault> LayerSolver::solve(const std::vector<Chosen>& earlier) {
  std::optional<pkgDepCache::ActionGroup> group(std::in_place, depcache_);  // what is needed is swept once, at its end
  mark_earlier(earlier);
  std::vector<Wish> wishes = base_wishes();
  std::vector<SolverFault> faults;
  for (std::size_t i = 0; i < layer_.words.size(); ++i) {
    auto wish = parse_wish(layer_.words[i], depcache_, request_.architecture);
    if (auto* fault = std::get_if<SolverFault>(&wish)) {
      fault->layer = number_;
      fault->word = i;
      faults.push_back(*fault);
    } else {
      wishes.push_back(std::get<Wish>(wish));
    }
  }
  if (!faults.empty()) return faults;
  mark(wishes);
  group.reset();
  if (depcache_.BrokenCount() != 0) {
    resolver_.Resolve(true);
    _error->Discard();  // "held broken packages": check() explains better
  }
  if (depcache_.BrokenCount() == 0) drop_garbage();
  return check(wishes);
}

SolvedPackage LayerSolver::describe(const pkgCache::PkgIterator& package, pkgRecords& records) {
  const auto version = depcache_[package].InstVerIter(depcache_);
  for (auto file = version.FileList(); !file.end(); ++file) {
    if (file.File().Flagged(pkgCache::Flag::NotSource)) continue;
    auto& record = records.Lookup(file);
    const auto hashes = record.Hashes();
    const auto* sha256 = hashes.find("SHA256");
    const auto secure = newest_in(package, request_.security_lists, version.VerStr());
    return {.name = package.Name(),
            .version = version.VerStr(),
            .architecture = version.Arch(),
            .filename = record.FileName(),
            .size_bytes = version->Size,
            .sha256 = sha256 == nullptr ? "" : sha256->HashValue(),
            .list = fs::path(file.File().FileName()).filename().string(),
            .security = secure.end() ? "" : secure.VerStr(),
            .manual = (depcache_[package].Flags & pkgCache::Flag::Auto) == 0,
            .essential = (package->Flags & pkgCache::Flag::Essential) != 0,
            .needs = {}};
  }
  throw apt_failed(fmt::format("find {} {} in its lists", package.Name(), version.VerStr()));
}

/// Of each group of alternatives the first that is satisfied: by packages of this layer (edges), or by what was there
/// (none).
std::vector<SolvedEdge> LayerSolver::needs_of(const pkgCache::VerIterator& version,
                                              const std::map<unsigned long, std::size_t>& numbers) {
  std::vector<SolvedEdge> edges;
  for (auto dependency = version.DependsList(); !dependency.end();) {
    pkgCache::DepIterator start;
    pkgCache::DepIterator end;
    dependency.GlobOr(start, end);
    const auto type = end->Type;
    if (type != pkgCache::Dep::Depends && type != pkgCache::Dep::PreDepends && type != pkgCache::Dep::Recommends)
      continue;
    const auto kind = type == pkgCache::Dep::PreDepends ? Needs::PreDepends
                      : type == pkgCache::Dep::Depends  ? Needs::Depends
                                                        : Needs::Recommends;
    bool satisfied = false;
    for (bool more = true; more && !satisfied; ++start) {
      more = start != end;
      const std::unique_ptr<pkgCache::Version*[]> targets(start.AllTargets());
      for (pkgCache::Version** target = targets.get(); *target != nullptr; ++target) {
        const pkgCache::VerIterator each(cache_, *target);
        const auto package = each.ParentPkg();
        if (depcache_[package].InstVerIter(depcache_) != each) continue;
        satisfied = true;
        const auto number = numbers.find(package->ID);
        if (number != numbers.end()) edges.push_back({.target = number->second, .kind = kind});
      }
      if (!more) break;
    }
  }
  return edges;
}

std::vector<SolvedPackage> LayerSolver::solution(pkgRecords& records) {
  std::vector<pkgCache::PkgIterator> packages;
  std::map<unsigned long, std::size_t> numbers;
  for (auto package = depcache_.PkgBegin(); !package.end(); ++package) {
    if (!is_new(package)) continue;
    numbers[package->ID] = packages.size();
    packages.push_back(package);
  }
  std::vector<SolvedPackage> solved;
  for (const auto& package : packages) {
    solved.push_back(describe(package, records));
    solved.back().needs = needs_of(depcache_[package].InstVerIter(depcache_), numbers);
  }
  return solved;
}

std::vector<Chosen> LayerSolver::chosen() const {
  std::vector<Chosen> all;
  for (auto package = depcache_.PkgBegin(); !package.end(); ++package) {
    if (!depcache_[package].Install()) continue;
    all.push_back({.version = depcache_[package].InstVerIter(depcache_),
                   .manual = (depcache_[package].Flags & pkgCache::Flag::Auto) == 0});
  }
  return all;
}

}  // namespace

SolverAnswer solve_with_apt(const SolverRequest& request) {
  const TempDir scratch;
  for (const auto& [name, text] :
       {std::pair{"status", &request.status}, std::pair{"extended_states", &request.extended_states}}) {
    AtomicFile file(scratch.path() / name);
    file.write(*text);
    file.commit(Durable::No);
  }
  configure_apt(request, scratch.path());
  if (!pkgInitConfig(*_config)) throw apt_failed("start");
  // The cache that includes the status is not worth keeping: merging a status into the source cache takes milliseconds.
  // apt takes an empty value for one that is not set, so it goes in after the defaults.
  _config->Set("Dir::Cache::pkgcache", "");
  if (!pkgInitSystem(*_config, _system)) throw apt_failed("start");
  pkgCacheFile file;
  OpProgress silent;
  if (!file.BuildCaches(&silent, false)) throw apt_failed("read the package lists");
  _error->Discard();
  pkgCache& cache = *file.GetPkgCache();
  pkgRecords records(cache);

  SolverAnswer answer;
  LayerPolicy without_pins(&cache, false);
  auto pinned = choose_pinned(cache, without_pins, request);
  answer.gone = std::move(pinned.gone);
  std::vector<Chosen> earlier;
  std::unique_ptr<Workspace> workspace;
  for (std::size_t i = 0; i < request.layers.size(); ++i) {
    const bool recommends = request.layers[i].recommends;
    if (!workspace || workspace->biased || workspace->recommends != recommends) {
      workspace.reset();  // two of them at a time would cost 100 MB
      workspace = std::make_unique<Workspace>(cache, recommends, pinned.versions);
    }
    LayerSolver solver(cache, *workspace, request, i);
    answer.faults = solver.solve(earlier);
    if (!answer.faults.empty()) break;
    answer.layers.push_back(solver.solution(records));
    earlier = solver.chosen();
  }
  return answer;
}

}  // namespace blueprint::packages
