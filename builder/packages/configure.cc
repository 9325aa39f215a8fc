// Configuring: the part of an installation that is other people's programs.
//
// As few containers and as few dpkg processes as possible: dpkg reads every .list and writes the whole status again
// each time. So all preinsts of a round run in one container, and one `dpkg --configure` ends it all, with triggers
// once at the end.
#include "builder/packages/configure.h"

#include <algorithm>
#include <cerrno>

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/text.h"
#include "builder/packages/dpkg_database.h"
#include "builder/packages/install_errors.h"

namespace blueprint::packages {
namespace {

constexpr std::size_t kLastLines = 40;
/// Of a line only so much is kept: a script may print for ever without ending one.
constexpr std::size_t kLongestLine = 4096;
/// Where the control files of packages wait for their preinst to run.
constexpr const char* kPreinsts = "var/lib/dpkg/blueprint-preinst";
constexpr const char* kPolicy = "usr/sbin/policy-rc.d";

/// What maintainer scripts ask about, beside the environment of every step. No DEBIAN_PRIORITY: debconf would not mark
/// the questions below it as seen, and ask them at the first upgrade.
std::vector<std::string> script_environment() {
  return {"DEBCONF_NONINTERACTIVE_SEEN=true",
          "DEBIAN_FRONTEND=noninteractive",
          "INITRD=No",
          "KERNEL_INSTALL_BYPASS=1",
          "PERL_HASH_SEED=0",
          "PYTHONHASHSEED=0",
          "SYSTEMD_HWDB_UPDATE_BYPASS=1",
          "SYSTEMD_IN_CHROOT=1",
          "SYSTEMD_OFFLINE=1",
          "UCF_FORCE_CONFFOLD=1"};
}

constexpr const char* kDpkg = "dpkg --force-confdef --force-confold --force-unsafe-io";

std::string words(const std::vector<std::string>& list) {
  std::string text;
  for (const auto& word : list) text += " " + shell_quote(word);
  return text;
}

}  // namespace

void DpkgOutput::take(std::string_view chunk) {
  while (!chunk.empty()) {
    const std::size_t end = chunk.find('\n');
    const std::string_view part = chunk.substr(0, end);
    if (partial_.size() < kLongestLine) partial_ += part.substr(0, kLongestLine - partial_.size());
    if (end == std::string_view::npos) return;
    line(partial_);
    partial_.clear();
    chunk.remove_prefix(end + 1);
  }
}

void DpkgOutput::line(std::string_view text) {
  const auto begins = [&](std::string_view prefix) {
    if (!text.starts_with(prefix)) return false;
    const std::string_view rest = text.substr(prefix.size());
    package_ = rest.substr(0, rest.find(' '));
    lines_.clear();
    return true;
  };
  if (complaint_follows_) {
    complaint_follows_ = false;
    complaint_ = trim(text);
  }
  // The line that names the package comes before anything that its script prints.
  if (begins("Setting up ") || begins("Running the preinst of ")) {
    ++begun_;
    return;
  }
  if (begins("Processing triggers for ") || begins("Unpacking ")) return;
  constexpr std::string_view kFailed = "dpkg: error processing package ";
  if (text.starts_with(kFailed) && failed_package_.empty()) {
    const std::string_view rest = text.substr(kFailed.size());
    failed_package_ = rest.substr(0, rest.find(' '));
    package_ = failed_package_;
    failed_lines_ = last_lines();
    complaint_follows_ = true;
    return;
  }
  lines_.emplace_back(text);
  if (lines_.size() > kLastLines) lines_.pop_front();
}

std::vector<std::string> DpkgOutput::last_lines() const {
  if (!failed_lines_.empty()) return failed_lines_;
  return {lines_.begin(), lines_.end()};
}

Configurer::Configurer(rootfs::BuildRoot& root, Events& events, std::string stage, std::size_t total,
                       std::stop_token stop)
    : root_(root), events_(events), stage_(std::move(stage)), total_(total), stop_(std::move(stop)) {}

void Configurer::run_script(const std::string& script, const rootfs::RunOptions& base) {
  rootfs::RunOptions options = base;
  options.argv = {"/bin/sh", "-e", "-c", script};
  options.environment = script_environment();
  DpkgOutput output;
  const ExitStatus status = root_.run(
      options,
      [&](std::string_view chunk) {
        output.take(chunk);
        events_.output(stage_, chunk);
        const std::size_t done = std::min(done_ + output.begun(), total_);
        events_.progress(stage_, {.items = done, .items_total = total_});
      },
      stop_);
  done_ += output.begun();
  if (status.success()) return;
  const std::string what = output.complaint().empty() ? status.to_string() : output.complaint();
  throw configure_failed(output.package(), what, output.last_lines());
}

void Configurer::run_preinsts(const std::vector<const StagedPackage*>& packages,
                              const std::vector<std::string>& configure_first) {
  if (packages.empty() && configure_first.empty()) return;
  const RootDir& root = root_.root();
  std::string script = "cd /\n";
  if (!configure_first.empty()) script += fmt::format("{} --configure{}\n", kDpkg, words(configure_first));
  // deb-preinst(5) and dpkg's own run_script: the working directory is /, the script is tmp.ci/preinst beside the
  // package's other control files, and there is no old version.
  script +=
      "export DPKG_ADMINDIR=/var/lib/dpkg DPKG_ROOT= DPKG_MAINTSCRIPT_NAME=preinst DPKG_MAINTSCRIPT_DEBUG=0 "
      "DPKG_MAINTSCRIPT_PACKAGE_REFCOUNT=1\n"
      "DPKG_RUNNING_VERSION=$(dpkg-query -f '${Version}' -W dpkg 2>/dev/null || echo 1.21.0)\n"
      "export DPKG_RUNNING_VERSION\n"
      "preinst() {\n"
      "  echo \"Running the preinst of $2 ...\"\n"
      "  rm -rf /var/lib/dpkg/tmp.ci\n"
      "  mv /var/lib/dpkg/blueprint-preinst/$1 /var/lib/dpkg/tmp.ci\n"
      "  DPKG_MAINTSCRIPT_PACKAGE=$2 DPKG_MAINTSCRIPT_ARCH=$3 /var/lib/dpkg/tmp.ci/preinst install\n"
      "  rm -rf /var/lib/dpkg/tmp.ci\n"
      "}\n";
  for (std::size_t i = 0; i < packages.size(); ++i) {
    const std::string directory = fmt::format("{}/{}", kPreinsts, i);
    root.make_directories(directory);
    for (const auto& file : packages[i]->control_files)
      root.write_file(directory + "/" + file.name, file.content, file.mode);
    // debconf asks it whose questions the script registers.
    root.write_file(directory + "/control", packages[i]->control.format());
    root.write_file(directory + "/preinst", packages[i]->find_control_file("preinst")->content, 0755);
    script += fmt::format("preinst {} {} {}\n", i, shell_quote(packages[i]->package.name),
                          shell_quote(packages[i]->package.architecture));
  }
  if (!packages.empty()) script += "rmdir /var/lib/dpkg/blueprint-preinst\n";
  run_script(script);
}

void Configurer::configure_essential(const std::vector<std::string>& info_names) {
  run_script(
      fmt::format("ldconfig\n{} --force-depends --force-configure-any --configure{}\n", kDpkg, words(info_names)));
}

void Configurer::configure(const std::vector<std::string>& info_names) {
  // Not -a: it goes by the order of dpkg's hash table, and the order in which packages create users decides their
  // numbers.
  run_script(fmt::format("{} --configure{}\n", kDpkg, info_names.empty() ? " -a" : words(info_names)));
  std::string report;
  const ExitStatus status = root_.run(
      {.argv = {"dpkg", "--audit"}, .environment = script_environment()},
      [&](std::string_view chunk) { report += chunk; }, stop_);
  if (!status.success() || !trim(report).empty()) throw audit_failed(report.empty() ? status.to_string() : report);
}

void Configurer::unpack_with_dpkg(const std::filesystem::path& debs, const std::vector<std::string>& files) {
  constexpr const char* kMounted = "/run/blueprint/debs";
  std::string list;
  for (const auto& file : files) list += fmt::format(" {}/{}", kMounted, shell_quote(file));
  run_script(fmt::format("{} --auto-deconfigure --force-depends --unpack{}\n", kDpkg, list),
             {.read_only_mounts = {{debs, kMounted}}});
}

QuietRoot::QuietRoot(const RootDir& root) : root_(root) {
  // A recipe's own policy stays.
  if (root.status(kPolicy)) return;
  root.make_directories("usr/sbin");
  root.write_file(kPolicy, "#!/bin/sh\nexit 101\n", 0755);
  made_policy_ = true;
}

QuietRoot::~QuietRoot() {
  if (!made_policy_) return;
  try {
    root_.remove_file(kPolicy);
  } catch (const Error&) {
    // The step is failing already; its tree is thrown away.
  }
}

}  // namespace blueprint::packages
