#include "registry_client/oci_registry.h"

#include <algorithm>
#include <array>
#include <optional>

#include <fmt/format.h>

#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include "registry_client/registry_errors.h"

namespace blueprint::registry_client {
namespace {

/// What registries must take at least, and what they do not go beyond (distribution-spec, "Pushing Manifests").
constexpr std::uint64_t kMaxManifestBytes = 4 << 20;
constexpr std::uint64_t kMaxTagsBytes = 4 << 20;
constexpr int kTagsOnAPage = 1000;

constexpr std::array kManifestTypes = {"application/vnd.oci.image.index.v1+json",
                                       "application/vnd.oci.image.manifest.v1+json",
                                       "application/vnd.docker.distribution.manifest.list.v2+json",
                                       "application/vnd.docker.distribution.manifest.v2+json"};

/// Hashes and counts what it passes on, and refuses more than there should be.
class VerifyingSink final : public BodySink {
 public:
  VerifyingSink(const Reference& repository, const BlobRequest& request) : repository_(repository), request_(request) {}

  void begin(const HttpResponse& head, std::uint64_t offset) override {
    if (offset == 0) {
      hash_ = Sha256();
      received_ = 0;
    }
    request_.sink->begin(head, offset);
  }
  void write(std::span<const std::byte> bytes) override {
    if (bytes.size() > request_.blob.size_bytes - received_)
      throw wrong_content(repository_, request_.blob.digest,
                          fmt::format("more than its {} bytes", request_.blob.size_bytes));
    hash_.update(bytes);
    received_ += bytes.size();
    request_.sink->write(bytes);
  }
  void finish() {
    const auto& blob = request_.blob;
    if (received_ != blob.size_bytes)
      throw wrong_content(repository_, blob.digest, fmt::format("{} of {} bytes", received_, blob.size_bytes));
    if (const Digest found = hash_.finish(); found != blob.digest)
      throw wrong_content(repository_, blob.digest, found.to_string());
  }

