#include "builder/packages/index.h"

#include <algorithm>
#include <memory>
#include <set>

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "builder/packages/errors.h"
#include "builder/packages/index_decompress.h"
#include "builder/packages/index_release.h"
#include "registry_client/http_errors.h"

namespace blueprint::packages {
namespace fs = std::filesystem;
using registry_client::HttpTransfer;
namespace {

/// Smallest first: on a slow line the bytes count, on a fast one the 0.3 s that gzip would save do not.
constexpr const char* kSuffixes[] = {".zst", ".xz", ".gz", ""};

constexpr std::uint64_t kMaxIndexBytes = 1ULL << 30;

/// A Packages file that is to be brought into the cache.
struct Wanted {
  std::size_t repository = 0;
  std::size_t index = 0;         ///< in the repository's indices
  std::string name;              ///< of the compressed file, relative to the Release file
  Release::File file;            ///< the compressed file's size and digest
  std::uint64_t plain_size = 0;  ///< of the uncompressed one; 0 = the Release does not say
  std::vector<std::byte> bytes;
};

/// Collects a file of known size and digest in memory.
class VerifiedBody final : public registry_client::BodySink {
 public:
  explicit VerifiedBody(Wanted& wanted) : wanted_(wanted) {}
  void begin(const registry_client::HttpResponse&, std::uint64_t offset) override {
    wanted_.bytes.resize(offset);
    wanted_.bytes.reserve(wanted_.file.size_bytes);
  }
  void write(std::span<const std::byte> bytes) override {
    wanted_.bytes.insert(wanted_.bytes.end(), bytes.begin(), bytes.end());
  }

