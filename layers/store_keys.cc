// keys/HEX.json: what a layer key produced. keys/by-name/NAME/HEX: empty files, one per entry of one layer of one
// recipe, whose time is that of put_key: so that a miss is explained without reading every entry that the store has.
//
// Entries are a cache: written without fsync, and one that cannot be read is a miss.

#include <algorithm>
#include <optional>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "layers/store.h"
#include "layers/store_touch.h"

namespace blueprint::layers {
namespace fs = std::filesystem;
namespace {

/// How many entries of one layer of one recipe are remembered by name.
constexpr std::size_t kRemembered = 16;

fs::path key_path(const fs::path& root, std::string_view hex) { return root / "keys" / fmt::format("{}.json", hex); }

fs::path name_path(const fs::path& root, std::string_view recipe, std::string_view layer) {
  const Digest digest = sha256(fmt::format("{}:{}{}", recipe.size(), recipe, layer));
  return root / "keys/by-name" / digest.hex().substr(0, 32);
}

std::optional<Store::KeyEntry> read_entry(const fs::path& path) {
  const auto text = read_file_if_exists(path);
  if (!text) return std::nullopt;
  try {
    const Json json = Json::parse(*text);
    const auto digest = Digest::parse(json.at("digest").get<std::string>());
    const auto content = Digest::parse(json.at("content_digest").get<std::string>());
    const auto key = Digest::parse(json.at("key").get<std::string>());
    if (json.at("format") != 1 || !digest || !content || !key) return std::nullopt;
    return Store::KeyEntry{.layer = {.digest = *digest,
                                     .size_bytes = json.at("size").get<std::uint64_t>(),
                                     .name = json.at("name").get<std::string>(),
                                     .content_digest = *content,
                                     .key = *key},
                           .record = json.at("record").get<std::string>(),
                           .facts = json.at("facts").get<std::string>()};
  } catch (const Json::exception&) {
    return std::nullopt;
  }
}

struct Remembered {
  timespec written{};
  std::string hex;
};

/// Newest first; of two with one time stamp, an order that does not depend on the directory's.
std::vector<Remembered> remembered(const fs::path& directory) {
  std::vector<Remembered> entries;
  std::error_code failure;
  for (const auto& entry : fs::directory_iterator(directory, failure)) {
    struct stat status {};
    if (::stat(entry.path().c_str(), &status) == 0)
      entries.push_back({status.st_mtim, entry.path().filename().string()});
  }
  std::ranges::sort(entries, [](const Remembered& a, const Remembered& b) {
    return std::tie(b.written.tv_sec, b.written.tv_nsec, b.hex) < std::tie(a.written.tv_sec, a.written.tv_nsec, a.hex);
  });
  return entries;
}

/// The names in a key record, or nothing when it has none.
std::optional<std::pair<std::string, std::string>> names_in(const std::string& record) {
  const Json json = Json::parse(record, nullptr, false);
  if (!json.is_object() || !json.contains("recipe") || !json.contains("layer")) return std::nullopt;
  if (!json["recipe"].is_string() || !json["layer"].is_string()) return std::nullopt;
  return std::pair(json["recipe"].get<std::string>(), json["layer"].get<std::string>());
}

}  // namespace

std::optional<Store::KeyEntry> Store::find_key(const Digest& key) const {
  const FileLock no_gc = share_with_gc();
  const fs::path path = key_path(root_, key.hex());
  auto entry = read_entry(path);
  if (!entry || !touch(blob_path(entry->layer.digest))) return std::nullopt;
  touch(path);
  return entry;
}

void Store::put_key(const Digest& key, const KeyEntry& entry) {
  Json json;
  json["format"] = 1;
  json["digest"] = entry.layer.digest.to_string();
  json["size"] = entry.layer.size_bytes;
  json["name"] = entry.layer.name;
  json["content_digest"] = entry.layer.content_digest.to_string();
  json["key"] = entry.layer.key.to_string();
  json["record"] = entry.record;
  json["facts"] = entry.facts;
  AtomicFile file(key_path(root_, key.hex()));
  file.write(compact_json(json));
  file.commit(Durable::No);

  const auto names = names_in(entry.record);
  if (!names) return;
  const fs::path directory = name_path(root_, names->first, names->second);
  std::error_code failure;
  fs::create_directories(directory, failure);
  if (failure) throw os_error(fmt::format("create {}", directory.string()), failure.value());
  const UniqueFd fd = open_file(directory / key.hex(), O_WRONLY | O_CREAT, 0644);
  if (::futimens(fd.get(), nullptr) != 0) throw os_error(fmt::format("write {}", directory.string()));
  const auto known = remembered(directory);
  for (std::size_t i = kRemembered; i < known.size(); ++i) ::unlink((directory / known[i].hex).c_str());
}

std::vector<Store::KeyEntry> Store::recent_keys(std::string_view recipe, std::string_view layer) const {
  std::vector<KeyEntry> entries;
  for (const auto& known : remembered(name_path(root_, recipe, layer))) {
    if (auto entry = read_entry(key_path(root_, known.hex))) entries.push_back(std::move(*entry));
  }
  return entries;
}

}  // namespace blueprint::layers
