// An image as a container image: each of our layers becomes a tar+gzip of the files that it changed, whiteouts first
// (OCI image-spec, layer.md), and config and manifest are the standard ones. Layers are packed side by side into
// temporary files, because a tar wants sizes and a manifest digests before data; then the archive is written in one
// pass.
//
// No directory needs an opaque marker: a changeset names every path that goes.

#include "layers/export_oci.h"

#include <algorithm>
#include <memory>
#include <unordered_map>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "base/utc.h"
#include "layers/checkout_select.h"
#include "layers/export_compress.h"
#include "layers/export_tar.h"
#include "layers/image_json.h"
#include "layers/oci_descriptor.h"

namespace blueprint::layers {
namespace fs = std::filesystem;
namespace {

constexpr const char* kOciConfigType = "application/vnd.oci.image.config.v1+json";
constexpr const char* kOciLayerType = "application/vnd.oci.image.layer.v1.tar+gzip";
constexpr std::string_view kWhiteout = ".wh.";
constexpr std::size_t kCopyBytes = 1 << 20;

struct PackedLayer {
  fs::path file;
  Digest digest;   ///< of the compressed bytes
  Digest diff_id;  ///< of the tar
  std::uint64_t size_bytes = 0;
};

std::string whiteout_path(const std::string& path) {
  const std::string_view parent = parent_path(path);
  const std::string_view name = std::string_view(path).substr(parent.empty() ? 0 : parent.size() + 1);
  return parent.empty() ? fmt::format("{}{}", kWhiteout, name) : fmt::format("{}/{}{}", parent, kWhiteout, name);
}

PackedLayer pack_layer(const Store& store, const std::vector<LayerRef>& layers, std::size_t which, const fs::path& file,
                       const std::stop_token& stop) {
  std::vector<std::shared_ptr<const LayerIndex>> indices;
  for (std::size_t i = 0; i <= which; ++i) indices.push_back(store.layer_index(layers[i].digest));
  const FileTree before = tree_of(indices, which);
  const FileTree after = tree_of(indices, which + 1);
  const LayerFiles files = layer_files(*indices[which], before, after);

  const UniqueFd fd = open_file(file, O_WRONLY | O_CREAT | O_EXCL, 0600);
  PackedLayer packed{.file = file};
  Sha256 compressed_hash;
  Sha256 tar_hash;
  GzipStream gzip([&](std::span<const std::byte> bytes) {
    compressed_hash.update(bytes);
    packed.size_bytes += bytes.size();
    write_all(fd.get(), bytes, file.string());
  });
  TarWriter tar([&](std::span<const std::byte> bytes) {
    tar_hash.update(bytes);
    gzip.write(bytes);
  });
  for (const auto& path : files.removed) tar.add_bytes(whiteout_path(path), "");
  FileReader reader(store, layers);
  std::unordered_map<std::uint64_t, const FileTree::Entry*> first_names;
  for (const auto* entry : files.present) {
    if (stop.stop_requested()) throw Interrupted();
    if (entry->path.empty()) continue;  // runtimes make the root directory themselves
    const auto [first, is_new] = first_names.emplace(entry->inode, entry);
    if (is_new) {
      tar.add(*entry, reader, TarWriter::Holes::Zeros);
    } else {
      tar.add_link(*entry, first->second->path);
    }
  }
  tar.finish();
  gzip.finish();
  packed.digest = compressed_hash.finish();
  packed.diff_id = tar_hash.finish();
  return packed;
}

std::string oci_config(const ImageRecord& image, const std::vector<PackedLayer>& packed) {
  const ImageConfig& config = image.config;
  Json json;
  json["created"] = format_utc(config.epoch);
  json["architecture"] = config.architecture;
  json["os"] = "linux";
  Json& run = json["config"] = Json::object();
  if (!config.user.empty()) run["User"] = config.user;
  for (const auto& [name, value] : config.env) run["Env"].push_back(fmt::format("{}={}", name, value));
  if (!config.workdir.empty()) run["WorkingDir"] = config.workdir;
  for (const auto port : config.launch_ports) run["ExposedPorts"][fmt::format("{}/tcp", port)] = Json::object();
  if (!config.labels.empty()) run["Labels"] = Json(config.labels);
  json["rootfs"]["type"] = "layers";
  json["rootfs"]["diff_ids"] = Json::array();
  json["history"] = Json::array();
  for (std::size_t i = 0; i < packed.size(); ++i) {
    json["rootfs"]["diff_ids"].push_back(packed[i].diff_id.to_string());
    json["history"].push_back(
        {{"created", format_utc(config.epoch)}, {"created_by", "blueprint: " + image.layers[i].name}});
  }
  return compact_json(json);
}

std::string blob_name(const Digest& digest) { return "blobs/sha256/" + digest.hex(); }

void add_packed(TarWriter& archive, const PackedLayer& packed) {
  archive.begin_bytes(blob_name(packed.digest), packed.size_bytes);
  const UniqueFd fd = open_file(packed.file, O_RDONLY);
  std::vector<std::byte> bytes;
  for (std::uint64_t offset = 0; offset < packed.size_bytes; offset += bytes.size()) {
    bytes.resize(std::min<std::uint64_t>(kCopyBytes, packed.size_bytes - offset));
    pread_all(fd.get(), bytes, offset, packed.file.string());
    archive.write(bytes);
  }
}

void write_archive(const ImageRecord& image, const std::string& reference_name, const std::vector<PackedLayer>& packed,
                   const ByteSink& sink) {
  const std::string config = oci_config(image, packed);
  Json manifest{{"schemaVersion", 2}, {"mediaType", kManifestMediaType}};
  manifest["config"] = oci_descriptor(kOciConfigType, sha256(config), config.size());
  manifest["layers"] = Json::array();
  manifest["annotations"]["org.opencontainers.image.title"] = image.config.name;
  manifest["annotations"]["vnd.blueprint.image"] = image.digest.to_string();
  Json docker{{"Config", blob_name(sha256(config))}, {"RepoTags", Json::array()}, {"Layers", Json::array()}};
  if (!reference_name.empty()) docker["RepoTags"].push_back(reference_name);
  for (const auto& layer : packed) {
    manifest["layers"].push_back(oci_descriptor(kOciLayerType, layer.digest, layer.size_bytes));
    docker["Layers"].push_back(blob_name(layer.digest));
  }
  const std::string manifest_text = compact_json(manifest);
  Json entry = oci_descriptor(kManifestMediaType, sha256(manifest_text), manifest_text.size());
  if (!reference_name.empty()) entry["annotations"][kRefNameKey] = reference_name;
  const Json index{{"schemaVersion", 2}, {"mediaType", kIndexMediaType}, {"manifests", Json::array({entry})}};

  TarWriter archive(sink);
  archive.add_bytes("oci-layout", R"({"imageLayoutVersion":"1.0.0"})");
  archive.add_bytes("index.json", compact_json(index));
  archive.add_bytes("manifest.json", compact_json(Json::array({docker})));
  archive.add_bytes(blob_name(sha256(manifest_text)), manifest_text);
  archive.add_bytes(blob_name(sha256(config)), config);
  std::vector<Digest> written;
  for (const auto& layer : packed) {
    // Two layers that change nothing are one blob.
    if (std::ranges::count(written, layer.digest) != 0) continue;
    add_packed(archive, layer);
    written.push_back(layer.digest);
  }
  archive.finish();
}

}  // namespace

void stream_oci(Store& store, const ImageRecord& image, const std::string& reference_name, const ByteSink& sink,
                ThreadPool& pool, Events& events, std::stop_token stop) {
  const TempDir directory(store.tmp(), "oci-");
  std::vector<PackedLayer> packed(image.layers.size());
  {
    TaskGroup tasks(pool);
    for (std::size_t i = 0; i < packed.size(); ++i) {
      tasks.run([&, i] {
        packed[i] = pack_layer(store, image.layers, i, directory.path() / std::to_string(i), stop);
        events.progress(kExportStage, {.items = i + 1, .items_total = packed.size()});
      });
    }
    tasks.wait();
  }
  write_archive(image, reference_name, packed, sink);
}

}  // namespace blueprint::layers
