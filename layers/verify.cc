// From the outside in: does each blob have its digest; is each layer's index sound and does it say what the manifest
// says; do the frames have theirs; does the device as it reads have the content digest; is what is on it an ext4 file
// system without fault. A blob that fails is looked into more closely, so that the report says where the damage is and
// which layer it hits; what is built on a damaged blob is not verified further, because it would only repeat the same
// news.

#include "layers/verify.h"

#include <algorithm>
#include <mutex>
#include <unordered_map>
#include <unordered_set>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/process.h"
#include "base/text.h"
#include "layers/content_digest.h"
#include "layers/device.h"
#include "layers/export.h"
#include "layers/frame_loader.h"
#include "layers/image_json.h"
#include "layers/store_lease.h"

namespace blueprint::layers {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view kStage = "verify";
constexpr std::size_t kReadBytes = 1 << 20;
/// Damaged frames of one blob that are named one by one.
constexpr std::size_t kMaxFramesNamed = 10;

class Verifier {
 public:
  Verifier(Store& store, VerifyLevel level, ThreadPool& pool, Events& events, std::stop_token stop)
      : store_(store),
        level_(level),
        pool_(pool),
        events_(events),
        stop_(std::move(stop)),
        blobs_(store.root() / "blobs/sha256"),
        loader_(blobs_) {
    if (level == VerifyLevel::FileSystem) e2fsck_ = require_program("e2fsck", "e2fsprogs");
    events_.started(kStage, "verify");
    name_users();
  }

  void verify(const Digest& manifest) {
    ++report_.images;
    ImageRecord image;
    ManifestFacts facts;
    std::string text;
    try {
      image = store_.load_image(manifest);
      text = store_.read_blob(manifest);
      facts = decode_manifest(text, manifest);
    } catch (const Error& error) {
      for (Diagnostic problem : error.diagnostics()) report(manifest, std::move(problem));
      return;
    }
    std::vector<BlobRef> wanted = {{manifest, text.size()}, facts.config};
    for (const auto* list : {&facts.layers, &facts.cited_blobs}) {
      for (const auto& layer : *list) wanted.push_back({layer.digest, layer.size_bytes});
    }
    wanted.insert(wanted.end(), facts.kernel.begin(), facts.kernel.end());
    hash(wanted);
    const bool sound =
        std::ranges::none_of(wanted, [&](const BlobRef& blob) { return damaged_.contains(blob.digest); });
    bool fits = true;
    for (const auto& layer : image.layers) fits = verify_layer(layer) && fits;
    if (sound && fits && level_ != VerifyLevel::Blobs) verify_device(image);
  }

  /// What no image names, too.
  void verify_rest() {
    std::vector<BlobRef> blobs;
    for (const auto& entry : fs::directory_iterator(store_.root() / "blobs/sha256")) {
      const auto digest = Digest::parse_hex(entry.path().filename().string());
      std::error_code gone;  // by a gc beside us
      const std::uint64_t size_bytes = entry.file_size(gone);
      if (digest && !gone) blobs.push_back({*digest, size_bytes});
    }
    std::ranges::sort(blobs, {}, &BlobRef::digest);
    hash(blobs);
    verify_debs();
  }

  VerifyReport finish() {
    std::ranges::stable_sort(report_.problems, {}, [](const Diagnostic& problem) { return problem.message; });
    events_.finished(kStage,
                     fmt::format("{} blobs, {}, {}", report_.blobs, format_size(report_.bytes),
                                 report_.ok() ? "no fault" : fmt::format("{} faults", report_.problems.size())));
    return std::move(report_);
  }

 private:
  /// Who needs which blob, for the context of a problem.
  void name_users() {
    std::unordered_map<Digest, std::string, DigestHash> names;
    for (const auto& [tag, digest] : store_.tags()) names[digest] += (names[digest].empty() ? "" : ", ") + tag;
    for (const auto& image : store_.images()) {
      const std::string name = names.contains(image) ? names[image] : image.to_string();
      users_[image].push_back(fmt::format("image {}", name));
      try {
        const ManifestFacts facts = decode_manifest(store_.read_blob(image), image);
        users_[facts.config.digest].push_back(fmt::format("image {} (its config)", name));
        for (const auto& layer : facts.layers) layer_blobs_.insert(layer.digest);
        for (const auto& cited : facts.cited_blobs) layer_blobs_.insert(cited.digest);
        for (const auto& layer : facts.layers) {
          users_[layer.digest].push_back(fmt::format("image {}, layer '{}'", name, printable(layer.name)));
        }
        for (const auto& cited : facts.cited_blobs) {
          users_[cited.digest].push_back(fmt::format("image {} (cited by its layers)", name));
        }
        for (const auto& kernel : facts.kernel)
          users_[kernel.digest].push_back(fmt::format("image {} (its kernel)", name));
      } catch (const Error&) {
        // Reported when the image's turn comes.
      }
    }
  }

  /// Thread-safe.
  void report(const Digest& blob, Diagnostic problem) {
    const std::lock_guard lock(mutex_);
    if (const auto users = users_.find(blob); users != users_.end()) {
      for (const auto& user : users->second) problem.context.push_back(fmt::format("this affects {}", user));
    }
    damaged_.insert(blob);
    report_.problems.push_back(std::move(problem));
  }