 private:
  const Reference& repository_;
  const BlobRequest& request_;
  Sha256 hash_;
  std::uint64_t received_ = 0;
};

bool is_manifest_type(std::string_view type) {
  return std::find(kManifestTypes.begin(), kManifestTypes.end(), type) != kManifestTypes.end();
}

/// The media type that the document says of itself, else that of the answer. A document that could be read as both an
/// index and a manifest is refused: two readers would take two images for one digest (CVE-2021-41190).
std::string media_type_of(const Reference& reference, const HttpResponse& response) {
  const Json json = Json::parse(response.body, nullptr, false);
  if (!json.is_object()) throw unusable_manifest(reference, "it is no JSON object");
  const std::string_view header = response.header("content-type").value_or("");
  std::string type(trim(header.substr(0, header.find(';'))));
  if (const auto said = json.find("mediaType"); said != json.end() && said->is_string())
    type = said->get<std::string>();
  if (!is_manifest_type(type)) throw unusable_manifest(reference, fmt::format("it is of the media type '{}'", type));
  if (json.contains("manifests") && (json.contains("layers") || json.contains("config")))
    throw unusable_manifest(reference, "it is an index and a manifest at once");
  return type;
}

Manifest checked_manifest(const Reference& reference, const std::optional<Digest>& asked, HttpResponse response) {
  Manifest manifest{.media_type = {}, .digest = sha256(response.body), .text = {}};
  if (asked && manifest.digest != *asked) throw wrong_content(reference, *asked, manifest.digest.to_string());
  // By tag there is nothing to compare with but what the registry says itself, which is worth no trust, but must fit.
  const auto said = Digest::parse(response.header("docker-content-digest").value_or(""));
  if (said && *said != manifest.digest) throw wrong_content(reference, *said, manifest.digest.to_string());
  manifest.media_type = media_type_of(reference, response);
  manifest.text = std::move(response.body);
  return manifest;
}

HttpRequest manifest_request(std::string url) {
  return {.url = std::move(url),
          .headers = {{"Accept", join(std::vector<std::string>(kManifestTypes.begin(), kManifestTypes.end()), ", ")}},
          .max_body_bytes = kMaxManifestBytes};
}

}  // namespace

OciRegistry::OciRegistry(Http& http, RegistryOptions options, Clock clock)
    : http_(http), options_(std::move(options)), clock_(std::move(clock)) {}

OciRegistry::~OciRegistry() = default;

RegistryAuth& OciRegistry::auth_for(const Reference& reference) {
  auto& auth = auths_[reference.name()];
  if (!auth) {
    auth = std::make_unique<RegistryAuth>(http_, endpoint_of(reference.host, options_.endpoints), reference.repository,
                                          "pull", options_.find_credential, clock_);
  }
  return *auth;
}

std::string OciRegistry::url_of(const Reference& reference, const std::string& path) const {
  return fmt::format("{}/v2/{}/{}", endpoint_of(reference.host, options_.endpoints).url, reference.repository, path);
}

void OciRegistry::perform(const Reference& reference, std::span<HttpTransfer> transfers, const std::stop_token& stop,
                          const std::function<void(HttpTransfer&)>& on_done) {
  RegistryAuth& auth = auth_for(reference);
  std::vector<std::size_t> left(transfers.size());
  for (std::size_t i = 0; i < left.size(); ++i) left[i] = i;
  bool just_answered = false;
  while (!left.empty()) {
    std::vector<HttpTransfer> round;
    const auto header = auth.header(stop);
    for (const std::size_t i : left) {
      round.push_back({.request = transfers[i].request, .response = {}, .failure = {}});
      if (header) round.back().request.headers.push_back(*header);
    }
    std::vector<std::size_t> refused;
    http_.perform(round, stop, [&](HttpTransfer& done) {
      const std::size_t i = left[static_cast<std::size_t>(&done - round.data())];
      transfers[i].response = std::move(done.response);
      transfers[i].failure = done.failure;
      if (!done.failure && transfers[i].response.status == 401) {
        refused.push_back(i);
      } else {
        on_done(transfers[i]);
      }
    });
    if (refused.empty()) return;
    // A token may be too short-lived for many blobs: as long as each brings some of them, new ones are asked for.
    const bool fruitless = just_answered && refused.size() == left.size();
    if (fruitless || !auth.answer(transfers[refused.front()].response, stop)) {
      for (const std::size_t i : refused) on_done(transfers[i]);
      return;
    }
    just_answered = true;
    left = std::move(refused);
  }
}

Error OciRegistry::failure_of(const Reference& reference, const HttpTransfer& transfer) {
  if (transfer.failure) {
    try {
      std::rethrow_exception(transfer.failure);
    } catch (Error& error) {
      if (error.first().code == "N003")
        error.add_hint(
            fmt::format("if the registry speaks plain HTTP, say so in blueprint/config.yaml: registries: "
                        "{{\"{0}\": \"http://{0}\"}}",
                        printable(reference.host)));
      return error;
    }
  }
  const int status = transfer.response.status;
  RegistryAuth& auth = auth_for(reference);
  if (status == 401 || status == 403)
    return access_denied(reference, transfer.response, auth.shown(), auth.looked_in());
  if (status == 429) return rate_limited(reference, transfer.response, auth.shown());
  return registry_failed(transfer.request, transfer.response);
}

HttpResponse OciRegistry::get(const Reference& reference, HttpRequest request, const std::stop_token& stop) {
  HttpTransfer transfer{.request = std::move(request), .response = {}, .failure = {}};
  perform(reference, {&transfer, 1}, stop, [](HttpTransfer&) {});
  if (transfer.failure || (!transfer.response.success() && transfer.response.status != 404))
    throw failure_of(reference, transfer);
  return std::move(transfer.response);
}

void OciRegistry::throw_not_found(const Reference& reference, const std::stop_token& stop) {
  std::vector<std::string> tags;
  try {
    tags = fetch_tags(reference, stop);
  } catch (const Error& error) {
    // Not every registry lists tags, nor to everybody.
    if (error.first().code == "N022") throw;
  }
  if (reference.digest) throw no_such_content(reference, *reference.digest);
  throw no_such_tag(reference, tags);
}

Manifest OciRegistry::fetch_manifest(const Reference& reference, const std::stop_token& stop) {
  const std::string name = reference.digest ? reference.digest->to_string() : reference.tag;
  HttpResponse response;
  try {
    response = get(reference, manifest_request(url_of(reference, "manifests/" + name)), stop);
  } catch (const Error& error) {
    if (error.first().code == "N006") throw manifest_too_large(reference, kMaxManifestBytes);
    throw;
  }
  if (response.status == 404) throw_not_found(reference, stop);
  return checked_manifest(reference, reference.digest, std::move(response));
}

Manifest OciRegistry::fetch_manifest(const Reference& repository, const Descriptor& manifest,
                                     const std::stop_token& stop) {
  Reference reference = repository;
  reference.digest = manifest.digest;
  Manifest found = fetch_manifest(reference, stop);
  if (found.text.size() != manifest.size_bytes)
    throw wrong_content(reference, manifest.digest,
                        fmt::format("{} bytes, not {}", found.text.size(), manifest.size_bytes));
  return found;
}

std::vector<std::string> OciRegistry::fetch_tags(const Reference& repository, const std::stop_token& stop) {
  const HttpResponse response = get(
      repository,
      {.url = url_of(repository, fmt::format("tags/list?n={}", kTagsOnAPage)), .max_body_bytes = kMaxTagsBytes}, stop);
  if (response.status == 404) throw no_such_repository(repository);
  const Json json = Json::parse(response.body, nullptr, false);
  std::vector<std::string> tags;
  const auto list = json.is_object() ? json.find("tags") : json.end();
  if (!json.is_object() || list == json.end() || !list->is_array()) return tags;
  for (const auto& tag : *list) {
    if (tag.is_string()) tags.push_back(tag.get<std::string>());
  }
  return tags;
}

void OciRegistry::fetch_blobs(const Reference& repository, std::span<const BlobRequest> blobs,
                              const std::stop_token& stop, const std::function<void(const BlobRequest&)>& on_done) {
  std::vector<std::unique_ptr<VerifyingSink>> sinks;
  std::vector<HttpTransfer> transfers(blobs.size());
  for (std::size_t i = 0; i < blobs.size(); ++i) {
    sinks.push_back(std::make_unique<VerifyingSink>(repository, blobs[i]));
    transfers[i].request = {.url = url_of(repository, "blobs/" + blobs[i].blob.digest.to_string()),
                            .sink = sinks[i].get()};
  }
  std::optional<Error> first_failure;
  perform(repository, transfers, stop, [&](HttpTransfer& transfer) {
    const auto i = static_cast<std::size_t>(&transfer - transfers.data());
    try {
      if (transfer.response.status == 404) throw no_such_content(repository, blobs[i].blob.digest);
      if (transfer.failure || !transfer.response.success()) throw failure_of(repository, transfer);
      sinks[i]->finish();
    } catch (const Error& error) {
      // A full disk fails every transfer: stop at once.
      if (error.first().kind == ErrorKind::Store) throw;
      if (!first_failure) first_failure = error;
      return;
    }
    on_done(blobs[i]);
  });
  if (first_failure) throw Error(*first_failure);
}

std::unique_ptr<Http> make_registry_http(const RegistryOptions& options) {
  // A proxy is another machine, on which "localhost" is not this one.
  const std::string here = "localhost,127.0.0.1,::1";
  return make_curl_http(
      {.proxy = options.proxy, .no_proxy = options.no_proxy.empty() ? here : options.no_proxy + "," + here});
}

}  // namespace blueprint::registry_client
