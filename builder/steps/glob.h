#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace blueprint::steps {

/// Whether `path` ("a/b/c", relative) matches `pattern`. A component of the pattern matches one component of the path
/// as fnmatch(3) does (`*`, `?`, `[a-z]`, `\`); the component `**` matches any number of them. A pattern without a
/// slash matches the last component at any depth, as in .gitignore; one that starts with a slash begins at the top; a
/// trailing slash is ignored.
[[nodiscard]] bool glob_match(std::string_view pattern, std::string_view path);

/// Whether `path`, or a directory that it is in, matches one of `patterns`. Without patterns everything does.
[[nodiscard]] bool is_included(const std::vector<std::string>& patterns, const std::string& path);

}  // namespace blueprint::steps