 private:
  Wanted& wanted_;
};

/// Whether the cache has `file` with this digest. A file that is there but damaged is as good as absent.
bool is_cached(const fs::path& file, const Digest& digest) {
  const auto text = read_file_if_exists(file);
  return text && sha256(*text) == digest;
}

std::string index_name(const std::string& component, const std::string& architecture) {
  return component.empty() ? "Packages" : fmt::format("{}/binary-{}/Packages", component, architecture);
}

/// Which Packages files a repository offers for `architecture`.
std::vector<PackagesIndex> choose_indices(const FetchedRepository& repository, const std::string& architecture) {
  std::vector<PackagesIndex> indices;
  const auto offered = [&](const std::string& name) {
    return std::any_of(std::begin(kSuffixes), std::end(kSuffixes),
                       [&](const char* suffix) { return repository.release.files.contains(name + suffix); });
  };
  auto components = repository.source.components;
  if (repository.source.suite.ends_with('/')) components = {""};
  for (const auto& component : components) {
    const auto before = indices.size();
    for (const std::string& each : {architecture, std::string("all")}) {
      if (each == "all" && (repository.release.all_included || component.empty())) continue;
      const auto name = index_name(component, each);
      if (offered(name)) indices.push_back({.component = component, .architecture = each, .name = name});
    }
    if (indices.size() == before) {
      throw no_such_component(repository.source.release_url("InRelease"), component, architecture,
                              repository.release.components, repository.source.where);
    }
  }
  return indices;
}

/// Finds `index` in the cache or says what to download. The cache knows a file by the digest of its uncompressed form;
/// a Release that does not list that one is rare and its compressed digest serves instead.
std::optional<Wanted> locate(const IndexRequest& request, const FetchedRepository& repository, PackagesIndex& index) {
  const auto& files = repository.release.files;
  Wanted wanted;
  for (const char* suffix : kSuffixes) {
    const auto found = files.find(index.name + suffix);
    if (found == files.end()) continue;
    wanted.name = found->first;
    wanted.file = found->second;
    break;
  }
  const auto plain = files.find(index.name);
  index.sha256 = plain != files.end() ? plain->second.sha256 : Digest{};
  if (plain != files.end()) {
    wanted.plain_size = plain->second.size_bytes;
    index.file = request.cache / "packages" / index.sha256.hex();
    if (is_cached(index.file, index.sha256)) return std::nullopt;
  }
  return wanted;
}

/// From the downloaded bytes to a file in the cache.
void unpack(const IndexRequest& request, const FetchedRepository& repository, const Wanted& wanted,
            PackagesIndex& index) {
  const std::string url = repository.source.release_url(wanted.name);
  if (wanted.bytes.size() != wanted.file.size_bytes || sha256(wanted.bytes) != wanted.file.sha256) {
    throw index_mismatch(url, wanted.file.sha256, sha256(wanted.bytes));
  }
  Sha256 hash;
  const TempDir scratch(request.cache / "tmp", "packages-");
  AtomicFile out(scratch.path() / "Packages");
  decompress_index(wanted.bytes, wanted.plain_size != 0 ? wanted.plain_size : kMaxIndexBytes, url,
                   [&](std::span<const std::byte> bytes) {
                     hash.update(bytes);
                     write_all(out.fd(), bytes, "a package index");
                   });
  const Digest digest = hash.finish();
  if (wanted.plain_size != 0 && digest != index.sha256) throw index_mismatch(url, index.sha256, digest);
  index.sha256 = digest;
  index.file = request.cache / "packages" / digest.hex();
  out.commit(Durable::No);
  fs::rename(scratch.path() / "Packages", index.file);
}

std::string download_url(const FetchedRepository& repository, const Wanted& wanted) {
  if (!repository.release.by_hash) return repository.source.release_url(wanted.name);
  const auto slash = wanted.name.rfind('/');
  const std::string directory = slash == std::string::npos ? "" : wanted.name.substr(0, slash + 1);
  return repository.source.release_url(fmt::format("{}by-hash/SHA256/{}", directory, wanted.file.sha256.hex()));
}

/// Downloads all of `wanted` and unpacks each on the pool while the others still come.
void download(const IndexRequest& request, std::vector<FetchedRepository>& repositories, std::vector<Wanted>& wanted,
              registry_client::Http& http, ThreadPool& pool, Events& events, const std::stop_token& stop) {
  std::vector<HttpTransfer> transfers(wanted.size());
  std::vector<std::unique_ptr<VerifiedBody>> bodies;
  Events::Progress progress{.items_total = wanted.size()};
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    bodies.push_back(std::make_unique<VerifiedBody>(wanted[i]));
    transfers[i].request = {.url = download_url(repositories[wanted[i].repository], wanted[i]),
                            .sink = bodies.back().get(),
                            .max_body_bytes = wanted[i].file.size_bytes};
    progress.bytes_total += wanted[i].file.size_bytes;
  }
  TaskGroup tasks(pool);
  const auto start = [&](std::size_t i) {
    progress.items += 1;
    progress.bytes += wanted[i].file.size_bytes;
    events.progress("indices", progress);
    auto& repository = repositories[wanted[i].repository];
    tasks.run([&, i] { unpack(request, repository, wanted[i], repository.indices[wanted[i].index]); });
  };
  std::vector<std::size_t> by_name;  // those that the by-hash directory does not have
  http.perform(transfers, stop, [&](HttpTransfer& transfer) {
    const auto i = static_cast<std::size_t>(&transfer - transfers.data());
    if (transfer.failure) std::rethrow_exception(transfer.failure);
    if (transfer.response.success()) {
      start(i);
    } else if (transfer.response.status == 404 && repositories[wanted[i].repository].release.by_hash) {
      by_name.push_back(i);
    } else {
      throw registry_client::unexpected_status(transfer.request.method, transfer.request.url, transfer.response);
    }
  });
  for (const auto i : by_name) {
    auto request_by_name = transfers[i].request;
    request_by_name.url = repositories[wanted[i].repository].source.release_url(wanted[i].name);
    const auto response = http.send(request_by_name, stop);
    if (!response.success())
      throw registry_client::unexpected_status(request_by_name.method, request_by_name.url, response);
    start(i);
  }
  tasks.wait();
}

}  // namespace

std::vector<FetchedRepository> fetch_indices(const IndexRequest& request, registry_client::Http& http, ThreadPool& pool,
                                             Events& events, std::stop_token stop) {
  auto repositories = fetch_releases(request, http, pool, stop);
  std::vector<Wanted> wanted;
  for (std::size_t r = 0; r < repositories.size(); ++r) {
    repositories[r].indices = choose_indices(repositories[r], request.architecture);
    for (std::size_t i = 0; i < repositories[r].indices.size(); ++i) {
      auto missing = locate(request, repositories[r], repositories[r].indices[i]);
      if (!missing) continue;
      if (request.offline) throw index_not_cached(repositories[r].source.release_url(missing->name));
      missing->repository = r;
      missing->index = i;
      wanted.push_back(std::move(*missing));
    }
  }
  if (!wanted.empty()) download(request, repositories, wanted, http, pool, events, stop);
  return repositories;
}

}  // namespace blueprint::packages
