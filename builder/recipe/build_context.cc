// .dockerignore as moby's patternmatcher reads it: the last rule that matches a path, or one of its parents, decides;
// `**` spans directories; a rule with '!' takes back. Our copy layers know no taking back, so the answer for them is
// the list of what is ignored, whole directories where nothing in them is kept.

#include "builder/recipe/build_context.h"

#include <algorithm>
#include <span>

#include <fnmatch.h>

#include "base/text.h"

namespace blueprint::recipe {
namespace {

namespace fs = std::filesystem;

using Components = std::span<const std::string>;

bool matches_component(const std::string& pattern, const std::string& name) {
  return fnmatch(pattern.c_str(), name.c_str(), 0) == 0;
}

bool matches_path(Components pattern, Components path) {
  if (pattern.empty()) return path.empty();
  if (pattern[0] == "**") {
    for (std::size_t skipped = 0; skipped <= path.size(); ++skipped) {
      if (matches_path(pattern.subspan(1), path.subspan(skipped))) return true;
    }
    return false;
  }
  return !path.empty() && matches_component(pattern[0], path[0]) && matches_path(pattern.subspan(1), path.subspan(1));
}

/// Two `**` in a row say what one says, and would cost a search of their own.
std::vector<std::string> split_pattern(std::string_view pattern) {
  std::vector<std::string> components;
  for (std::string& component : split(pattern, '/')) {
    const bool repeats = component == "**" && !components.empty() && components.back() == "**";
    if (!component.empty() && component != "." && !repeats) components.push_back(std::move(component));
  }
  return components;
}

std::string escape_glob(std::string_view path) {
  std::string out;
  for (const char c : path) {
    if (std::string_view("*?[\\").find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

std::string join_path(const std::string& directory, const std::string& name) {
  return directory.empty() ? name : directory + "/" + name;
}

std::vector<std::string> names_in(const fs::path& directory) {
  std::vector<std::string> names;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(directory, ignored))
    names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

std::optional<std::string> clean_context_path(std::string_view path) {
  std::vector<std::string> parts;
  for (std::string& part : split(path, '/')) {
    if (part.empty() || part == ".") continue;
    if (part == "..") {
      if (parts.empty()) return std::nullopt;
      parts.pop_back();
    } else {
      parts.push_back(std::move(part));
    }
  }
  return join(parts, "/");
}

bool matches_from_top(std::string_view pattern, std::string_view path) {
  return matches_path(split_pattern(pattern), split(path, '/'));
}

BuildContext::BuildContext(fs::path root, std::string_view ignore) : root_(std::move(root)) {
  for (const std::string& line : split(ignore, '\n')) {
    std::string_view pattern = trim(line);
    if (pattern.empty() || pattern[0] == '#') continue;
    Rule rule{.keeps = pattern[0] == '!'};
    if (rule.keeps) pattern = trim(pattern.substr(1));
    rule.components = split_pattern(pattern);
    if (rule.components.empty()) continue;
    some_keep_ = some_keep_ || rule.keeps;
    rules_.push_back(std::move(rule));
  }
}

bool BuildContext::is_ignored(const std::string& path) const {
  if (path.empty()) return false;
  const std::vector<std::string> components = split(path, '/');
  bool ignored = false;
  for (const Rule& rule : rules_) {
    if (rule.keeps != ignored) continue;  // it could change nothing
    for (std::size_t length = 1; length <= components.size(); ++length) {
      if (matches_path(rule.components, Components(components).first(length))) {
        ignored = !rule.keeps;
        break;
      }
    }
  }
  return ignored;
}

BuildContext::Kind BuildContext::kind(const std::string& path) const {
  std::error_code ignored;
  const fs::file_status status = fs::status(root_ / path, ignored);
  if (!fs::exists(status)) return Kind::Missing;
  const bool is_directory = fs::is_directory(status);
  // Something in an ignored directory may have been taken back.
  if (is_ignored(path) && !(is_directory && some_keep_)) return Kind::Ignored;
  return is_directory ? Kind::Directory : Kind::File;
}

std::vector<std::string> BuildContext::matches(const std::string& pattern) const {
  std::vector<std::string> found{""};
  for (const std::string& component : split(pattern, '/')) {
    std::vector<std::string> deeper;
    for (const std::string& directory : found) {
      for (const std::string& name : names_in(root_ / directory)) {
        if (matches_component(component, name)) deeper.push_back(join_path(directory, name));
      }
    }
    found = std::move(deeper);
  }
  std::erase_if(found, [&](const std::string& path) { return kind(path) == Kind::Ignored; });
  std::sort(found.begin(), found.end());
  return found;
}

std::optional<std::string> BuildContext::followed(const std::string& path) const {
  std::error_code fault;
  const fs::path root = fs::canonical(root_, fault);
  if (fault) return path;
  const fs::path real = fs::canonical(root_ / path, fault);
  if (fault) return path;
  const fs::path below = real.lexically_relative(root);
  if (below.empty() || *below.begin() == "..") return std::nullopt;
  return below == "." ? "" : below.generic_string();
}

/// Adds what is ignored in `directory`, which is `below` in the copy; answers whether anything in it is kept.
bool BuildContext::collect(const std::string& directory, const std::string& below,
                           std::vector<std::string>& ignored) const {
  bool keeps_any = false;
  for (const std::string& name : names_in(root_ / directory)) {
    const std::string path = join_path(directory, name);
    const std::string in_copy = below + "/" + name;
    std::error_code fault;
    const bool is_directory = fs::is_directory(fs::symlink_status(root_ / path, fault));
    const bool is_left_out = is_ignored(path);
    bool is_kept = !is_left_out;
    if (is_directory && (is_kept || some_keep_)) {
      const std::size_t before = ignored.size();
      const bool keeps_inside = collect(path, in_copy, ignored);
      is_kept = is_kept || keeps_inside;
      if (!is_kept) ignored.resize(before);
    }
    if (!is_kept) ignored.push_back(escape_glob(in_copy));
    keeps_any = keeps_any || is_kept;
  }
  return keeps_any;
}

std::vector<std::string> BuildContext::ignored_below(const std::string& directory) const {
  std::vector<std::string> ignored;
  if (!rules_.empty()) collect(directory, "", ignored);
  return ignored;
}

std::vector<std::string> BuildContext::beside(const std::string& path) const {
  const std::size_t slash = path.rfind('/');
  const std::string directory = slash == std::string::npos ? "" : path.substr(0, slash);
  std::vector<std::string> names;
  for (const std::string& name : names_in(root_ / directory)) names.push_back(join_path(directory, name));
  return names;
}

}  // namespace blueprint::recipe
