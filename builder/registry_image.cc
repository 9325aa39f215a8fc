#include "builder/registry_image.h"

#include <algorithm>
#include <set>
#include <variant>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"
#include "layers/oci_errors.h"

namespace blueprint::builder {
namespace fs = std::filesystem;
using registry_client::BlobRequest;
namespace {

constexpr std::string_view kScheme = "oci://";
constexpr int kMaxIndexDepth = 4;
/// A config is some KiB; one beyond it is not read into memory.
constexpr std::uint64_t kMaxConfigBytes = 8 << 20;

registry_client::Descriptor descriptor_of(const layers::OciDescriptor& descriptor) {
  return {.media_type = descriptor.media_type, .digest = descriptor.digest, .size_bytes = descriptor.size_bytes};
}

class TextSink final : public registry_client::BodySink {
 public:
  void begin(const registry_client::HttpResponse&, std::uint64_t offset) override { text.resize(offset); }
  void write(std::span<const std::byte> bytes) override {
    text.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  std::string text;
};

/// Reports how far all layers together are.
class Meter {
 public:
  Meter(Events& events, const std::string& stage, std::span<const layers::OciDescriptor> layers)
      : events_(events), stage_(stage) {
    progress_.items_total = layers.size();
    for (const auto& layer : layers) progress_.bytes_total += layer.size_bytes;
    events_.started(stage_, fmt::format("downloading {} layer{}, {}", layers.size(), layers.size() == 1 ? "" : "s",
                                        format_size(progress_.bytes_total)));
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
  void finished() { events_.finished(stage_, format_size(progress_.bytes)); }

 private:
  Events& events_;
  const std::string& stage_;
  Events::Progress progress_;
};

/// Writes one layer to a file while it arrives.
class LayerSink final : public registry_client::BodySink {
 public:
  LayerSink(fs::path file, Meter& meter) : file_(std::move(file)), meter_(meter) {}

