// Installing packages: dpkg's result, reached in another order.
//
//   1. Stage: all packages at once are decompressed, checked and written to a staging directory (unpack_staging.h).
//   2. Essential packages are merged into the empty root and configured in one call.
//   3. Packages whose preinst does something wait: their preinst runs, with what it Pre-Depends on configured, then
//   they are
//      merged, so that diversions and users that it made count. All others are merged right away. Usually that is two
//      rounds.
//   4. One dpkg --configure for all, triggers at its end; dpkg --audit must be silent.
//   5. Normalise.
//
// Steps 1 and 2 overlap: while one processor runs the postinsts of the essential packages, staging of the rest goes on.
// What is staged is invisible to them, so the overlap cannot change the result.
//
// dpkg itself unpacks when a package of the request is in the parent already: an upgrade has to run the old version's
// prerm and postrm, to save conffiles and to remove files that are no longer shipped, and it is rare in an image build.
#include "builder/packages/install.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <optional>
#include <set>
#include <tuple>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "builder/packages/configure.h"
#include "builder/packages/dpkg_database.h"
#include "builder/packages/install_errors.h"
#include "builder/packages/install_order.h"
#include "builder/packages/normalise.h"
#include "builder/packages/unpack_merge.h"
#include "builder/packages/unpack_staging.h"

namespace blueprint::packages {
namespace {

std::string deb_name(const LockedPackage& package) { return package.sha256.hex() + ".deb"; }

constexpr const char* kArchitectures = "var/lib/dpkg/arch";

/// The native architecture: the first line of dpkg's list or, in an empty root, that of the first package that has one.
std::string root_architecture(const RootDir& root, const std::vector<LockedPackage>& packages) {
  if (const auto list = root.read_file_if_exists(kArchitectures)) return list->substr(0, list->find('\n'));
  for (const auto& package : packages) {
    if (package.architecture != "all") return package.architecture;
  }
  return "amd64";
}

/// dpkg refuses packages of architectures that it has not been told of (dpkg --add-architecture).
void add_architectures(const RootDir& root, const std::vector<LockedPackage>& packages) {
  const std::string before = root.read_file_if_exists(kArchitectures).value_or("");
  std::vector<std::string> known = split(trim(before), '\n');
  if (known.front().empty()) known.front() = root_architecture(root, packages);
  for (const auto& package : packages) {
    const bool told = std::find(known.begin(), known.end(), package.architecture) != known.end();
    if (!told && package.architecture != "all") known.push_back(package.architecture);
  }
  const std::string after = join(known, "\n") + "\n";
  if (after == before) return;
  root.make_directories("var/lib/dpkg");
  root.write_file(kArchitectures, after);
}

/// One installation by us.
class Installation {
 public:
  Installation(rootfs::BuildRoot& root, const InstallRequest& request, ThreadPool& pool, Events& events,
               std::stop_token stop)
      : root_(root),
        request_(request),
        pool_(pool),
        events_(events),
        stop_(std::move(stop)),
        unpack_stage_(request.stage + "/unpack"),
        configurer_(root, events, request.stage + "/configure", request.packages.size(), stop_),
        background_(pool) {}
  /// What is still being staged after a failure is of no use.
  ~Installation() { abandoned_ = true; }
  Installation(const Installation&) = delete;
  Installation& operator=(const Installation&) = delete;

  void run();

 private:
  using Numbers = InstallOrder::Numbers;
  void read_control();
  void install_essential();
  void install_rest();
  void stage(const Numbers& numbers, TaskGroup& jobs);
  void stage_and_merge(const Numbers& numbers);
  void merge(const Numbers& numbers);
  [[nodiscard]] std::vector<std::string> info_names(const Numbers& numbers) const;
  /// Staged files are in the tree itself where there are parents: there, nothing is staged while a command runs.
  [[nodiscard]] bool stages_ahead() const { return !root_.has_parents(); }

