// apt's view of our verified indices: a directory with a sources.list and lists/ as `apt-get update` would have left
// them. The host of repository N is "rN", which only has to agree between the two. Release files give apt codenames and
// pins (NotAutomatic of backports); [trusted=yes] because what is there has been verified before.

#include <chrono>

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "builder/packages/solver.h"

namespace blueprint::packages {
namespace fs = std::filesystem;
namespace {

constexpr auto kKeepUnused = std::chrono::hours(14 * 24);

/// As apt writes a path in the name of a list file.
std::string encoded(std::string_view path) {
  std::string name;
  for (const char c : path) {
    if (c == '/') {
      name += '_';
    } else if (std::string_view("_~%=!@#$^&*<>|\\\"{}[]").find(c) != std::string_view::npos) {
      name += fmt::format("%{:02x}", static_cast<unsigned char>(c));
    } else {
      name += c;
    }
  }
  return name;
}

/// "r0_dists_bookworm_": what the names of a suite's list files begin with.
std::string list_prefix(std::size_t repository, const RepositorySource& source) {
  const bool flat = source.suite.ends_with('/');
  const std::string directory = !flat ? "dists/" + source.suite + "/" : source.suite == "/" ? "" : source.suite;
  return fmt::format("r{}_{}", repository, encoded(directory));
}

std::string sources_list(const std::vector<FetchedRepository>& repositories, const std::string& architecture) {
  std::string text;
  for (std::size_t r = 0; r < repositories.size(); ++r) {
    const auto& source = repositories[r].source;
    text += fmt::format("deb [trusted=yes arch={}] http://r{} {} {}\n", architecture, r, source.suite,
                        join(source.components, " "));
  }
  return text;
}

/// Everything that decides what the directory holds.
Digest lists_key(const std::vector<FetchedRepository>& repositories, const std::string& architecture) {
  Sha256 hash;
  hash.update("lists 1\n").update(sources_list(repositories, architecture));
  for (const auto& repository : repositories) {
    hash.update(repository.signed_text);
    for (const auto& index : repository.indices) hash.update(index.name).update(index.sha256.hex());
  }
  return hash.finish();
}

/// Drops what nobody has used for long. An index that a directory of lists still links is in use; its own time says
/// nothing, because apt takes a file with another time for another file.
void prune(const fs::path& cache) {
  std::error_code ignored;
  const auto oldest = fs::file_time_type::clock::now() - kKeepUnused;
  for (const char* kind : {"solver", "packages", "tmp"}) {
    for (const auto& entry : fs::directory_iterator(cache / kind, ignored)) {
      const bool linked = entry.is_regular_file(ignored) && entry.hard_link_count(ignored) > 1;
      if (!linked && entry.last_write_time(ignored) < oldest) remove_tree(entry.path());
    }
  }
}

/// Links every index into `lists`, replacing links to a file that was found damaged and fetched again.
void link_indices(const std::vector<FetchedRepository>& repositories, const fs::path& lists, const fs::path& scratch) {
  for (std::size_t r = 0; r < repositories.size(); ++r) {
    for (const auto& index : repositories[r].indices) {
      const fs::path link = lists / list_name(r, repositories[r], index);
      std::error_code missing;
      if (fs::equivalent(index.file, link, missing)) continue;
      const TempDir directory(scratch, "link-");
      fs::create_hard_link(index.file, directory.path() / "link");
      fs::rename(directory.path() / "link", link);
    }
  }
}

}  // namespace

std::string list_name(std::size_t repository, const FetchedRepository& fetched, const PackagesIndex& index) {
  return list_prefix(repository, fetched.source) + encoded(index.name);
}

fs::path prepare_lists(const std::vector<FetchedRepository>& repositories, const std::string& architecture,
                       const fs::path& cache) {
  const fs::path directory = cache / "solver" / lists_key(repositories, architecture).hex();
  if (fs::exists(directory)) {
    link_indices(repositories, directory / "lists", cache / "tmp");
    fs::last_write_time(directory, fs::file_time_type::clock::now());
    return directory;
  }
  prune(cache);
  TempDir building(cache / "tmp", "lists-");
  fs::create_directories(building.path() / "lists" / "partial");
  const auto write = [&](const fs::path& path, std::string_view text) {
    AtomicFile file(path);
    file.write(text);
    file.commit(Durable::No);
  };
  write(building.path() / "sources.list", sources_list(repositories, architecture));
  for (std::size_t r = 0; r < repositories.size(); ++r) {
    write(building.path() / "lists" / (list_prefix(r, repositories[r].source) + "Release"),
          repositories[r].signed_text);
  }
  // Hard links, so that dropping a cached index does not take it away from a solver that reads it.
  link_indices(repositories, building.path() / "lists", cache / "tmp");
  std::error_code failed;
  fs::rename(building.path(), directory, failed);
  if (!failed) building.keep();
  // Otherwise another process made the same directory at the same time.
  if (failed && !fs::exists(directory)) throw os_error("create " + directory.string(), failed.value());
  return directory;
}

}  // namespace blueprint::packages
