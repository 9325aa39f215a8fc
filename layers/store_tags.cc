// index.json: which images there are, and their tags.
//
// Each image has one descriptor per tag, with the tag as org.opencontainers.image.ref.name, or one without a name when
// it has no tag. Readers share what they read (index_snapshot.h); writers rename a new file over it under locks/index.
// Entries that we did not write (another OCI tool may use the same layout) are kept as they are.

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "layers/image_json.h"
#include "layers/index_file.h"
#include "layers/index_snapshot.h"
#include "layers/oci_descriptor.h"
#include "layers/store.h"
#include "layers/store_errors.h"
#include "layers/store_touch.h"
#include "layers/tag_name.h"

namespace blueprint::layers {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kShortestPrefix = 6;

bool is_alphanumeric(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

/// The grammar of org.opencontainers.image.ref.name (OCI image-spec, annotations.md): words of letters and digits,
/// joined by one of "-._:@+" or "--", in components separated by "/".
bool is_ref_name(std::string_view name) {
  constexpr std::string_view kSeparators = "-._:@+/";
  if (name.empty() || name.size() > 255 || !is_alphanumeric(name.front()) || !is_alphanumeric(name.back()))
    return false;
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (is_alphanumeric(name[i])) continue;
    if (kSeparators.find(name[i]) == std::string_view::npos) return false;
    if (!is_alphanumeric(name[i - 1]) && !(name[i] == '-' && name[i - 1] == '-' && is_alphanumeric(name[i - 2])))
      return false;
  }
  return true;
}

/// "acme/base" → "acme/base:latest".
std::string full_tag(std::string_view name) {
  const std::size_t slash = name.rfind('/');
  const std::string_view last = slash == std::string_view::npos ? name : name.substr(slash + 1);
  if (!is_ref_name(name)) throw bad_tag(name);
  return last.find(':') == std::string_view::npos ? fmt::format("{}:latest", name) : std::string(name);
}

}  // namespace

void check_tag_name(std::string_view name) { (void)full_tag(name); }

namespace {

Json image_entry(const Digest& manifest, std::uint64_t size_bytes) {
  Json entry = oci_descriptor(kManifestMediaType, manifest, size_bytes);
  entry["artifactType"] = kArtifactType;
  return entry;
}

/// Takes `tag` away from whatever has it. An image that loses its last tag stays listed without one: gc decides about
/// it.
void drop_tag(Json& entries, std::string_view tag) {
  const auto found = std::ranges::find_if(entries, [&](const Json& entry) { return tag_of(entry) == tag; });
  if (found == entries.end()) return;
  const Json digest = (*found)["digest"];
  if (std::ranges::count_if(entries, [&](const Json& entry) { return entry["digest"] == digest; }) > 1) {
    entries.erase(found);
  } else {
    (*found)["annotations"].erase(kRefNameKey);
    if ((*found)["annotations"].empty()) found->erase("annotations");
  }
}

}  // namespace

void Store::register_image(const Digest& manifest, std::uint64_t size_bytes) {
  if (index()->listed.contains(manifest)) return;
  const FileLock lock(index_lock(root_), FileLock::Mode::Exclusive);
  IndexFile index(root_);
  if (std::ranges::any_of(index.entries(), [&](const Json& entry) { return digest_of(entry) == manifest; })) return;
  index.entries().push_back(image_entry(manifest, size_bytes));
  index.write();
}