  Diagnostic problem(std::string code, std::string message, const fs::path& file) const {
    return {.kind = ErrorKind::Store,
            .code = std::move(code),
            .message = std::move(message),
            .hints = {fmt::format("remove {}, then build or pull what needs it again", file.string())}};
  }

  void hash(const std::vector<BlobRef>& blobs) {
    std::vector<BlobRef> todo;
    for (const auto& blob : blobs) {
      if (hashed_.insert(blob.digest).second) todo.push_back(blob);
    }
    for (const auto& blob : todo) progress_.bytes_total += blob.size_bytes;
    progress_.items_total += todo.size();
    TaskGroup tasks(pool_);
    for (const auto& blob : todo) {
      tasks.run([this, blob] { hash_blob(blob); });
    }
    tasks.wait();
    examine_broken();
  }

  void hash_blob(const BlobRef& blob) {
    const fs::path path = store_.blob_path(blob.digest);
    const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd) {
      Diagnostic fault = problem("S051", fmt::format("blob {} is missing", blob.digest.to_string()), path);
      fault.hints = {"build or pull what needs it again"};
      report(blob.digest, std::move(fault));
      return;
    }
    struct stat status {};
    if (::fstat(fd.get(), &status) != 0) throw os_error(fmt::format("look at {}", path.string()));
    const auto size_bytes = static_cast<std::uint64_t>(status.st_size);
    Sha256 hasher;
    std::vector<std::byte> bytes(kReadBytes);
    for (std::uint64_t offset = 0; offset < size_bytes; offset += bytes.size()) {
      if (stop_.stop_requested()) throw Interrupted();
      bytes.resize(std::min<std::uint64_t>(kReadBytes, size_bytes - offset));
      pread_all(fd.get(), bytes, offset, path.string());
      hasher.update(bytes);
      count_bytes(bytes.size());
    }
    const std::lock_guard lock(mutex_);
    ++report_.blobs;
    ++progress_.items;
    if (size_bytes == blob.size_bytes && hasher.finish() == blob.digest) return;
    broken_.push_back({blob, size_bytes});
  }

  void count_bytes(std::uint64_t bytes) {
    const std::lock_guard lock(mutex_);
    report_.bytes += bytes;
    progress_.bytes += bytes;
    events_.progress(kStage, progress_);
  }

  void verify_debs() {
    for (const auto& entry : fs::directory_iterator(store_.root() / "debs")) {
      const auto digest = Digest::parse_hex(entry.path().stem().string());
      if (!digest || entry.path().extension() != ".deb") continue;
      if (stop_.stop_requested()) throw Interrupted();
      const std::string bytes = blueprint::read_file(entry.path());
      count_bytes(bytes.size());
      if (sha256(bytes) == *digest) continue;
      report(*digest,
             problem("S052", fmt::format("package {} does not have its digest", entry.path().string()), entry.path()));
    }
  }

  struct Broken {
    BlobRef blob;
    std::uint64_t found_bytes = 0;
  };

  /// Says of the blobs that failed what is wrong with them. Not from a job: frames are looked at with the whole pool.
  void examine_broken() {
    std::ranges::sort(broken_, {}, [](const Broken& broken) { return broken.blob.digest; });
    for (const auto& broken : broken_) examine(broken);
    broken_.clear();
  }

  void examine(const Broken& broken) {
    const Digest& digest = broken.blob.digest;
    const fs::path path = store_.blob_path(digest);
    std::vector<std::string> where;
    if (broken.found_bytes != broken.blob.size_bytes) {
      where.push_back(fmt::format("it has {} bytes and not {}", broken.found_bytes, broken.blob.size_bytes));
    }
    if (layer_blobs_.contains(digest)) {
      try {
        const LayerIndex index = load_index(blobs_, digest, IndexParts::All);
        const auto frames = damaged_frames(digest, index);
        where.insert(where.end(), frames.begin(), frames.end());
      } catch (const Error& error) {
        where.push_back(error.first().message);
      }
    }
    if (where.empty()) where.emplace_back("its bytes have changed");
    report(digest, problem("S050", fmt::format("blob {} is damaged: {}", digest.to_string(), join(where, "; ")), path));
  }

  /// The words of FrameLoader about each frame of `index` that fails, at most kMaxFramesNamed.
  std::vector<std::string> damaged_frames(const Digest& layer, const LayerIndex& index) {
    std::mutex mutex;
    std::vector<std::pair<std::size_t, std::string>> found;
    constexpr std::size_t kBatch = 64;
    TaskGroup tasks(pool_);
    for (std::size_t begin = 0; begin < index.frames.size(); begin += kBatch) {
      tasks.run([&, begin] {
        if (stop_.stop_requested()) throw Interrupted();
        std::vector<std::byte> bytes;
        for (std::size_t i = begin; i < std::min(begin + kBatch, index.frames.size()); ++i) {
          const Frame& frame = index.frames[i];
          bytes.resize(frame.size);
          try {
            loader_.load(frame.blob == 0 ? layer : index.blobs.at(frame.blob - 1), frame, bytes);
          } catch (const Error& error) {
            const std::lock_guard lock(mutex);
            found.emplace_back(i, error.first().message);
          }
        }
      });
    }
    tasks.wait();
    std::ranges::sort(found);
    std::vector<std::string> words;
    for (std::size_t i = 0; i < std::min(found.size(), kMaxFramesNamed); ++i) words.push_back(found[i].second);
    if (found.size() > kMaxFramesNamed)
      words.push_back(fmt::format("and {} more frames", found.size() - kMaxFramesNamed));
    return words;
  }

