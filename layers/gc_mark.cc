#include "layers/gc_mark.h"

#include <algorithm>
#include <string>

#include <fcntl.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "layers/image_json.h"
#include "layers/index_file.h"
#include "layers/store_errors.h"
#include "layers/store_lease.h"
#include "layers/store_touch.h"

namespace blueprint::layers {
namespace fs = std::filesystem;
namespace {

constexpr int kMaxNesting = 4;  // of OCI indices

/// Every digest in an OCI document, whatever kind of image it is: we may share the layout with other tools.
void collect_digests(const Json& json, std::vector<Digest>& digests) {
  if (json.is_object()) {
    if (const auto text = json.find("digest"); text != json.end() && text->is_string()) {
      if (const auto digest = Digest::parse(text->get_ref<const std::string&>())) digests.push_back(*digest);
    }
  }
  if (json.is_structured()) {
    for (const auto& child : json) collect_digests(child, digests);
  }
}

/// Adds `document` (a manifest or index) and all that it names to `blobs`. What is missing is not there to be kept.
void mark_document(const Store& store, const Digest& document, DigestSet& blobs, int nesting = 0) {
  blobs.insert(document);
  const auto text = read_file_if_exists(store.blob_path(document));
  if (!text || nesting > kMaxNesting) return;
  if (sha256(*text) != document) throw damaged_blob(document, "manifest", "its bytes do not have this digest");
  const Json json = Json::parse(*text, nullptr, false);
  std::vector<Digest> digests;
  collect_digests(json, digests);
  blobs.insert(digests.begin(), digests.end());
  if (!json.is_object() || !json.contains("manifests") || !json["manifests"].is_array()) return;
  digests.clear();
  collect_digests(json["manifests"], digests);
  for (const auto& digest : digests) mark_document(store, digest, blobs, nesting + 1);
}

DigestSet leased_images(const Store& store) {
  DigestSet images;
  for (const auto& path : entries_of(store.leases())) {
    if (FileLock::try_lock(path, FileLock::Mode::Exclusive)) continue;  // its process is gone
    const Json json = Json::parse(read_file_if_exists(path).value_or(""), nullptr, false);
    if (!json.is_object() || !json.contains("image") || !json["image"].is_string()) continue;
    if (const auto image = Digest::parse(json["image"].get<std::string>())) images.insert(*image);
  }
  return images;
}

void mark_images(const Store& store, Marks& marks) {
  const DigestSet leased = leased_images(store);
  IndexFile index(store.root());
  DigestSet forgotten;
  for (const auto& image : leased) mark_document(store, image, marks.blobs);
  for (const auto& entry : index.entries()) {
    const auto digest = digest_of(entry);
    if (!digest) continue;
    if (subject_of(entry)) continue;  // goes with its image, below
    const bool young = used_at(store.blob_path(*digest)) >= marks.young_since;
    if (!is_image(entry) || !tag_of(entry).empty() || young || leased.contains(*digest)) {
      mark_document(store, *digest, marks.blobs);
    } else {
      forgotten.insert(*digest);
    }
  }
  for (const auto& entry : index.entries()) {
    const auto subject = subject_of(entry);
    const auto digest = digest_of(entry);
    if (!subject || !digest) continue;
    if (marks.blobs.contains(*subject)) {
      mark_document(store, *digest, marks.blobs);
    } else {
      mark_document(store, *digest, marks.blobs_to_forget);
      if (!forgotten.contains(*subject)) marks.orphans.insert(*digest);
    }
  }
  for (const auto& image : forgotten) {
    if (marks.blobs.contains(image)) continue;
    marks.images_to_forget.insert(image);
    mark_document(store, image, marks.blobs_to_forget);
  }
}

/// Every run of 64 hexadecimal digits: whatever a key record calls a digest, it is one.
void collect_hex_digests(std::string_view text, DigestSet& digests) {
  constexpr std::string_view kHex = "0123456789abcdef";
  for (std::size_t begin = text.find_first_of(kHex); begin != std::string_view::npos;) {
    const std::size_t end = std::min(text.find_first_not_of(kHex, begin), text.size());
    if (const auto digest = Digest::parse_hex(text.substr(begin, end - begin))) digests.insert(*digest);
    begin = text.find_first_of(kHex, end);
  }
}

/// What a key led to, and all that it needs: a layer and what it cites, or an image.
void mark_product(const Store& store, const Digest& product, DigestSet& blobs) {
  char first = 0;
  const UniqueFd fd = open_file(store.blob_path(product), O_RDONLY);
  pread_all(fd.get(), std::as_writable_bytes(std::span(&first, 1)), 0, "a blob");
  if (first == '{') return mark_document(store, product, blobs);  // no zstd frame begins like this
  for (const auto& cited : store.layer_index(product)->blobs) blobs.insert(cited);
}

void mark_key(const Store& store, const fs::path& path, Marks& marks) {
  const auto text = read_file_if_exists(path);
  const Json json = Json::parse(text.value_or(""), nullptr, false);
  const bool usable = json.is_object() && json.contains("digest") && json["digest"].is_string();
  const auto layer = usable ? Digest::parse(json["digest"].get<std::string>()) : std::nullopt;
  if (!layer || !store.has_blob(*layer)) {
    marks.old_keys.push_back(path);
    return;
  }
  if (used_at(path) < marks.young_since && !marks.blobs.contains(*layer)) {
    marks.old_keys.push_back(path);
    return;
  }
  DigestSet mentioned;
  for (const char* field : {"record", "facts"}) {
    if (json.contains(field) && json[field].is_string()) {
      collect_hex_digests(json[field].get_ref<const std::string&>(), mentioned);
    }
  }
  marks.debs.insert(mentioned.begin(), mentioned.end());
  mentioned.insert(*layer);
  try {
    mark_product(store, *layer, mentioned);
  } catch (const Error&) {
    // Something damaged must not be found by its key again; verify tells the user about what images need.
    marks.old_keys.push_back(path);
    return;
  }
  marks.blobs.insert(mentioned.begin(), mentioned.end());
}

void find_live_writers(const Store& store, Marks& marks) {
  for (const auto& path : entries_of(store.root() / "tmp")) {
    if (path.extension() != ".lock" || FileLock::try_lock(path, FileLock::Mode::Exclusive)) continue;
    ++marks.live_writers;
    marks.live_since = std::min(marks.live_since, used_at(path) - kTouchSlack);
  }
}

}  // namespace

std::vector<fs::path> entries_of(const fs::path& directory) {
  std::vector<fs::path> paths;
  std::error_code failure;
  for (const auto& entry : fs::directory_iterator(directory, failure)) paths.push_back(entry.path());
  std::ranges::sort(paths);
  return paths;
}

Clock::time_point used_at(const fs::path& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) return {};
  return Clock::time_point(std::chrono::seconds(status.st_mtim.tv_sec)) +
         std::chrono::duration_cast<Clock::duration>(std::chrono::nanoseconds(status.st_mtim.tv_nsec));
}

Marks mark(const Store& store, const GcOptions& options) {
  Marks marks{.live_since = Clock::time_point::max()};
  find_live_writers(store, marks);
  // No grace at all is meant exactly; a period of grace is counted from the last use, which the time stamp may precede.
  const auto grace = options.grace.count() > 0 ? options.grace + kTouchSlack : std::chrono::seconds(0);
  marks.young_since = std::min(options.now - grace, marks.live_since);
  mark_images(store, marks);
  Marks keys = marks;
  keys.young_since = std::min(options.now - options.key_age, marks.live_since);
  for (const auto& path : entries_of(store.root() / "keys")) {
    if (path.extension() == ".json" && !path.filename().string().starts_with('.')) mark_key(store, path, keys);
  }
  keys.young_since = marks.young_since;
  return keys;
}

}  // namespace blueprint::layers