void Store::tag(std::string_view name, const Digest& manifest) {
  const std::string tag = full_tag(name);
  const FileLock no_gc = share_with_gc();
  const ImageRecord record = load_image(manifest);
  // From now on they are in use through the tag; until then only their age may have kept them.
  const std::uint64_t size_bytes = use_blob(manifest);
  for (const auto* list : {&record.layers, &record.cited_blobs}) {
    for (const auto& layer : *list) use_blob(layer.digest);
  }
  const FileLock lock(index_lock(root_), FileLock::Mode::Exclusive);
  IndexFile index(root_);
  Json& entries = index.entries();
  const bool there = std::ranges::any_of(
      entries, [&](const Json& entry) { return tag_of(entry) == tag && digest_of(entry) == manifest; });
  if (there) return;
  drop_tag(entries, tag);
  const auto untagged = std::ranges::find_if(
      entries, [&](const Json& entry) { return digest_of(entry) == manifest && tag_of(entry).empty(); });
  if (untagged != entries.end()) {
    (*untagged)["annotations"][kRefNameKey] = tag;
  } else {
    Json entry = image_entry(manifest, size_bytes);
    entry["annotations"][kRefNameKey] = tag;
    entries.push_back(std::move(entry));
  }
  index.write();
}

void Store::untag(std::string_view name) {
  const std::string tag = full_tag(name);
  const FileLock lock(index_lock(root_), FileLock::Mode::Exclusive);
  IndexFile index(root_);
  std::vector<std::string> known;
  for (const auto& entry : index.entries()) known.push_back(tag_of(entry));
  if (std::ranges::find(known, tag) == known.end()) throw unknown_image(name, near_names(tag, known));
  drop_tag(index.entries(), tag);
  index.write();
}

void Store::remove_image(const Digest& manifest) {
  if (std::ranges::count(images(), manifest) == 0) throw unknown_image(manifest.to_string(), {});
  remove_images({manifest});
}

void Store::remove_images(const std::vector<Digest>& manifests) {
  const FileLock lock(index_lock(root_), FileLock::Mode::Exclusive);
  IndexFile index(root_);
  Json kept = Json::array();
  for (const auto& entry : index.entries()) {
    const auto digest = digest_of(entry);
    const auto subject = subject_of(entry);
    const bool goes = (digest && std::ranges::count(manifests, *digest) != 0) ||
                      (subject && std::ranges::count(manifests, *subject) != 0);
    if (!goes) kept.push_back(entry);
  }
  if (kept.size() == index.entries().size()) return;
  index.entries() = std::move(kept);
  index.write();
}

std::map<std::string, Digest> Store::tags() const { return index()->tags; }
std::vector<Digest> Store::images() const { return index()->images; }

std::optional<Digest> Store::find_tag(std::string_view name) const {
  const auto index = this->index();
  const auto found = index->tags.find(full_tag(name));
  return found == index->tags.end() ? std::nullopt : std::optional(found->second);
}

Digest Store::resolve(std::string_view reference) const {
  const auto index = this->index();
  // name@sha256:… is pinned: the digest decides.
  if (const std::size_t at = reference.rfind("@sha256:"); at != std::string_view::npos) reference.remove_prefix(at + 1);
  const bool is_digest = reference.starts_with("sha256:");
  if (!is_digest && is_ref_name(reference)) {
    if (const auto found = index->tags.find(full_tag(reference)); found != index->tags.end()) return found->second;
  }
  const std::string_view prefix = is_digest ? reference.substr(7) : reference;
  const bool is_hex = prefix.find_first_not_of("0123456789abcdef") == std::string_view::npos;
  std::vector<Digest> matches;
  if (is_hex && prefix.size() >= kShortestPrefix) {
    for (const auto& image : index->images) {
      if (image.hex().starts_with(prefix)) matches.push_back(image);
    }
  }
  if (matches.size() == 1) return matches.front();
  if (matches.size() > 1) {
    std::vector<std::string> candidates;
    for (const auto& match : matches) candidates.push_back(match.hex().substr(0, prefix.size() + 6));
    throw ambiguous_image(reference, candidates);
  }
  std::vector<std::string> names;
  for (const auto& [tag, digest] : index->tags)
    names.push_back(tag.ends_with(":latest") ? tag.substr(0, tag.size() - 7) : tag);
  throw unknown_image(reference, near_names(reference, names));
}

}  // namespace blueprint::layers
