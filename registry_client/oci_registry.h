#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "base/digest.h"
#include "registry_client/credentials.h"
#include "registry_client/http.h"
#include "registry_client/reference.h"
#include "registry_client/registry_auth.h"

namespace blueprint::registry_client {

/// What of the site a client of registries must know.
struct RegistryOptions {
  std::map<std::string, std::string> endpoints;  ///< host → URL: mirrors, and registries that speak plain HTTP
  FindCredential find_credential;                ///< nothing = anonymous
  std::string proxy;                             ///< URL of an HTTP proxy; empty = none
  std::string no_proxy;                          ///< comma-separated hosts that are reached directly
};

/// Content of a registry, by what it is (image-spec, descriptor.md).
struct Descriptor {
  std::string media_type;
  Digest digest;
  std::uint64_t size_bytes = 0;

  bool operator==(const Descriptor&) const = default;
};

/// A manifest or an index, with the bytes that its digest names.
struct Manifest {
  std::string media_type;
  Digest digest;
  std::string text;
};

/// A blob to fetch, and who takes it.
struct BlobRequest {
  Descriptor blob;
  BodySink* sink = nullptr;  ///< borrowed; what it was given counts once the blob is reported as done
};

/// A client of registries that speak the OCI distribution specification 1.1, or Docker's API v2 before it. Nothing that
/// a registry sends is believed: manifests and blobs are bounded, and their size and SHA-256 are those by which they
/// were asked for, or Error N023. Borrows `http`, which retries, resumes and obeys Retry-After. One thread at a time.
///
/// Besides what is said below, everything throws: Error N001 to N010 of the transfer; N021 when credentials are missing
/// or refused, N024 when the registry limits requests, N027 when its login is not understood; Interrupted.
class OciRegistry {
 public:
  OciRegistry(Http& http, RegistryOptions options, Clock clock = std::chrono::steady_clock::now);
  ~OciRegistry();
  OciRegistry(const OciRegistry&) = delete;
  OciRegistry& operator=(const OciRegistry&) = delete;

  /// What the reference names: by its digest, when it has one, else by its tag. Throws Error N022, with the tags that
  /// are near, when there is none; N025 for what is neither manifest nor index; N026 for one larger than any is.
  [[nodiscard]] Manifest fetch_manifest(const Reference& reference, const std::stop_token& stop);
  /// The manifest that an index of the repository lists.
  [[nodiscard]] Manifest fetch_manifest(const Reference& repository, const Descriptor& manifest,
                                        const std::stop_token& stop);

  /// The first page of the repository's tags, at most 1000. Throws Error N022 when there is no such repository.
  [[nodiscard]] std::vector<std::string> fetch_tags(const Reference& repository, const std::stop_token& stop);

  /// Fetches blobs of a repository, side by side. `on_done` hears of each as it is there and verified. One that cannot
  /// be had does not stop the others; the first failure is thrown at the end: N022 for a blob that is not there, N023
  /// for one that is another. What a sink or `on_done` throws stops everything.
  void fetch_blobs(const Reference& repository, std::span<const BlobRequest> blobs, const std::stop_token& stop,
                   const std::function<void(const BlobRequest&)>& on_done);

 private:
  RegistryAuth& auth_for(const Reference& reference);
  [[nodiscard]] std::string url_of(const Reference& reference, const std::string& path) const;
  /// http_.perform with authorisation; those that were let in too late are tried again.
  void perform(const Reference& reference, std::span<HttpTransfer> transfers, const std::stop_token& stop,
               const std::function<void(HttpTransfer&)>& on_done);
  HttpResponse get(const Reference& reference, HttpRequest request, const std::stop_token& stop);
  [[nodiscard]] Error failure_of(const Reference& reference, const HttpTransfer& transfer);
  [[noreturn]] void throw_not_found(const Reference& reference, const std::stop_token& stop);

  Http& http_;
  RegistryOptions options_;
  Clock clock_;
  std::map<std::string, std::unique_ptr<RegistryAuth>> auths_;  ///< by host and repository
};

/// The HTTP client for registries: the curl one, with the site's proxy.
[[nodiscard]] std::unique_ptr<Http> make_registry_http(const RegistryOptions& options);

}  // namespace blueprint::registry_client
