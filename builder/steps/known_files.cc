// The files of one key are a blob of the store, found by the key as a layer is, and kept by gc as long:
//
//   {"format": 1, "files": [[type, path, mode, uid, gid, size, data digest, target]…]}
//
// It is a cache: one that cannot be read is one that is not there.

#include "builder/steps/known_files.h"

#include "base/json.h"
#include "layers/cite.h"

namespace blueprint::steps {
namespace {

using layers::FileType;

constexpr int kFormat = 1;

SourceFile decode_file(const Json& json) {
  return {.path = json.at(1).get<std::string>(),
          .name = {},
          .type = static_cast<FileType>(json.at(0).get<int>()),
          .metadata = {.mode = json.at(2).get<std::uint32_t>(),
                       .uid = json.at(3).get<std::uint32_t>(),
                       .gid = json.at(4).get<std::uint32_t>()},
          .size = json.at(5).get<std::uint64_t>(),
          .target = json.at(7).get<std::string>(),
          .data_digest = Digest::parse_hex(json.at(6).get_ref<const std::string&>()).value(),
          .data = layers::MemoryFile{}};
}

std::optional<std::vector<SourceFile>> load_files(const Digest& blob, const layers::Store& store) {
  const std::string text = store.read_blob(blob);
  if (sha256(text) != blob) return std::nullopt;
  const Json json = Json::parse(text);
  if (json.at("format") != kFormat) return std::nullopt;
  std::vector<SourceFile> files;
  for (const auto& file : json.at("files")) files.push_back(decode_file(file));
  return files;
}

layers::Citable citable_in(const StepContext& context) {
  layers::Citable citable;
  for (const auto& layer : context.parent) citable.add(layer.digest, context.store.layer_index(layer.digest));
  for (const auto& layer : context.cite) {
    if (context.store.has_blob(layer)) citable.add(layer, context.store.layer_index(layer));
  }
  return citable;
}

}  // namespace

void remember_files(const plan::KeyRecord& key, const std::vector<SourceFile>& files, layers::Store& store) {
  Json json{{"format", kFormat}, {"files", Json::array()}};
  for (const auto& file : files) {
    json["files"].push_back({static_cast<int>(file.type), file.path, file.metadata.mode, file.metadata.uid,
                             file.metadata.gid, file.size, file.data_digest.hex(), file.target});
  }
  std::string text;
  try {
    text = json.dump();
  } catch (const Json::type_error&) {
    return;  // names that are not UTF-8
  }
  store.put_key(key.digest(),
                {.layer = {.digest = store.add_blob(text), .name = "files"}, .record = key.to_json(), .facts = "{}"});
}

std::optional<std::vector<SourceFile>> find_known_files(const plan::KeyRecord& key, const StepContext& context) {
  const auto known = context.store.find_key(key.digest());
  if (!known) return std::nullopt;
  std::optional<std::vector<SourceFile>> files;
  try {
    files = load_files(known->layer.digest, context.store);
  } catch (const Json::exception&) {
    return std::nullopt;
  }
  if (!files) return std::nullopt;
  const auto citable = citable_in(context);
  for (auto& file : *files) {
    if (file.type != FileType::Regular || file.size == 0) continue;
    const auto data = citable.find_file(file.data_digest, file.size);
    if (!data) return std::nullopt;
    file.data = layers::StoredFile{data->layer, data->change->path};
  }
  return files;
}

}  // namespace blueprint::steps
