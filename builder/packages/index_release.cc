#include "builder/packages/index_release.h"

#include <optional>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "builder/packages/errors.h"
#include "builder/packages/repository_signature.h"
#include "registry_client/http_errors.h"

namespace blueprint::packages {
namespace fs = std::filesystem;
using registry_client::HttpTransfer;
namespace {

constexpr std::uint64_t kMaxReleaseBytes = 32ULL << 20;  // Debian's InRelease is 150 kB, Ubuntu's 270 kB

/// A signed Release as it lies in the cache: a line of JSON (sizes and what the server said of its age), then the
/// bytes.
struct CachedRelease {
  std::string etag;
  std::string last_modified;
  std::string text;
  std::string signature;  ///< empty = `text` is clear-signed
};

std::optional<CachedRelease> load_cached(const fs::path& file) {
  const auto bytes = read_file_if_exists(file);
  if (!bytes) return std::nullopt;
  const auto end = bytes->find('\n');
  const auto head = Json::parse(bytes->substr(0, end), nullptr, false);
  if (head.is_discarded() || !head.is_object()) return std::nullopt;
  const auto text_size = head.value("text", std::size_t{0});
  const auto signature_size = head.value("signature", std::size_t{0});
  if (end == std::string::npos || bytes->size() - end - 1 != text_size + signature_size) return std::nullopt;
  return CachedRelease{.etag = head.value("etag", ""),
                       .last_modified = head.value("last_modified", ""),
                       .text = bytes->substr(end + 1, text_size),
                       .signature = bytes->substr(end + 1 + text_size)};
}

void store_cached(const fs::path& file, const CachedRelease& release, const std::string& url) {
  Json head;
  head["url"] = registry_client::redact_url(url);
  head["etag"] = release.etag;
  head["last_modified"] = release.last_modified;
  head["text"] = release.text.size();
  head["signature"] = release.signature.size();
  AtomicFile out(file);
  // Headers are what the server says: any bytes. An ETag that is not UTF-8 is then another one, and is asked for again.
  out.write(compact_json(head) + "\n" + release.text + release.signature);
  out.commit(Durable::No);
}

fs::path cache_file(const IndexRequest& request, const RepositorySource& source) {
  return request.cache / "releases" / sha256(source.release_url("InRelease")).hex();
}

CachedRelease from_response(const registry_client::HttpResponse& response) {
  return {.etag = std::string(response.header("etag").value_or("")),
          .last_modified = std::string(response.header("last-modified").value_or("")),
          .text = response.body,
          .signature = {}};
}

/// An archive that has no InRelease has Release and Release.gpg.
CachedRelease fetch_detached(const RepositorySource& source, registry_client::Http& http, const std::stop_token& stop) {
  HttpTransfer transfers[2];
  transfers[0].request = {.url = source.release_url("Release"), .max_body_bytes = kMaxReleaseBytes};
  transfers[1].request = {.url = source.release_url("Release.gpg"), .max_body_bytes = kMaxReleaseBytes};
  http.perform(transfers, stop);
  for (const auto& transfer : transfers) {
    if (transfer.failure) std::rethrow_exception(transfer.failure);
  }
  const int status = transfers[0].response.status;
  if (status == 404) throw no_such_suite(source.release_url("InRelease"), source.suite, source.where);
  if (transfers[0].response.success() && transfers[1].response.status == 404)
    throw not_signed(source.release_url("InRelease"), "");
  for (const auto& transfer : transfers) {
    if (!transfer.response.success()) {
      throw registry_client::unexpected_status(transfer.request.method, transfer.request.url, transfer.response);
    }
  }
  CachedRelease release = from_response(transfers[0].response);
  release.etag.clear();  // two files have no common age: ask for InRelease again next time
  release.last_modified.clear();
  release.signature = transfers[1].response.body;
  return release;
}

std::vector<CachedRelease> fetch_texts(const IndexRequest& request, registry_client::Http& http,
                                       const std::stop_token& stop) {
  std::vector<std::optional<CachedRelease>> cached;
  std::vector<HttpTransfer> transfers(request.sources.size());
  for (std::size_t i = 0; i < request.sources.size(); ++i) {
    const auto& source = request.sources[i];
    cached.push_back(load_cached(cache_file(request, source)));
    if (request.offline && !cached.back()) throw index_not_cached(source.release_url("InRelease"));
    transfers[i].request = {.url = source.release_url("InRelease"), .max_body_bytes = kMaxReleaseBytes};
    if (cached.back() && !cached.back()->etag.empty()) {
      transfers[i].request.headers.push_back({"If-None-Match", cached.back()->etag});
    } else if (cached.back() && !cached.back()->last_modified.empty()) {
      transfers[i].request.headers.push_back({"If-Modified-Since", cached.back()->last_modified});
    }
  }
  if (!request.offline) http.perform(transfers, stop);
  std::vector<CachedRelease> releases;
  for (std::size_t i = 0; i < transfers.size(); ++i) {
    const auto& transfer = transfers[i];
    if (transfer.failure) std::rethrow_exception(transfer.failure);
    if (request.offline || transfer.response.status == 304) {
      releases.push_back(*cached[i]);
    } else if (transfer.response.success()) {
      releases.push_back(from_response(transfer.response));
    } else if (transfer.response.status == 404) {
      releases.push_back(fetch_detached(request.sources[i], http, stop));
    } else {
      throw registry_client::unexpected_status(transfer.request.method, transfer.request.url, transfer.response);
    }
  }
  return releases;
}

FetchedRepository verify_release(const IndexRequest& request, const RepositorySource& source, const CachedRelease& text,
                                 const std::stop_token& stop) {
  const fs::path scratch = request.cache / "tmp";
  auto verified = text.signature.empty() ? verify_inrelease(text.text, source, scratch, stop)
                                         : verify_detached(text.text, text.signature, source, scratch, stop);
  FetchedRepository repository{.source = source};
  repository.release = parse_release(verified.text, source.release_url("InRelease"));
  check_release(repository.release, source, request.now);
  repository.signed_text = std::move(verified.text);
  repository.locked = {.name = source.name,
                       .suite = source.suite,
                       .components = source.components,
                       .inrelease = sha256(text.text),
                       .key = verified.fingerprint,
                       .date = repository.release.date,
                       .snapshot = source.snapshot};
  return repository;
}

}  // namespace

std::vector<FetchedRepository> fetch_releases(const IndexRequest& request, registry_client::Http& http,
                                              ThreadPool& pool, std::stop_token stop) {
  for (const char* directory : {"releases", "packages", "solver", "tmp"})
    fs::create_directories(request.cache / directory);
  const auto texts = fetch_texts(request, http, stop);
  std::vector<FetchedRepository> repositories(texts.size());
  TaskGroup tasks(pool);
  for (std::size_t i = 0; i < texts.size(); ++i) {
    tasks.run([&, i] { repositories[i] = verify_release(request, request.sources[i], texts[i], stop); });
  }
  tasks.wait();
  // Only what has been verified replaces what is in the cache.
  for (std::size_t i = 0; i < texts.size() && !request.offline; ++i) {
    store_cached(cache_file(request, request.sources[i]), texts[i], request.sources[i].release_url("InRelease"));
  }
  return repositories;
}

}  // namespace blueprint::packages
