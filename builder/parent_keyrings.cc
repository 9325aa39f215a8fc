#include "builder/parent_keyrings.h"

#include <charconv>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "base/digest.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"

namespace blueprint::builder {
namespace fs = std::filesystem;
namespace {

constexpr const char* kLabel = "blueprint.keyrings";

Error damaged_keyrings() {
  return Error({.kind = ErrorKind::Store,
                .code = "S042",
                .message = "the config of the parent image is damaged: its keyrings cannot be read"});
}

std::string to_hex(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const char byte : bytes) text += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  return text;
}

std::string from_hex(std::string_view text) {
  std::string bytes;
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const auto pair = text.substr(i, 2);
    unsigned char byte = 0;
    const auto parsed = std::from_chars(pair.data(), pair.data() + pair.size(), byte, 16);
    if (pair.size() != 2 || parsed.ec != std::errc() || parsed.ptr != pair.data() + 2) throw damaged_keyrings();
    bytes += static_cast<char>(byte);
  }
  return bytes;
}

void keep(Json& files, const recipe::Text& named) {
  if (named.value.empty() || files.contains(named.value)) return;
  const auto bytes = read_file_if_exists(fs::path(named.where.file).parent_path() / named.value);
  if (bytes) files[named.value] = to_hex(*bytes);
}

void restore(const Json& files, recipe::Text& named, const fs::path& directory) {
  if (!files.contains(named.value)) return;
  const std::string bytes = from_hex(files.at(named.value).get_ref<const std::string&>());
  const fs::path file = fs::absolute(directory) / (sha256(bytes).hex() + ".gpg");
  if (read_file_if_exists(file) != bytes) write_file_atomic(file, bytes);
  named.value = file.string();
}

}  // namespace

void keep_keyrings(layers::ImageConfig& config, const recipe::Distribution& distribution) {
  Json files = Json::object();
  keep(files, distribution.keyring);
  for (const auto& repository : distribution.repositories) keep(files, repository.key);
  if (!files.empty()) config.labels[kLabel] = Json{{"keyring", distribution.keyring.value}, {"files", files}}.dump();
}

void restore_keyrings(const layers::ImageConfig& config, recipe::Distribution& distribution,
                      const fs::path& directory) {
  const auto kept = config.labels.find(kLabel);
  if (kept == config.labels.end()) return;
  const Json json = parse_json(kept->second, "the keyrings in the image's config");
  fs::create_directories(directory);
  try {
    const Json& files = json.at("files");
    distribution.keyring.value = json.at("keyring");
    restore(files, distribution.keyring, directory);
    for (auto& repository : distribution.repositories) restore(files, repository.key, directory);
  } catch (const Json::exception&) {
    throw damaged_keyrings();
  }
}

}  // namespace blueprint::builder
