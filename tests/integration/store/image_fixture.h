#pragma once

#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "base/file.h"
#include "layers/layer_writer.h"

namespace blueprint::layers {

inline constexpr std::int64_t kTestEpoch = 1'700'000'000;

inline PlannedChange put(std::string path, FileType type, std::uint32_t mode) {
  return {.change = {.kind = ChangeKind::Put,
                     .path = std::move(path),
                     .type = type,
                     .metadata = {.mode = mode, .mtime = {.seconds = kTestEpoch}}}};
}
inline PlannedChange put_directory(std::string path, std::uint32_t mode = 0755) {
  return put(std::move(path), FileType::Directory, mode);
}
inline PlannedChange put_file(std::string path, std::string bytes, std::uint32_t mode = 0644) {
  PlannedChange planned = put(std::move(path), FileType::Regular, mode);
  planned.change.size = bytes.size();
  planned.source = MemoryFile{std::move(bytes)};
  return planned;
}
inline PlannedChange put_symlink(std::string path, std::string target) {
  PlannedChange planned = put(std::move(path), FileType::Symlink, 0777);
  planned.change.target = std::move(target);
  return planned;
}
inline PlannedChange put_link(std::string path, std::string to) {
  PlannedChange planned = put(std::move(path), FileType::Regular, 0644);
  planned.change.metadata = {};
  planned.change.link_to = std::move(to);
  return planned;
}
inline PlannedChange remove_path(std::string path) {
  return {.change = {.kind = ChangeKind::Remove, .path = std::move(path)}};
}

/// Bytes that zstd cannot make much smaller; the same for the same arguments.
inline std::string noise(std::size_t size, unsigned seed) {
  std::string bytes(size, '\0');
  std::uint32_t state = seed * 2654435761U + 1;
  for (char& byte : bytes) {
    state = state * 1664525 + 1013904223;
    byte = static_cast<char>(state >> 24);
  }
  return bytes;
}

/// A store in a directory of its own, and what makes layers and images in it.
struct TestStore {
  TempDir dir;
  Store store{dir.path() / "store"};
  ThreadPool pool{2};
  NoEvents events;

  LayerRef add_layer(const std::vector<LayerRef>& parents, std::vector<PlannedChange> changes, std::string name) {
    return write_layer(store, parents, std::move(changes),
                       {.name = std::move(name), .epoch = kTestEpoch, .device_bytes = 128ULL << 20}, pool, events, {})
        .layer;
  }

  Digest put_image(const std::string& name, const std::vector<LayerRef>& layers, ImageConfig config = {}) {
    config.name = name;
    config.content_digest = layers.back().content_digest;
    config.device_bytes = store.layer_index(layers.back().digest)->device_bytes;
    config.epoch = kTestEpoch;
    const Digest image = store.put_image(config, layers);
    store.tag(name, image);
    return image;
  }
};

}  // namespace blueprint::layers