  rootfs::BuildRoot& root_;
  const InstallRequest& request_;
  ThreadPool& pool_;
  Events& events_;
  std::stop_token stop_;
  std::string unpack_stage_;
  Configurer configurer_;
  std::optional<RootDir> staging_;
  std::optional<UsrMerge> usr_;
  std::vector<StagedPackage> packages_;
  std::optional<InstallOrder> order_;
  Numbers rest_;  ///< not yet merged
  Numbers configured_;
  std::uint64_t total_bytes_ = 0;
  std::atomic<bool> abandoned_ = false;
  std::atomic<std::size_t> staged_ = 0;
  std::atomic<std::uint64_t> staged_bytes_ = 0;
  TaskGroup background_;  ///< last: its destructor waits for jobs that use the rest
};

void Installation::run() {
  events_.started(unpack_stage_, fmt::format("unpacking {} packages", request_.packages.size()));
  events_.started(request_.stage + "/configure", "configuring");
  read_control();
  order_.emplace(packages_);
  for (std::size_t i = 0; i < packages_.size(); ++i) rest_.insert(i);
  add_architectures(root_.root(), request_.packages);
  if (request_.bootstrap) {
    usr_ = UsrMerge::create(root_.root(), root_architecture(root_.root(), request_.packages));
    install_essential();
  } else {
    usr_.emplace(root_.root());
  }
  const QuietRoot quiet(root_.root());
  if (request_.unpacker == Unpacker::Dpkg) {
    background_.wait();
    std::vector<std::string> files;
    for (const std::size_t number : rest_) files.push_back(deb_name(request_.packages[number]));
    configurer_.unpack_with_dpkg(request_.debs, files);
  } else {
    install_rest();
  }
  events_.finished(unpack_stage_, fmt::format("{} packages", request_.packages.size()));
  Numbers unconfigured;
  for (std::size_t i = 0; i < packages_.size(); ++i) {
    if (!configured_.contains(i)) unconfigured.insert(i);
  }
  configurer_.configure(request_.unpacker == Unpacker::Dpkg ? std::vector<std::string>() : info_names(unconfigured));
  events_.finished(request_.stage + "/configure", fmt::format("{} packages", request_.packages.size()));
}

void Installation::read_control() {
  packages_.resize(request_.packages.size());
  for (const auto& package : request_.packages) total_bytes_ += package.size_bytes;
  TaskGroup jobs(pool_);
  for (std::size_t i = 0; i < packages_.size(); ++i) {
    jobs.run([this, i] {
      packages_[i] = read_package(request_.debs / deb_name(request_.packages[i]), request_.packages[i]);
    });
  }
  jobs.wait();
}

void Installation::stage(const Numbers& numbers, TaskGroup& jobs) {
  if (!staging_) staging_.emplace(root_.make_staging());
  // The largest first, so that no thread is left alone with one at the end.
  std::vector<std::size_t> order(numbers.begin(), numbers.end());
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return request_.packages[a].size_bytes > request_.packages[b].size_bytes;
  });
  for (const std::size_t number : order) {
    jobs.run([this, number] {
      if (stop_.stop_requested() || abandoned_) throw Interrupted{};
      const LockedPackage& package = request_.packages[number];
      stage_members(request_.debs / deb_name(package), packages_[number], *staging_, fmt::format("{}", number));
      events_.progress(unpack_stage_, {.items = ++staged_,
                                       .items_total = packages_.size(),
                                       .bytes = staged_bytes_ += package.size_bytes,
                                       .bytes_total = total_bytes_});
    });
  }
}

void Installation::merge(const Numbers& numbers) {
  if (numbers.empty()) return;
  DpkgDatabase database(root_.root(), *usr_);
  TreeMerger merger(root_.root(), *staging_, *usr_, database);
  for (const std::size_t number : numbers) {
    if (stop_.stop_requested()) throw Interrupted{};
    merger.merge(packages_[number]);
    rest_.erase(number);
  }
  database.write_status();
  database.write_triggers();
}

void Installation::stage_and_merge(const Numbers& numbers) {
  if (!stages_ahead()) {
    TaskGroup jobs(pool_);
    stage(numbers, jobs);
    jobs.wait();
  }
  merge(numbers);
  if (!stages_ahead()) {
    staging_.reset();
    root_.remove_staging();
  }
}

void Installation::install_essential() {
  const Numbers essential = order_->essential();
  if (essential.empty()) throw incomplete_set("none of them is essential");
  {
    TaskGroup jobs(pool_);
    stage(essential, jobs);
    jobs.wait();
  }
  merge(essential);
  if (request_.unpacker == Unpacker::Own) stage(rest_, background_);

  const QuietRoot quiet(root_.root());
  std::vector<const StagedPackage*> preinsts;
  for (const std::size_t number : essential) {
    if (packages_[number].runs_preinst) preinsts.push_back(&packages_[number]);
  }
  // base-passwd's writes /etc/passwd, which the others' may need.
  std::stable_partition(preinsts.begin(), preinsts.end(),
                        [](const StagedPackage* package) { return package->package.name == "base-passwd"; });
  configurer_.run_preinsts(preinsts, {});
  configurer_.configure_essential(info_names(essential));
  configured_ = essential;
}

