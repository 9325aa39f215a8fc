// The store's directory, its blobs, and images as manifest plus config. Tags are in store_tags.cc, keys in
// store_keys.cc, trees in store_trees.cc, leases in store_lease.cc, and gc.h has the protocol between writers and the
// garbage collector.
//
// A blob is published by: write under another name, fsync, rename to blobs/sha256/HEX, fsync of that directory. So
// after a power loss a name is there with all its bytes or not at all, and whoever wants a blob only asks for its name.
// Hashing again is what verify is for.

#include "layers/store.h"

#include <algorithm>
#include <cerrno>
#include <mutex>
#include <set>
#include <unordered_map>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/text.h"
#include "layers/image_json.h"
#include "layers/index_snapshot.h"
#include "layers/store_errors.h"
#include "layers/store_lease.h"
#include "layers/store_touch.h"

namespace blueprint::layers {
namespace fs = std::filesystem;
namespace {

constexpr int kFormat = 1;
constexpr std::string_view kOciLayout = "{\"imageLayoutVersion\":\"1.0.0\"}";
constexpr std::string_view kEmptyIndex =
    "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.index.v1+json\",\"manifests\":[]}";
/// A manifest or config beyond it is not one: what we write stays far below, and it is read whole into memory.
constexpr std::uint64_t kMaxDocumentBytes = 64ULL << 20;

constexpr const char* kDirectories[] = {"blobs/sha256", "keys/by-name", "debs",   "trees",
                                        "tmp",          "failed",       "leases", "locks"};
constexpr std::string_view kEntries[] = {"oci-layout", "index.json", "blobs",   "keys",       "debs",
                                         "trees",      "tmp",        "failed",  "leases",     "locks",
                                         "caches",     "indices",    "version", "lost+found", "input-digests"};

void check_format(const fs::path& root, std::string_view text) {
  const std::string_view found = trim(text);
  if (found == std::to_string(kFormat)) return;
  int number = 0;
  for (const char c : found) number = c >= '0' && c <= '9' && number < 100'000 ? number * 10 + (c - '0') : -1;
  if (number > kFormat) throw newer_store(root, found, kFormat);
  throw damaged_store_file(root / "version", fmt::format("it says '{}'", printable(found.substr(0, 40))));
}

/// The version file comes last: without it, what is there is the beginning of a store (or an OCI layout that somebody
/// else made), and making it again completes it.
void create_store(const fs::path& root) {
  std::error_code failure;
  fs::create_directories(root, failure);
  if (failure) throw store_not_created(root, failure.message());
  for (const auto& entry : fs::directory_iterator(root, failure)) {
    const std::string name = entry.path().filename().string();
    const bool ours =
        std::ranges::find(kEntries, std::string_view(name)) != std::end(kEntries) || name.starts_with('.');
    if (!ours) throw not_a_store(root, name);
  }
  for (const char* directory : kDirectories) {
    fs::create_directories(root / directory, failure);
    if (failure) throw store_not_created(root, failure.message());
  }
  const FileLock lock(root / "locks/index", FileLock::Mode::Exclusive);
  if (!fs::exists(root / "oci-layout")) write_file_atomic(root / "oci-layout", kOciLayout);
  if (!fs::exists(root / "index.json")) write_file_atomic(root / "index.json", kEmptyIndex);
  write_file_atomic(root / "version", fmt::format("{}\n", kFormat));
}

}  // namespace

struct Store::Cache {
  explicit Cache(const fs::path& root) : index(root) {}
  IndexReader index;
  std::mutex mutex;  ///< of what is below
  std::unordered_map<Digest, std::shared_ptr<const LayerIndex>, DigestHash> indices;
  std::unique_ptr<WorkDir> work;
};

Store::Store(fs::path root) : root_(std::move(root)) {
  std::error_code failure;
  root_ = fs::absolute(root_, failure).lexically_normal();
  if (failure) throw store_not_created(root, failure.message());
  cache_ = std::make_shared<Cache>(root_);
  if (const auto version = read_file_if_exists(root_ / "version")) {
    check_format(root_, *version);
  } else {
    create_store(root_);
  }
}

fs::path Store::blob_path(const Digest& digest) const { return root_ / "blobs/sha256" / digest.hex(); }
fs::path Store::deb_path(const Digest& digest) const { return root_ / "debs" / (digest.hex() + ".deb"); }
fs::path Store::tree_path(const Digest& layer) const { return root_ / "trees" / layer.hex(); }
fs::path Store::failed() const { return root_ / "failed"; }
fs::path Store::leases() const { return root_ / "leases"; }

fs::path Store::tmp() const {
  const std::lock_guard lock(cache_->mutex);
  if (!cache_->work) cache_->work = std::make_unique<WorkDir>(root_ / "tmp");
  return cache_->work->path();
}

FileLock Store::share_with_gc() const { return FileLock(root_ / "locks/gc", FileLock::Mode::Shared); }

bool Store::has_blob(const Digest& digest) const {
  struct stat status {};
  return ::stat(blob_path(digest).c_str(), &status) == 0;
}

bool Store::reuse_blob(const Digest& digest) const {
  const FileLock no_gc = share_with_gc();
  return touch(blob_path(digest));
}

std::uint64_t Store::use_blob(const Digest& digest) const {
  struct stat status {};
  if (!touch(blob_path(digest)) || ::stat(blob_path(digest).c_str(), &status) != 0) throw missing_blob(digest);
  return static_cast<std::uint64_t>(status.st_size);
}

std::string Store::read_blob(const Digest& digest) const {
  auto bytes = read_file_if_exists(blob_path(digest));
  if (!bytes) throw missing_blob(digest);
  return std::move(*bytes);
}

Digest Store::write_blob(std::string_view bytes) {
  const Digest digest = sha256(bytes);
  if (touch(blob_path(digest))) return digest;
  AtomicFile file(blob_path(digest), 0444);
  file.write(bytes);
  file.commit();
  return digest;
}

Digest Store::add_blob(std::string_view bytes) {
  const FileLock no_gc = share_with_gc();
  return write_blob(bytes);
}

void Store::adopt_blob(const fs::path& file, const Digest& digest) {
  const fs::path path = blob_path(digest);
  {
    const UniqueFd fd = open_file(file, O_RDONLY);
    if (::fchmod(fd.get(), 0444) != 0 || ::futimens(fd.get(), nullptr) != 0 || ::fsync(fd.get()) != 0) {
      throw os_error(fmt::format("write {}", file.string()));
    }
  }
  const FileLock no_gc = share_with_gc();
  // Over a blob of the same name too: ours is known to be whole.
  if (::rename(file.c_str(), path.c_str()) != 0) throw os_error(fmt::format("create {}", path.string()));
  sync_directory(path.parent_path());
}

std::shared_ptr<const LayerIndex> Store::layer_index(const Digest& layer) const {
  {
    const std::lock_guard lock(cache_->mutex);
    if (const auto found = cache_->indices.find(layer); found != cache_->indices.end()) return found->second;
  }
  const UniqueFd fd(::open(blob_path(layer).c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) {
    if (errno == ENOENT) throw missing_blob(layer);
    throw os_error(fmt::format("open {}", blob_path(layer).string()));
  }
  const std::string what = fmt::format("layer blob {}", layer.to_string());
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) throw os_error(fmt::format("look at {}", what));
  const auto size_bytes = static_cast<std::uint64_t>(status.st_size);
  if (size_bytes < kFooterSize)
    throw damaged_blob(layer, "layer blob", fmt::format("it has only {} bytes", size_bytes));
  std::vector<std::byte> bytes(kFooterSize);
  pread_all(fd.get(), bytes, size_bytes - kFooterSize, what);
  const Footer footer = decode_footer(bytes, size_bytes, what);
  bytes.resize(footer.index_size);
  pread_all(fd.get(), bytes, footer.index_offset, what);
  auto index = std::make_shared<const LayerIndex>(decode_index(bytes, footer, what));
  const std::lock_guard lock(cache_->mutex);
  return cache_->indices.try_emplace(layer, std::move(index)).first->second;
}

std::shared_ptr<const IndexSnapshot> Store::index() const { return cache_->index.read(); }

Digest Store::put_image(const ImageConfig& config, const std::vector<LayerRef>& layers) {
  const FileLock no_gc = share_with_gc();
  ManifestFacts facts{.layers = layers};
  std::set<Digest> listed;
  for (const auto& layer : layers) listed.insert(layer.digest);
  for (auto& layer : facts.layers) {
    layer.size_bytes = use_blob(layer.digest);
    for (const auto& cited : layer_index(layer.digest)->blobs) {
      if (!listed.insert(cited).second) continue;
      facts.cited_blobs.push_back({.digest = cited, .size_bytes = use_blob(cited)});
    }
  }
  if (config.kernel) {
    facts.kernel.push_back({*config.kernel, use_blob(*config.kernel)});
  }
  const std::string config_text = encode_config(config, layers);
  facts.config = {write_blob(config_text), config_text.size()};
  const std::string manifest_text = encode_manifest(facts, config);
  const Digest manifest = write_blob(manifest_text);
  register_image(manifest, manifest_text.size());
  return manifest;
}

Digest Store::import_image(std::string_view manifest_text) {
  const FileLock no_gc = share_with_gc();
  const ManifestFacts facts = decode_manifest(manifest_text, sha256(manifest_text));
  use_blob(facts.config.digest);
  for (const auto* list : {&facts.layers, &facts.cited_blobs}) {
    for (const auto& layer : *list) use_blob(layer.digest);
  }
  for (const auto& kernel : facts.kernel) use_blob(kernel.digest);
  const Digest manifest = write_blob(manifest_text);
  register_image(manifest, manifest_text.size());
  return manifest;
}

ImageRecord Store::load_image(const Digest& manifest) const {
  const auto read_document = [&](const Digest& digest, std::string_view what) {
    struct stat status {};
    if (::stat(blob_path(digest).c_str(), &status) == 0 &&
        static_cast<std::uint64_t>(status.st_size) > kMaxDocumentBytes) {
      throw damaged_blob(digest, what,
                         fmt::format("it has {}", format_size(static_cast<std::uint64_t>(status.st_size))));
    }
    std::string text = read_blob(digest);
    if (sha256(text) != digest) throw damaged_blob(digest, what, "its bytes do not have this digest");
    return text;
  };
  ManifestFacts facts = decode_manifest(read_document(manifest, "manifest"), manifest);
  ImageRecord record{.digest = manifest};
  record.config = decode_config(read_document(facts.config.digest, "config"), facts.config.digest, facts.layers);
  record.layers = std::move(facts.layers);
  record.cited_blobs = std::move(facts.cited_blobs);
  return record;
}

}  // namespace blueprint::layers
