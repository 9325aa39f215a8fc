// dpkg's database, as far as unpacking writes it. The formats are those of dpkg 1.21 (lib/dpkg).
//
// Triggers have two lives. Before anything was configured there is no triggers/Unincorp, and dpkg's first run rebuilds
// the interests from all info/*.triggers. Once it exists, dpkg believes triggers/File and the named files, and learns
// what happened since its last run from Unincorp: an unpacker that writes neither gets a root in which no trigger ever
// fires.
#include "builder/packages/dpkg_database.h"

#include <algorithm>
#include <charconv>

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "builder/packages/install_errors.h"

namespace blueprint::packages {
namespace {

constexpr const char* kStatus = "var/lib/dpkg/status";
constexpr const char* kInfo = "var/lib/dpkg/info/";
constexpr const char* kTriggers = "var/lib/dpkg/triggers/";

std::string clean_or_empty(std::string_view path) { return clean_member_path(path).value_or(""); }

std::vector<std::string> words_of(std::string_view line) {
  std::vector<std::string> words;
  for (auto& word : split(line, ' ')) {
    if (!trim(word).empty()) words.emplace_back(trim(word));
  }
  return words;
}

std::map<std::string, std::uint32_t, std::less<>> read_numbers(const RootDir& root, const char* file) {
  std::map<std::string, std::uint32_t, std::less<>> numbers;
  for (const auto& line : split(root.read_file_if_exists(file).value_or(""), '\n')) {
    const auto fields = split(line, ':');
    std::uint32_t number = 0;
    if (fields.size() < 3) continue;
    const auto [end, problem] = std::from_chars(fields[2].data(), fields[2].data() + fields[2].size(), number);
    if (problem == std::errc() && end == fields[2].data() + fields[2].size()) numbers.emplace(fields[0], number);
  }
  return numbers;
}

std::string key_of(const ControlStanza& stanza) {
  return fmt::format("{}:{}", stanza.get("Package"), stanza.get("Architecture"));
}

std::string info_name_of(const ControlStanza& stanza) {
  return stanza.get("Multi-Arch") == "same" ? key_of(stanza) : std::string(stanza.get("Package"));
}

bool is_installed(const ControlStanza& stanza) {
  const auto status = stanza.get("Status");
  return !status.ends_with(" not-installed") && !status.ends_with(" config-files");
}

/// Leaves a file that is already so alone: a layer should not hold it.
void write_if_changed(const RootDir& root, const std::string& path, const std::string& text) {
  if (root.read_file_if_exists(path) != text) root.write_file(path, text);
}

/// Control files get the mode and time of the archive, as dpkg gives them.
void write_info_file(const RootDir& root, const std::string& path, const ControlFile& file) {
  root.remove_file(path);
  root.write_file(path, file.content, file.mode);
  const UniqueFd fd = root.open(path, O_RDONLY);
  const timespec times[2] = {{.tv_sec = file.mtime, .tv_nsec = 0}, {.tv_sec = file.mtime, .tv_nsec = 0}};
  if (::futimens(fd.get(), times) != 0) throw os_error("set the time of " + path);
}

}  // namespace

AccountNumbers::AccountNumbers(const RootDir& root)
    : users_(read_numbers(root, "etc/passwd")), groups_(read_numbers(root, "etc/group")) {}

std::optional<std::uint32_t> AccountNumbers::user(std::string_view name) const {
  const auto found = users_.find(name);
  return found == users_.end() ? std::nullopt : std::optional(found->second);
}

std::optional<std::uint32_t> AccountNumbers::group(std::string_view name) const {
  const auto found = groups_.find(name);
  return found == groups_.end() ? std::nullopt : std::optional(found->second);
}

DpkgDatabase::DpkgDatabase(const RootDir& root, UsrMerge usr) : root_(root), usr_(usr) {
  if (!root.status(kStatus)) {
    for (const char* directory : {"alternatives", "info", "parts", "triggers", "updates"}) {
      root.make_directories(std::string("var/lib/dpkg/") + directory);
    }
    root.write_file(kStatus, "");
    root.write_file("var/lib/dpkg/info/format", "1\n");
  }
  load_status();
  load_diversions();
  load_stat_overrides();
  load_triggers();
}

void DpkgDatabase::load_status() {
  for (auto& stanza : parse_control_stanzas(root_.read_file(kStatus))) {
    if (stanza.get("Package").empty()) throw damaged_database(kStatus, "a paragraph has no Package field");
    std::string key = key_of(stanza);
    packages_.insert_or_assign(std::move(key), std::move(stanza));
  }
}

void DpkgDatabase::load_diversions() {
  constexpr const char* kFile = "var/lib/dpkg/diversions";
  auto lines = split(root_.read_file_if_exists(kFile).value_or(""), '\n');
  if (!lines.empty() && lines.back().empty()) lines.pop_back();
  if (lines.size() % 3 != 0) throw damaged_database(kFile, "it is not groups of three lines");
  for (std::size_t i = 0; i < lines.size(); i += 3) {
    diversions_[usr_.canonical(clean_or_empty(lines[i]))] = {.target = usr_.canonical(clean_or_empty(lines[i + 1])),
                                                             .owner = lines[i + 2]};
  }
}

void DpkgDatabase::load_stat_overrides() {
  constexpr const char* kFile = "var/lib/dpkg/statoverride";
  for (const auto& line : split(root_.read_file_if_exists(kFile).value_or(""), '\n')) {
    if (line.empty()) continue;
    // user group mode path; the path may have spaces.
    const auto words = words_of(line);
    const std::size_t path = line.find('/');
    std::uint32_t mode = 0;
    if (words.size() < 4 || path == std::string::npos ||
        std::from_chars(words[2].data(), words[2].data() + words[2].size(), mode, 8).ec != std::errc()) {
      throw damaged_database(kFile, "a line is not 'user group mode path'");
    }
    stat_overrides_[usr_.canonical(clean_or_empty(line.substr(path)))] = {
        .user = words[0], .group = words[1], .mode = mode};
  }
}

void DpkgDatabase::load_triggers() {
  const std::string directory = kTriggers;
  triggers_incorporated_ = root_.status(directory + "Unincorp").has_value();
  if (!triggers_incorporated_) return;
  for (const auto& line : split(root_.read_file_if_exists(directory + "File").value_or(""), '\n')) {
    const std::size_t space = line.rfind(' ');
    if (space != std::string::npos) file_interest_.emplace_back(line.substr(0, space), line.substr(space + 1));
  }
}

void DpkgDatabase::load_lists() {
  lists_loaded_ = true;
  for (const auto& [key, stanza] : packages_) {
    if (!is_installed(stanza)) continue;
    const std::string name = info_name_of(stanza);
    for (const auto& line : split(root_.read_file_if_exists(kInfo + name + ".list").value_or(""), '\n')) {
      if (auto path = clean_member_path(line); path && !path->empty()) owners_[usr_.canonical(*path)].push_back(name);
    }
  }
}

const DpkgDatabase::Diversion* DpkgDatabase::diversion(const std::string& path) const {
  const auto found = diversions_.find(path);
  return found == diversions_.end() ? nullptr : &found->second;
}

const DpkgDatabase::StatOverride* DpkgDatabase::stat_override(const std::string& path) const {
  const auto found = stat_overrides_.find(path);
  return found == stat_overrides_.end() ? nullptr : &found->second;
}

std::vector<std::string> DpkgDatabase::owners(const std::string& path) {
  if (!lists_loaded_) load_lists();
  const auto found = owners_.find(path);
  return found == owners_.end() ? std::vector<std::string>() : found->second;
}

const ControlStanza* DpkgDatabase::find_info_name(std::string_view info_name) const {
  for (const auto& [key, stanza] : packages_) {
    if (info_name_of(stanza) == info_name) return &stanza;
  }
  return nullptr;
}

void DpkgDatabase::disown(const std::string& info_name, const std::string& path) {
  const std::string file = kInfo + info_name + ".list";
  std::string kept;
  for (const auto& line : split(root_.read_file_if_exists(file).value_or(""), '\n')) {
    if (line.empty() || usr_.canonical(clean_or_empty(line)) == path) continue;
    kept += line + "\n";
  }
  root_.write_file(file, kept);
  if (lists_loaded_) std::erase(owners_[path], info_name);
}

void DpkgDatabase::add_unpacked(const StagedPackage& package, const std::vector<std::string>& listed,
                                const std::vector<std::pair<std::string, std::string>>& conffiles) {
  const std::string base = kInfo + package.info_name();
  std::string list;
  for (const auto& path : listed) list += path.empty() ? "/.\n" : "/" + path + "\n";
  root_.write_file(base + ".list", list);
  for (const auto& file : package.control_files) write_info_file(root_, base + "." + file.name, file);
  if (!package.find_control_file("md5sums")) {
    std::string sums;
    for (const auto& staged : package.members) {
      if (!staged.md5.empty()) sums += fmt::format("{}  {}\n", staged.md5, staged.member.path);
    }
    root_.write_file(base + ".md5sums", sums);  // even when empty: dpkg --audit misses it otherwise
  }
  if (lists_loaded_) {
    for (const auto& path : listed) owners_[usr_.canonical(path)].push_back(package.info_name());
  }

  ControlStanza stanza;
  stanza.set("Package", package.package.name);
  stanza.set("Status", "install ok unpacked");
  for (const auto& [name, value] : package.control.fields()) {
    if (name != "Package" && name != "Status") stanza.set(name, value);
  }
  if (!conffiles.empty()) {
    std::string value;
    for (const auto& [path, md5] : conffiles) value += fmt::format("\n /{} {}", path, md5);
    stanza.set("Conffiles", value);
  }
  packages_.insert_or_assign(key_of(stanza), std::move(stanza));
}

void DpkgDatabase::write_status() const {
  std::string text;
  for (const auto& [key, stanza] : packages_) text += stanza.format() + "\n";
  root_.write_file(kStatus, text);
}

void DpkgDatabase::record_triggers(const StagedPackage& package, const std::vector<std::string>& listed) {
  if (!triggers_incorporated_) return;
  if (const auto* triggers = package.find_control_file("triggers")) {
    for (const auto& line : split(triggers->content, '\n')) {
      const auto words = words_of(line.substr(0, line.find('#')));
      if (words.size() != 2) continue;
      const bool noawait = words[0].ends_with("-noawait");
      const std::string interested = package.info_name() + (noawait ? "/noawait" : "");
      if (words[0].starts_with("activate")) {
        activated_.insert(words[1]);
      } else if (words[1].starts_with('/')) {
        std::erase_if(file_interest_, [&](const auto& pair) {
          return pair.first == words[1] && pair.second.substr(0, pair.second.find('/')) == package.info_name();
        });
        file_interest_.emplace_back(words[1], interested);
      } else {
        name_interest_[words[1]].push_back(interested);
      }
    }
  }
  for (const auto& path : listed) {
    const std::string shipped = "/" + path;
    for (const auto& [trigger, interested] : file_interest_) {
      if (shipped.starts_with(trigger) && (shipped.size() == trigger.size() || shipped[trigger.size()] == '/')) {
        activated_.insert(trigger);
      }
    }
  }
}

void DpkgDatabase::write_triggers() {
  if (!triggers_incorporated_) return;
  const std::string directory = kTriggers;
  std::string file;
  for (const auto& [path, interested] : file_interest_) file += fmt::format("{} {}\n", path, interested);
  write_if_changed(root_, directory + "File", file);
  for (const auto& [trigger, interested] : name_interest_) {
    if (trigger.find('/') != std::string::npos) continue;
    auto lines = split(root_.read_file_if_exists(directory + trigger).value_or(""), '\n');
    std::erase(lines, "");
    for (const auto& one : interested) {
      const std::string package = one.substr(0, one.find('/'));
      std::erase_if(lines, [&](const std::string& line) { return line.substr(0, line.find('/')) == package; });
      lines.push_back(one);
    }
    write_if_changed(root_, directory + trigger, join(lines, "\n") + "\n");
  }
  // "-": nobody waits. Whoever activates during unpacking is configured in the run that also processes the triggers.
  std::string unincorporated = root_.read_file_if_exists(directory + "Unincorp").value_or("");
  for (const auto& trigger : activated_) unincorporated += trigger + " -\n";
  write_if_changed(root_, directory + "Unincorp", unincorporated);
}

}  // namespace blueprint::packages
