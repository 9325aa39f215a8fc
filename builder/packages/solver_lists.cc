// apt's view of our verified indices: a directory with a sources.list and lists/ as `apt-get update` would have left
// them. The host of repository N is "rN", which only has to agree between the two. Release files give apt codenames and
// pins (NotAutomatic of backports); [trusted=yes] because what is there has been verified before.

#include <chrono>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "builder/packages/solver.h"

namespace blueprint::packages {
namespace fs = std::filesystem;
namespace {

constexpr auto kKeepUnused = std::chrono::hours(14 * 24);

/// "r0_dists_bookworm_": how apt writes "http://r0/dists/bookworm/" as the beginning of a file name; '_' of the
/// original is %5f.
std::string list_prefix(std::size_t repository, const RepositorySource& source) {
  const bool flat = source.suite.ends_with('/');
  std::string path = flat ? source.suite : "dists/" + source.suite + "/";
  if (path == "./" || path == "/") path = "./";
  std::string name = fmt::format("r{}_", repository);
  for (const char c : path) {
    if (c == '/') {
      name += '_';
    } else if (c == '_') {
      name += "%5f";
    } else {
      name += c;
    }
  }
  return name;
}

std::string encoded(std::string_view text) {
  std::string name;
  for (const char c : text) {
    if (c == '/') {
      name += '_';
    } else if (c == '_') {
      name += "%5f";
    } else {
      name += c;
    }
  }
  return name;
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

void touch(const fs::path& path) { ::utimensat(AT_FDCWD, path.c_str(), nullptr, 0); }

void prune(const fs::path& cache) {
  std::error_code ignored;
  const auto oldest = fs::file_time_type::clock::now() - kKeepUnused;
  for (const char* kind : {"solver", "packages", "tmp"}) {
    for (const auto& entry : fs::directory_iterator(cache / kind, ignored)) {
      if (entry.last_write_time(ignored) < oldest) remove_tree(entry.path());
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
    touch(directory);
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
    for (const auto& index : repositories[r].indices) {
      // A hard link, so that dropping the cached index does not take it away from a solver that reads it.
      fs::create_hard_link(index.file, building.path() / "lists" / list_name(r, repositories[r], index));
    }
  }
  std::error_code failed;
  fs::rename(building.path(), directory, failed);
  if (!failed) building.keep();
  // Otherwise another process made the same directory at the same time.
  if (failed && !fs::exists(directory)) throw os_error("create " + directory.string(), failed.value());
  return directory;
}

}  // namespace blueprint::packages
