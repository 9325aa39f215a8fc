#include "builder/steps/glob.h"

#include <algorithm>
#include <span>
#include <string>
#include <vector>

#include <fnmatch.h>

#include "base/text.h"

namespace blueprint::steps {
namespace {

bool match_components(std::span<const std::string> pattern, std::span<const std::string> path) {
  if (pattern.empty()) return path.empty();
  if (pattern.front() == "**") {
    for (std::size_t skipped = 0; skipped <= path.size(); ++skipped) {
      if (match_components(pattern.subspan(1), path.subspan(skipped))) return true;
    }
    return false;
  }
  return !path.empty() && ::fnmatch(pattern.front().c_str(), path.front().c_str(), FNM_PATHNAME) == 0 &&
         match_components(pattern.subspan(1), path.subspan(1));
}

}  // namespace

bool glob_match(std::string_view pattern, std::string_view path) {
  while (pattern.ends_with('/')) pattern.remove_suffix(1);
  while (pattern.starts_with("./")) pattern.remove_prefix(2);
  auto components = split(pattern, '/');
  if (components.size() == 1) components.insert(components.begin(), "**");
  if (components.front().empty()) components.erase(components.begin());
  return match_components(components, split(path, '/'));
}

bool is_included(const std::vector<std::string>& patterns, const std::string& path) {
  if (patterns.empty()) return true;
  for (std::size_t end = path.find('/');; end = path.find('/', end + 1)) {
    const std::string part = path.substr(0, end);
    if (std::any_of(patterns.begin(), patterns.end(), [&](const auto& glob) { return glob_match(glob, part); }))
      return true;
    if (end == std::string::npos) return false;
  }
}

}  // namespace blueprint::steps
