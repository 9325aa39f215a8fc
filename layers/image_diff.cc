#include "layers/image_diff.h"

#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

#include "base/encoding.h"

namespace blueprint::layers {
namespace {

using Entry = FileTree::Entry;
using File = ImageDiff::File;

constexpr std::uint32_t kSetuid = 04000;
constexpr std::uint32_t kSetgid = 02000;
constexpr std::uint32_t kGroupExecute = 010;
// linux/capability.h
constexpr std::uint32_t kCapabilityRevisionMask = 0xff000000;
constexpr std::uint32_t kCapabilityRevision1 = 0x01000000;
constexpr std::uint32_t kCapabilityEffective = 1;

std::string describe_capabilities(std::string_view value) {
  ByteReader reader(std::as_bytes(std::span(value.data(), value.size())));
  const std::uint32_t magic = reader.u32();
  std::uint64_t permitted = reader.u32();
  std::uint64_t inheritable = reader.u32();
  if ((magic & kCapabilityRevisionMask) != kCapabilityRevision1) {
    permitted |= std::uint64_t{reader.u32()} << 32;
    inheritable |= std::uint64_t{reader.u32()} << 32;
  }
  if (!reader.ok()) return "capabilities that cannot be read";
  std::string text = fmt::format("capabilities 0x{:x}", permitted);
  if (inheritable != 0) text += fmt::format(", inheritable 0x{:x}", inheritable);
  if ((magic & kCapabilityEffective) != 0) text += " (effective)";
  return text;
}

/// What a file lets its caller become; empty for most.
std::string privilege_of(const Entry* entry) {
  if (entry == nullptr || entry->type != FileType::Regular) return {};
  const Metadata& metadata = entry->metadata;
  std::vector<std::string> words;
  if ((metadata.mode & kSetuid) != 0) words.push_back(fmt::format("setuid {}", metadata.uid));
  // Without group execute it means mandatory locking.
  if ((metadata.mode & kSetgid) != 0 && (metadata.mode & kGroupExecute) != 0)
    words.push_back(fmt::format("setgid {}", metadata.gid));
  for (const auto& xattr : metadata.xattrs) {
    if (xattr.name == "security.capability") words.push_back(describe_capabilities(xattr.value));
  }
  return fmt::format("{}", fmt::join(words, ", "));
}

std::optional<File::Side> side(const Entry* entry) {
  if (entry == nullptr) return std::nullopt;
  return File::Side{.type = entry->type, .metadata = entry->metadata, .size = entry->size, .target = entry->target};
}

bool data_differs(const Entry& a, const Entry& b) {
  return a.type != b.type || a.size != b.size || a.data_digest != b.data_digest || a.target != b.target ||
         a.device_major != b.device_major || a.device_minor != b.device_minor;
}

std::uint64_t file_bytes(const FileTree& tree) {
  std::uint64_t bytes = 0;
  std::set<std::uint64_t> shared;
  for (const auto& entry : tree.entries()) {
    if (entry.type == FileType::Regular && (entry.links == 1 || shared.insert(entry.inode).second)) bytes += entry.size;
  }
  return bytes;
}

std::uint64_t blob_bytes(const ImageRecord& image) {
  std::uint64_t bytes = 0;
  for (const auto* list : {&image.layers, &image.cited_blobs}) {
    for (const auto& layer : *list) bytes += layer.size_bytes;
  }
  return bytes;
}

void compare_files(const FileTree& before, const FileTree& after, const ImageRecord& first, const ImageRecord& second,
                   ImageDiff& diff) {
  const auto compare = [&](const Entry* old, const Entry* now) {
    const bool differs = old != nullptr && now != nullptr && data_differs(*old, *now);
    if (old != nullptr && now != nullptr && !differs && old->metadata == now->metadata) return;
    const std::string& path = now != nullptr ? now->path : old->path;
    diff.files.push_back(
        {.path = path,
         .before = side(old),
         .after = side(now),
         .data_differs = differs,
         .layer = now != nullptr ? second.layers[now->data_layer].name : first.layers[old->data_layer].name});
    std::string was = privilege_of(old);
    std::string is = privilege_of(now);
    if (was != is) diff.privileges.push_back({.path = path, .before = std::move(was), .after = std::move(is)});
  };
  auto old = before.entries().begin();
  auto now = after.entries().begin();
  while (old != before.entries().end() || now != after.entries().end()) {
    const int order = old == before.entries().end()  ? 1
                      : now == after.entries().end() ? -1
                                                     : compare_paths(old->path, now->path);
    compare(order <= 0 ? &*old : nullptr, order >= 0 ? &*now : nullptr);
    if (order <= 0) ++old;
    if (order >= 0) ++now;
  }
}

void compare_packages(const ImageConfig& before, const ImageConfig& after, ImageDiff& diff) {
  std::map<std::pair<std::string, std::string>, ImageDiff::Package> packages;
  const auto at = [&](const InstalledPackage& package) -> ImageDiff::Package& {
    auto& entry = packages[{package.name, package.architecture}];
    entry.name = package.name;
    entry.architecture = package.architecture;
    return entry;
  };
  for (const auto& package : before.packages) at(package).before = package.version;
  for (const auto& package : after.packages) at(package).after = package.version;
  for (auto& [key, package] : packages) {
    if (package.before != package.after) diff.packages.push_back(std::move(package));
  }
}

/// The nth layer of a name in one image is compared with the nth of that name in the other.
void compare_layers(const ImageRecord& before, const ImageRecord& after, ImageDiff& diff) {
  std::map<std::string, std::vector<LayerRef>> old;
  for (const auto& layer : before.layers) old[layer.name].push_back(layer);
  for (const auto& layer : after.layers) {
    auto& same_name = old[layer.name];
    std::optional<LayerRef> was;
    if (!same_name.empty()) {
      was = same_name.front();
      same_name.erase(same_name.begin());
    }
    if (!was || was->digest != layer.digest) diff.layers.push_back({.name = layer.name, .before = was, .after = layer});
  }
  for (const auto& layer : before.layers) {
    const auto& left = old[layer.name];
    if (std::ranges::count(left, layer) != 0) diff.layers.push_back({.name = layer.name, .before = layer});
  }
}

using Settings = std::map<std::string, std::string>;

Settings settings_of(const ImageConfig& config) {
  const auto number = [](std::uint64_t value) { return value == 0 ? std::string() : std::to_string(value); };
  Settings settings{{"architecture", config.architecture},
                    {"device_bytes", number(config.device_bytes)},
                    {"user", config.user},
                    {"workdir", config.workdir},
                    {"launch.cpu", number(config.launch_cpu)},
                    {"launch.memory_bytes", number(config.launch_memory_bytes)},
                    {"launch.disk_bytes", number(config.launch_disk_bytes)},
                    {"launch.gpu", number(config.launch_gpu)},
                    {"launch.ports", fmt::format("{}", fmt::join(config.launch_ports, ", "))},
                    {"launch.commands", fmt::format("{}", fmt::join(config.launch_commands, "; "))},
                    {"kernel", config.kernel_version},
                    {"kernel.digest", config.kernel ? config.kernel->to_string() : ""}};
  for (const auto& [name, value] : config.env) settings["env." + name] = value;
  for (const auto& [name, value] : config.labels) settings["labels." + name] = value;
  return settings;
}

void compare_settings(const ImageConfig& before, const ImageConfig& after, ImageDiff& diff) {
  Settings old = settings_of(before);
  Settings now = settings_of(after);
  for (const auto& [name, value] : old) now.try_emplace(name);
  for (const auto& [name, value] : now) {
    if (old[name] != value) diff.settings.push_back({.name = name, .before = old[name], .after = value});
  }
}

}  // namespace

ImageDiff diff_images(const Store& store, const ImageRecord& before, const ImageRecord& after) {
  ImageDiff diff;
  const FileTree old = load_tree(store, before.layers);
  const FileTree now = load_tree(store, after.layers);
  compare_packages(before.config, after.config, diff);
  compare_files(old, now, before, after, diff);
  compare_layers(before, after, diff);
  compare_settings(before.config, after.config, diff);
  diff.file_bytes_before = file_bytes(old);
  diff.file_bytes_after = file_bytes(now);
  diff.blob_bytes_before = blob_bytes(before);
  diff.blob_bytes_after = blob_bytes(after);
  return diff;
}

std::vector<LayerHistory> image_history(const Store& store, const ImageRecord& image) {
  std::vector<LayerHistory> history;
  for (const auto& layer : image.layers) {
    LayerHistory entry{.layer = layer};
    const auto index = store.layer_index(layer.digest);
    for (const auto& change : index->changes) {
      switch (change.kind) {
        case ChangeKind::Remove: ++entry.removed; break;
        case ChangeKind::Metadata: ++entry.metadata; break;
        case ChangeKind::Put:
          ++entry.put;
          entry.data_bytes += change.size;
          break;
      }
    }
    for (const auto& frame : index->frames) (frame.blob == 0 ? entry.stored_bytes : entry.cited_bytes) += frame.size;
    history.push_back(std::move(entry));
  }
  return history;
}

}  // namespace blueprint::layers