void Installation::install_rest() {
  background_.wait();
  Numbers waiting;
  Numbers ready;
  for (const std::size_t number : rest_) (packages_[number].runs_preinst ? waiting : ready).insert(number);
  stage_and_merge(ready);
  while (!waiting.empty()) {
    ready.clear();
    Numbers first;
    for (const std::size_t number : waiting) {
      Numbers needed = order_->needed_before(number, configured_);
      needed.erase(number);
      const bool blocked =
          std::any_of(needed.begin(), needed.end(), [&](std::size_t other) { return waiting.contains(other); });
      if (blocked) continue;
      ready.insert(number);
      first.merge(needed);
    }
    // Pre-Depends may not be circular, says the policy. Should they be, this is as good an order as any.
    if (ready.empty()) ready = waiting;
    std::vector<const StagedPackage*> preinsts;
    for (const std::size_t number : ready) preinsts.push_back(&packages_[number]);
    configurer_.run_preinsts(preinsts, info_names(first));
    configured_.merge(first);
    stage_and_merge(ready);
    for (const std::size_t number : ready) waiting.erase(number);
  }
}

std::vector<std::string> Installation::info_names(const Numbers& numbers) const {
  std::vector<std::string> names;
  for (const std::size_t number : numbers) names.push_back(packages_[number].info_name());
  return names;
}

/// apt would have noted which packages came only as dependencies; autoremove in the image relies on it.
void write_extended_states(const RootDir& root, const InstallRequest& request) {
  constexpr const char* kFile = "var/lib/apt/extended_states";
  const std::string native = root_architecture(root, request.packages);
  std::map<std::string, ControlStanza> states;
  for (auto& stanza : parse_control_stanzas(root.read_file_if_exists(kFile).value_or(""))) {
    std::string key = fmt::format("{}:{}", stanza.get("Package"), stanza.get("Architecture"));
    states.insert_or_assign(std::move(key), std::move(stanza));
  }
  for (const auto& package : request.packages) {
    // apt files packages of architecture "all" under the native one.
    const std::string architecture = package.architecture == "all" ? native : package.architecture;
    const std::string key = fmt::format("{}:{}", package.name, architecture);
    states.erase(key);
    if (!package.automatic) continue;
    states[key] = ControlStanza::parse(
        fmt::format("Package: {}\nArchitecture: {}\nAuto-Installed: 1\n", package.name, architecture));
  }
  std::string text;
  for (const auto& [key, stanza] : states) text += stanza.format() + "\n";
  root.make_directories("var/lib/apt");
  root.write_file(kFile, text);
}

bool upgrades_parent(const RootDir& root, const std::vector<LockedPackage>& packages) {
  std::set<std::string, std::less<>> known;
  for (const auto& stanza : parse_control_stanzas(root.read_file_if_exists("var/lib/dpkg/status").value_or(""))) {
    if (!stanza.get("Status").ends_with(" not-installed")) known.emplace(stanza.get("Package"));
  }
  return std::any_of(packages.begin(), packages.end(),
                     [&](const auto& package) { return known.contains(package.name); });
}

}  // namespace

void install_packages(rootfs::BuildRoot& root, const InstallRequest& request, ThreadPool& pool, Events& events,
                      std::stop_token stop) {
  if (request.packages.empty()) return;
  InstallRequest adapted = request;
  if (!request.bootstrap && upgrades_parent(root.root(), request.packages)) adapted.unpacker = Unpacker::Dpkg;
  {
    Installation installation(root, adapted, pool, events, stop);
    installation.run();
  }
  root.remove_staging();
  write_extended_states(root.root(), request);
  if (!request.apt_sources.empty()) {
    root.root().make_directories("etc/apt/sources.list.d");
    root.root().write_file(fmt::format("etc/apt/sources.list.d/{}.sources", request.sources_name), request.apt_sources);
  }
  normalise_root(root.root(), request.epoch);
}

std::vector<layers::InstalledPackage> installed_packages(std::string_view dpkg_status) {
  std::vector<layers::InstalledPackage> packages;
  for (const auto& stanza : parse_control_stanzas(dpkg_status)) {
    if (!stanza.get("Status").ends_with(" installed")) continue;
    packages.push_back({.name = std::string(stanza.get("Package")),
                        .version = std::string(stanza.get("Version")),
                        .architecture = std::string(stanza.get("Architecture"))});
  }
  std::sort(packages.begin(), packages.end(), [](const auto& a, const auto& b) {
    return std::tie(a.name, a.architecture) < std::tie(b.name, b.architecture);
  });
  return packages;
}

}  // namespace blueprint::packages
