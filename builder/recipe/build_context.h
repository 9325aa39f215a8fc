#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace blueprint::recipe {

/// The directory that a Dockerfile's COPY reads, without what its .dockerignore leaves out. Paths are relative to it,
/// without "." and ".."; "" is the directory itself. Reads names, not contents.
class BuildContext {
 public:
  /// `ignore` is the text of the .dockerignore.
  BuildContext(std::filesystem::path root, std::string_view ignore);

  enum class Kind { Missing, Ignored, File, Directory };
  [[nodiscard]] Kind kind(const std::string& path) const;
  /// Paths that match `pattern` (`*`, `?`, `[a-z]` in each component) and are not ignored, sorted.
  [[nodiscard]] std::vector<std::string> matches(const std::string& pattern) const;
  /// `path` with its symbolic links followed, as COPY does; nothing when they lead out of the context.
  [[nodiscard]] std::optional<std::string> followed(const std::string& path) const;
  /// Patterns for CopyStep::exclude that leave out what is ignored below `directory`: each names one path from the top.
  [[nodiscard]] std::vector<std::string> ignored_below(const std::string& directory) const;
  /// What lies in the directory of `path`, for hints.
  [[nodiscard]] std::vector<std::string> beside(const std::string& path) const;

 private:
  struct Rule {
    std::vector<std::string> components;
    bool keeps = false;  ///< '!': what it matches is not ignored after all
  };
  [[nodiscard]] bool is_ignored(const std::string& path) const;
  bool collect(const std::string& directory, const std::string& below, std::vector<std::string>& ignored) const;

  std::filesystem::path root_;
  std::vector<Rule> rules_;
  bool some_keep_ = false;
};

/// "./a//b/../c/" → "a/c"; nothing when it leads out.
[[nodiscard]] std::optional<std::string> clean_context_path(std::string_view path);

/// Whether all of `path` matches `pattern`, in which `**` spans directories.
[[nodiscard]] bool matches_from_top(std::string_view pattern, std::string_view path);

}  // namespace blueprint::recipe
