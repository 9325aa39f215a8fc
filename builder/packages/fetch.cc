// Downloading what a lock names.
//
// Trust comes from the lock alone: each file is hashed while it streams and appears in `debs` under its digest or not
// at all. So any mirror will do, and a store that several builds share needs no lock. The largest files start first,
// because the last transfer to finish decides how long it takes. Files are not fsynced one by one: after a power cut a
// file may be empty under a digest that is not its own, so whoever uses one checks its hash again (unpacking does), and
// here its size.
//
// Builds in one process that lack the same file do not download it twice: each claims what nobody else has claimed,
// downloads that, and then waits for the rest. Processes do not know of each other; the rename makes that safe.

#include <algorithm>
#include <map>
#include <memory>
#include <set>

#include <fmt/format.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "builder/packages/errors.h"
#include "builder/packages/resolve.h"
#include "registry_client/http_errors.h"

namespace blueprint::packages {
namespace fs = std::filesystem;
using registry_client::HttpTransfer;
namespace {

constexpr std::uint32_t kConnections = 12;

std::string shown_name(const LockedPackage& package) {
  return fmt::format("{} {} {}", package.name, package.version, package.architecture);
}

/// Reports how far all downloads together are.
class Meter {
 public:
  Meter(Events& events, std::string stage) : events_(events), stage_(std::move(stage)) {}
  void start() {
    events_.started(
        stage_, fmt::format("downloading {} packages, {}", progress_.items_total, format_size(progress_.bytes_total)));
  }
  void expect(std::uint64_t bytes) {
    progress_.items_total += 1;
    progress_.bytes_total += bytes;
  }
  void received(std::uint64_t bytes) {
    progress_.bytes += bytes;
    events_.progress(stage_, progress_);
  }
  void taken_back(std::uint64_t bytes) { progress_.bytes -= bytes; }
  void finished_one() {
    progress_.items += 1;
    events_.progress(stage_, progress_);
  }

 private:
  Events& events_;
  std::string stage_;
  Events::Progress progress_;
};

/// Writes one .deb to its place while it arrives.
class DebSink final : public registry_client::BodySink {
 public:
  DebSink(const LockedPackage& package, const fs::path& debs, Meter& meter)
      : package_(package), path_(debs / (package.sha256.hex() + ".deb")), meter_(meter) {}

  void begin(const registry_client::HttpResponse&, std::uint64_t offset) override {
    if (offset != 0) return;
    meter_.taken_back(received_);
    received_ = 0;
    hash_ = Sha256();
    file_.reset();  // removes what an earlier attempt wrote
    file_ = std::make_unique<AtomicFile>(path_);
  }
  void write(std::span<const std::byte> bytes) override {
    hash_.update(bytes);
    write_all(file_->fd(), bytes, path_.string());
    received_ += bytes.size();
    meter_.received(bytes.size());
  }
  /// Publishes the file; throws P051 when it is not the one that was locked.
  void finish(std::string_view url) {
    const Digest digest = hash_.finish();
    if (digest != package_.sha256) throw deb_mismatch(shown_name(package_), url, package_.sha256, digest);
    file_->commit(Durable::No);
    file_.reset();
    meter_.finished_one();
  }
  [[nodiscard]] std::uint64_t received() const { return received_; }