  void begin(const registry_client::HttpResponse&, std::uint64_t offset) override {
    if (offset != 0) return;
    meter_.taken_back(received_);
    received_ = 0;
    fd_ = open_file(file_, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  }
  void write(std::span<const std::byte> bytes) override {
    write_all(fd_.get(), bytes, file_.string());
    received_ += bytes.size();
    meter_.received(bytes.size());
  }
  const fs::path& close() {
    fd_.reset();
    return file_;
  }

 private:
  fs::path file_;
  Meter& meter_;
  UniqueFd fd_;
  std::uint64_t received_ = 0;
};

}  // namespace

std::optional<Digest> ResolvedTags::find(const std::string& reference) const {
  const std::lock_guard lock(mutex_);
  const auto found = digests_.find(reference);
  return found == digests_.end() ? std::nullopt : std::optional(found->second);
}

void ResolvedTags::add(const std::string& reference, const Digest& manifest) {
  const std::lock_guard lock(mutex_);
  digests_.emplace(reference, manifest);
}

bool is_registry_reference(std::string_view name) {
  if (!name.starts_with(kScheme)) return false;
  name.remove_prefix(kScheme.size());
  return !name.starts_with("./") && !name.starts_with("../") && !name.starts_with('/');
}

registry_client::Reference registry_reference(const recipe::Text& name) {
  try {
    return registry_client::parse_reference(std::string_view(name.value).substr(kScheme.size()));
  } catch (Error& error) {
    error.add_hint("a path of this machine begins with './', '../' or '/'");
    auto diagnostics = error.diagnostics();
    for (auto& diagnostic : diagnostics) {
      if (name.where.line > 0) diagnostic.where = name.where;
    }
    throw Error(std::move(diagnostics));
  }
}

RegistryPull::RegistryPull(registry_client::Reference reference, const RegistryAccess& access, layers::Store& store,
                           std::stop_token stop)
    : reference_(std::move(reference)),
      name_(reference_.to_string()),
      access_(access),
      store_(store),
      stop_(std::move(stop)),
      http_(registry_client::make_registry_http(access.options)),
      registry_(*http_, access.options) {}

/// A document that the store has, unless it is damaged: then it is fetched again.
std::optional<std::string> RegistryPull::kept_document(const Digest& digest) const {
  if (!store_.reuse_blob(digest)) return std::nullopt;
  std::string text = store_.read_blob(digest);
  return sha256(text) == digest ? std::optional(std::move(text)) : std::nullopt;
}

RegistryPull::Document RegistryPull::fetch_manifest(const std::optional<layers::OciDescriptor>& listed,
                                                    const std::optional<Digest>& known) {
  const auto digest = listed ? std::optional(listed->digest) : known;
  if (digest) {
    if (auto text = kept_document(*digest)) return {*digest, std::move(*text)};
  }
  registry_client::Reference wanted = reference_;
  wanted.digest = digest;
  auto manifest = listed ? registry_.fetch_manifest(reference_, descriptor_of(*listed), stop_)
                         : registry_.fetch_manifest(wanted, stop_);
  return {manifest.digest, std::move(manifest.text)};
}

std::string RegistryPull::fetch_config(const layers::OciDescriptor& config) {
  if (auto text = kept_document(config.digest)) return std::move(*text);
  if (config.size_bytes > kMaxConfigBytes)
    throw layers::bad_oci_document("the image's config", fmt::format("it has {}", format_size(config.size_bytes)));
  TextSink sink;
  const BlobRequest request{.blob = descriptor_of(config), .sink = &sink};
  registry_.fetch_blobs(reference_, {&request, 1}, stop_, [](const BlobRequest&) {});
  store_.add_blob(sink.text);
  return std::move(sink.text);
}

layers::OciImage RegistryPull::fetch_documents(const std::optional<Digest>& known) {
  const auto first = known ? known : access_.resolved->find(name_);
  std::optional<layers::OciDescriptor> listed;
  for (int depth = 0; depth < kMaxIndexDepth; ++depth) {
    const Document document = fetch_manifest(listed, first);
    const std::string what = "manifest " + document.digest.short_hex();
    const auto parsed = layers::parse_oci_manifest(document.text, name_, what);
    store_.add_blob(document.text);
    if (const auto* index = std::get_if<layers::OciIndex>(&parsed)) {
      listed = index->manifest;
      continue;
    }
    const auto& manifest = std::get<layers::OciManifest>(parsed);
    layers_ = manifest.layers;
    if (!first) access_.resolved->add(name_, document.digest);
    return layers::make_oci_image(layers::OciSource::open(store_.root()), name_, document.digest, manifest,
                                  fetch_config(manifest.config));
  }
  throw layers::bad_oci_document(name_, "its indices do not come to an end");
}

Digest RegistryPull::resolve_tag() {
  auto manifest = registry_.fetch_manifest(reference_, stop_);
  for (int depth = 0; depth < kMaxIndexDepth; ++depth) {
    const auto parsed = layers::parse_oci_manifest(manifest.text, name_, "manifest " + manifest.digest.short_hex());
    const auto* index = std::get_if<layers::OciIndex>(&parsed);
    if (index == nullptr) return manifest.digest;
    manifest = registry_.fetch_manifest(reference_, descriptor_of(index->manifest), stop_);
  }
  throw layers::bad_oci_document(name_, "its indices do not come to an end");
}

void RegistryPull::fetch_layers(Events& events, const std::string& stage) {
  std::vector<layers::OciDescriptor> missing;
  std::set<Digest> seen;
  for (const auto& layer : layers_) {
    if (seen.insert(layer.digest).second && !store_.reuse_blob(layer.digest)) missing.push_back(layer);
  }
  if (missing.empty()) return;
  // The last transfer to finish decides how long it takes.
  std::stable_sort(missing.begin(), missing.end(),
                   [](const auto& a, const auto& b) { return a.size_bytes > b.size_bytes; });
  const TempDir work(store_.tmp(), "pull-");
  Meter meter(events, stage, missing);
  std::vector<std::unique_ptr<LayerSink>> sinks;
  std::vector<BlobRequest> requests;
  for (const auto& layer : missing) {
    sinks.push_back(std::make_unique<LayerSink>(work.path() / layer.digest.hex(), meter));
    requests.push_back({.blob = descriptor_of(layer), .sink = sinks.back().get()});
  }
  registry_.fetch_blobs(reference_, requests, stop_, [&](const BlobRequest& done) {
    store_.adopt_blob(static_cast<LayerSink*>(done.sink)->close(), done.blob.digest);
    meter.finished_one();
  });
  meter.finished();
}

}  // namespace blueprint::builder