  /// Whether the layer's index can be read and says what the manifest says, and its frames are whole.
  bool verify_layer(const LayerRef& layer) {
    if (damaged_.contains(layer.digest)) return false;
    const auto known = layers_.find(layer.digest);
    if (known != layers_.end()) return known->second;
    bool& sound = layers_[layer.digest];
    const fs::path path = store_.blob_path(layer.digest);
    try {
      const LayerIndex index = load_index(blobs_, layer.digest, IndexParts::All);
      if (index.content_digest != layer.content_digest) {
        report(layer.digest,
               problem("S053",
                       fmt::format("layer blob {} makes a device with content digest {}, the manifest says {}",
                                   layer.digest.to_string(), index.content_digest.to_string(),
                                   layer.content_digest.to_string()),
                       path));
        return sound = false;
      }
      if (level_ != VerifyLevel::Blobs) {
        for (const auto& words : damaged_frames(layer.digest, index))
          report(layer.digest, problem("S054", words, path));
      }
    } catch (const Error& error) {
      for (Diagnostic fault : error.diagnostics()) report(layer.digest, std::move(fault));
    }
    return sound = !damaged_.contains(layer.digest);
  }

  void verify_device(const ImageRecord& image) {
    const auto device = open_device(store_, image.layers);
    const fs::path path = store_.blob_path(image.digest);
    const Digest content = compute_content_digest(*device, pool_);
    if (device->device_bytes() != image.config.device_bytes || content != image.config.content_digest) {
      report(image.digest,
             problem("S055",
                     fmt::format("the device of image {} has {} bytes and content digest {}; its config says {} and {}",
                                 image.digest.to_string(), device->device_bytes(), content.to_string(),
                                 image.config.device_bytes, image.config.content_digest.to_string()),
                     path));
      return;
    }
    if (level_ == VerifyLevel::FileSystem) check_file_system(image, *device);
  }

  void check_file_system(const ImageRecord& image, const BlockSource& device) {
    const TempDir directory = make_scratch(store_, "verify-");
    const fs::path raw = directory.path() / "device.raw";
    {
      const UniqueFd fd = open_file(raw, O_RDWR | O_CREAT | O_EXCL, 0600);
      NoEvents quiet;
      write_raw_file(device, fd.get(), raw.string(), pool_, quiet, stop_);
    }
    const Finished check = run({.argv = {e2fsck_.string(), "-f", "-n", raw.string()}}, {}, stop_);
    if (check.status.success()) return;
    std::vector<std::string> lines = split(trim(check.out + check.err), '\n');
    if (lines.size() > 12) lines.erase(lines.begin(), lines.end() - 12);
    Diagnostic fault{
        .kind = ErrorKind::Store,
        .code = "S056",
        .message = fmt::format("e2fsck finds faults in the file system of image {} ({})", image.digest.to_string(),
                               check.status.to_string()),
        .hints = {"all blobs are whole, so this is a bug in the blueprint that built it; please report it"}};
    for (const auto& line : lines) fault.context.push_back("e2fsck: " + printable(line));
    report(image.digest, std::move(fault));
  }

  Store& store_;
  const VerifyLevel level_;
  ThreadPool& pool_;
  Events& events_;
  const std::stop_token stop_;
  const BlobFiles blobs_;
  const FrameLoader loader_;
  fs::path e2fsck_;
  std::unordered_map<Digest, std::vector<std::string>, DigestHash> users_;
  std::unordered_set<Digest, DigestHash> layer_blobs_;
  std::unordered_set<Digest, DigestHash> hashed_;
  std::unordered_set<Digest, DigestHash> damaged_;
  std::unordered_map<Digest, bool, DigestHash> layers_;  ///< layers that were verified: whether they are sound
  std::vector<Broken> broken_;
  std::mutex mutex_;
  Events::Progress progress_;
  VerifyReport report_;
};

}  // namespace

VerifyReport verify_image(Store& store, const Digest& manifest, VerifyLevel level, ThreadPool& pool, Events& events,
                          std::stop_token stop) {
  Verifier verifier(store, level, pool, events, std::move(stop));
  verifier.verify(manifest);
  return verifier.finish();
}

VerifyReport verify_store(Store& store, VerifyLevel level, ThreadPool& pool, Events& events, std::stop_token stop) {
  Verifier verifier(store, level, pool, events, std::move(stop));
  for (const auto& image : store.images()) verifier.verify(image);
  verifier.verify_rest();
  return verifier.finish();
}

}  // namespace blueprint::layers