 private:
  const LockedPackage& package_;
  fs::path path_;
  Meter& meter_;
  Sha256 hash_;
  std::unique_ptr<AtomicFile> file_;
  std::uint64_t received_ = 0;
};

bool is_present(const LockedPackage& package, const fs::path& debs) {
  struct stat status {};
  const auto path = debs / (package.sha256.hex() + ".deb");
  return ::stat(path.c_str(), &status) == 0 && static_cast<std::uint64_t>(status.st_size) == package.size_bytes;
}

/// What `debs` lacks, each file once, the largest first.
std::vector<const LockedPackage*> find_missing(const std::vector<LockedPackage>& packages, const fs::path& debs) {
  std::vector<const LockedPackage*> missing;
  std::set<Digest> seen;
  for (const auto& package : packages) {
    if (seen.insert(package.sha256).second && !is_present(package, debs)) missing.push_back(&package);
  }
  std::sort(missing.begin(), missing.end(), [](const LockedPackage* a, const LockedPackage* b) {
    return std::tie(b->size_bytes, a->name) < std::tie(a->size_bytes, b->name);
  });
  return missing;
}

std::vector<std::string> base_urls(const std::vector<LockedRepository>& repositories, const Mirrors& mirrors) {
  std::vector<std::string> urls;
  for (const auto& repository : repositories) {
    urls.push_back(repository.snapshot.empty() ? mirrors.url(repository.name)
                                               : mirrors.snapshot_url(repository.name, repository.snapshot));
  }
  return urls;
}

/// Judges one transfer that has ended; nothing when the file is in its place.
std::exception_ptr conclude(HttpTransfer& transfer, DebSink& sink, const LockedPackage& package) {
  try {
    if (transfer.failure) std::rethrow_exception(transfer.failure);
    if (transfer.response.status == 404 || transfer.response.status == 410) {
      throw deb_gone(shown_name(package), transfer.request.url);
    }
    if (!transfer.response.success()) {
      throw registry_client::unexpected_status(transfer.request.method, transfer.request.url, transfer.response);
    }
    sink.finish(transfer.request.url);
  } catch (Error& error) {
    // A full disk fails every transfer: stop at once.
    if (error.first().kind == ErrorKind::Store) throw;
    error.add_context(fmt::format("while downloading {}", shown_name(package)));
    return std::make_exception_ptr(error);
  }
  return nullptr;
}

std::vector<Digest> digests_of(const std::vector<const LockedPackage*>& packages) {
  std::vector<Digest> digests;
  for (const auto* package : packages) digests.push_back(package->sha256);
  return digests;
}

/// Downloads those files; each is given back as soon as it is there.
std::uint64_t download(const std::vector<const LockedPackage*>& missing, const FetchRequest& request,
                       Claims::Claim& claim, Meter& meter, const std::stop_token& stop) {
  std::error_code failed;
  fs::create_directories(request.debs, failed);
  if (failed) throw os_error(fmt::format("create {}", request.debs.string()), failed.value());
  const auto bases = base_urls(request.repositories, request.mirrors);
  const auto http = registry_client::make_curl_http({.max_connections = kConnections,
                                                     .max_connections_per_host = kConnections,
                                                     .proxy = request.mirrors.proxy,
                                                     .no_proxy = request.mirrors.no_proxy,
                                                     .file_urls = registry_client::HttpOptions::FileUrls::Allow});
  std::vector<std::unique_ptr<DebSink>> sinks;
  std::vector<HttpTransfer> transfers(missing.size());
  for (std::size_t i = 0; i < missing.size(); ++i) {
    sinks.push_back(std::make_unique<DebSink>(*missing[i], request.debs, meter));
    meter.expect(missing[i]->size_bytes);
    transfers[i].request = {.url = registry_client::join_url(bases.at(missing[i]->repository), missing[i]->filename),
                            .sink = sinks[i].get(),
                            .max_body_bytes = missing[i]->size_bytes};
  }
  meter.start();
  // One file that cannot be had does not stop the others: what can be downloaded now need not be downloaded again.
  std::exception_ptr first_failure;
  http->perform(transfers, stop, [&](HttpTransfer& transfer) {
    const auto i = static_cast<std::size_t>(&transfer - transfers.data());
    const auto failure = conclude(transfer, *sinks[i], *missing[i]);
    if (failure && !first_failure) first_failure = failure;
    claim.give_back(missing[i]->sha256);
  });
  if (first_failure) std::rethrow_exception(first_failure);
  std::uint64_t bytes = 0;
  for (const auto& sink : sinks) bytes += sink->received();
  return bytes;
}

}  // namespace

std::uint64_t fetch_packages(const FetchRequest& request, Events& events, std::string_view stage,
                             std::stop_token stop) {
  std::uint64_t bytes = 0;
  while (true) {
    const auto lacking = digests_of(find_missing(request.packages, request.debs));
    if (lacking.empty()) return bytes;
    auto claim = request.downloads.take(lacking);
    // Whoever had a claim before us may have brought the file meanwhile.
    auto missing = find_missing(request.packages, request.debs);
    if (request.offline && !missing.empty()) {
      std::vector<std::string> names;
      for (const auto* package : missing) names.push_back(shown_name(*package));
      throw debs_missing_offline(names);
    }
    std::erase_if(missing, [&](const LockedPackage* package) { return !claim.contains(package->sha256); });
    if (!missing.empty()) {
      Meter meter(events, std::string(stage));
      bytes += download(missing, request, claim, meter, stop);
      events.finished(stage, format_size(bytes));
    } else if (claim.empty()) {
      events.note(fmt::format("waiting for {} packages that another build downloads", lacking.size()));
      request.downloads.wait_for(lacking, stop);
    }
  }
}

}  // namespace blueprint::packages
