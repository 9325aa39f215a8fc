#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/error.h"

namespace blueprint::recipe {

/// Where each value of a recipe or a layer was said: path of the value, such as "launch.memory" or "packages[2]" →
/// place without its line's text. A value that is not in it is a default.
using Origins = std::map<std::string, SourceSpan>;

/// A string with the place where the recipe says it, so that whoever finds a fault in it later can point there.
struct Text {
  std::string value;
  SourceSpan where;
  bool operator==(const Text& other) const { return value == other.value; }
};

/// `repositories:` of a distribution or a packages layer: a third-party apt repository.
struct Repository {
  Text uri;
  std::vector<std::string> suites;
  std::vector<std::string> components;
  Text key;  ///< path of a keyring beside the recipe, or a fingerprint of 40 digits
  SourceSpan where;
};

/// `distribution:` — bootstrap from packages.
struct Distribution {
  std::string id;                      ///< "ubuntu" or "debian"
  std::string release;                 ///< "noble", "bookworm"
  std::string architecture = "amd64";  ///< the recipe writes x86_64 or amd64
  std::vector<std::string> components;
  std::vector<std::string> pockets;  ///< "release", "updates", "security", "backports"
  std::string variant = "minimal";   ///< minimal: essential; standard: also priority required and important
  std::string snapshot;              ///< "20260801T000000Z" or empty
  Text keyring;                      ///< path beside the recipe; empty = the distribution's own, from the host
  std::vector<Repository> repositories;
  SourceSpan where;
};

struct PackagesStep {
  std::vector<Text> words;  ///< apt's own: "curl", "nodejs=18.*", "git/noble-updates", "vim-"
  bool recommends = false;
};
struct InlineFile {
  Text path;
  std::string content;
  std::uint32_t mode = 0644;
  Text owner;  ///< "user" or "user:group" or numbers; empty = root
  Text group;
};
struct FilesStep {
  std::vector<InlineFile> files;
};
struct CopyStep {
  Text from;   ///< relative to the recipe's directory; empty when `image` is set
  Text image;  ///< copy from this image: a stage of the recipe, or what `from:` of a recipe may say
  Text path;   ///< in the image: absolute, `*`, `?` and `[…]` in each component
  Text to;
  Text owner;
  Text group;
  std::optional<std::uint32_t> mode;
  std::string mode_change;           ///< such as "u=rwX,go=rX", when `mode` is not set: of files and directories
  std::vector<std::string> include;  ///< globs, ** allowed: only what matches, and what is below it; empty = all
  std::vector<std::string> exclude;  ///< globs, ** allowed
  bool unpack = false;               ///< `from` is an archive whose members are meant
};
/// A directory that outlives the script and is in no layer. Its name is its identity on this machine.
struct CacheMount {
  Text path;
  std::string id;  ///< `path` by default
};
/// A directory in memory that is empty when the script starts.
struct TmpfsMount {
  Text path;
  std::optional<std::uint64_t> size_bytes;  ///< nothing = half of the machine's memory, as the kernel has it
};
struct RunStep {
  Text script;  ///< given to /bin/sh -e
  bool host_network = false;
  Text user;  ///< "user" or "user:group" or numbers; empty = root
  std::string workdir;
  std::map<std::string, std::string> env;
  std::vector<Text> secrets;
  std::vector<Text> ssh;  ///< agents of SSH keys that the script may ask, by the names that the build gives them
  std::vector<TmpfsMount> tmpfs;
  std::vector<CacheMount> caches;
  std::vector<CopyStep> binds;  ///< files that only the script sees: `to` is a path, owner and mode mean nothing
};
struct UserEntry {
  Text name;
  std::optional<std::uint32_t> uid;
  std::optional<std::uint32_t> gid;
  std::vector<std::string> groups;
  std::string shell = "/bin/bash";
  std::string home;  ///< /home/NAME by default; empty for a system account without one
  bool sudo_nopasswd = false;
  bool system = false;
};
struct UsersStep {
  std::vector<UserEntry> users;
};
struct ServicesStep {
  std::vector<Text> enable;
  std::vector<Text> disable;
  std::vector<Text> mask;
};
struct FetchStep {
  Text url;
  Text sha256;
  Text to;
  bool unpack = false;
  std::uint32_t strip = 0;
  std::optional<std::uint32_t> mode;
  Text owner;
};

struct Layer {
  std::string name;  ///< given, or made from the kind and number: "packages-2"
  std::variant<PackagesStep, FilesStep, CopyStep, RunStep, UsersStep, ServicesStep, FetchStep> step;
  SourceSpan where;
  std::string directory;  ///< of the file that says it: relative paths start there (a fragment's own directory)
  Origins origins;
};

/// "packages", "files", …: the key that names the step's kind in a recipe.
[[nodiscard]] std::string_view kind_name(const Layer& layer);

struct Launch {
  std::optional<std::uint32_t> cpu;
  std::optional<std::uint64_t> memory_bytes;
  std::optional<std::uint64_t> disk_bytes;
  std::vector<std::uint16_t> ports;
  std::vector<std::string> commands;
  std::optional<std::uint32_t> gpu;  ///< how many GPUs of the host are handed over
};

struct RecipeTest {
  Text run;
  std::optional<std::string> expect;  ///< regular expression (RE2) searched in stdout
  int exit_code = 0;
  SourceSpan where;
};

/// `secrets:` — where the value of a secret comes from when a step asks for it.
struct SecretSource {
  enum class Kind { Env, File, Command };
  std::string name;
  Kind kind = Kind::Env;
  Text value;  ///< variable, path (relative paths start at the recipe's directory) or shell command
};

/// `policy:` — what an image must keep to.
struct Policy {
  std::optional<std::uint64_t> max_size_bytes;
  std::vector<Text> forbid_setuid;                     ///< globs of paths that may be neither setuid nor setgid
  std::optional<std::chrono::hours> refresh_security;  ///< a lock older than this misses security updates
  std::optional<std::chrono::hours> refresh_all;       ///< a lock older than this is stale
};

/// A recipe as its file says it, valid by itself.
struct Recipe {
  std::string file;       ///< path as given
  std::string directory;  ///< of the file
  Text name;
  std::string description;
  Text from;  ///< empty when `distribution` is set
  std::optional<Distribution> distribution;
  std::vector<Layer> layers;
  std::map<std::string, std::string> env;
  std::optional<std::string> workdir;
  std::optional<std::string> user;
  Launch launch;
  std::vector<RecipeTest> tests;
  std::map<std::string, std::string> labels;
  std::vector<SecretSource> secrets;  ///< by name
  Policy policy;
  Origins origins;
  /// Recipes that no file holds: the other stages of a Dockerfile that this one needs, each before those that need it.
  /// `from` and the copies of this recipe and of its stages call them by name; their own `stages` are empty.
  std::vector<Recipe> stages;
};

/// What `from` says for an image that has nothing below its first layer.
inline constexpr std::string_view kScratch = "scratch";

/// The stage of `recipe` that is called `name`; null when there is none.
[[nodiscard]] const Recipe* find_stage(const Recipe& recipe, std::string_view name);

/// Parses `text` of `file`. Pure: no disk, network or clock, so a layer with `use` is an error here (see load_recipe).
/// Params have their defaults. Throws Error with every fault of the file at once (kind Recipe, codes R0xx).
[[nodiscard]] Recipe parse_recipe(std::string_view text, const std::string& file);

/// The canonical form: every default written out, keys in one order, as YAML that parse_recipe reads back to the same
/// recipe.
[[nodiscard]] std::string format_recipe(const Recipe& recipe);
/// The same for a recipe and its stages: a document for each, the recipe's own last.
[[nodiscard]] std::string format_with_stages(const Recipe& recipe);

/// JSON Schema (2020-12) of the recipe language, generated from the table that the parser uses.
[[nodiscard]] std::string recipe_schema();

}  // namespace blueprint::recipe
