// An OCI image becomes a base layer, which is a function of the image's digest alone. What else our config needs is a
// recipe that says it, so that the image is assembled as every other is.

#include "builder/oci_image.h"

#include <filesystem>
#include <mutex>

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "builder/image_assembly.h"
#include "builder/layer_lock.h"
#include "builder/parent_image.h"
#include "builder/plan/key_record.h"
#include "builder/recipe_lock.h"
#include "layers/layer_writer.h"
#include "layers/oci_flatten.h"
#include "layers/oci_image.h"
#include "layers/oci_layer.h"

namespace blueprint::builder {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view kScheme = "oci://";
/// Which OCI image it was: an annotation of image-spec that means just this.
constexpr const char* kDigestLabel = "org.opencontainers.image.base.digest";

Error not_local(const recipe::Text& name) {
  std::string_view image = name.value;
  image.remove_prefix(kScheme.size());
  Diagnostic diagnostic{
      .kind = ErrorKind::Recipe,
      .code = "O010",
      .message =
          fmt::format("'{}' is an image of a registry, which recipes cannot build on yet", printable(name.value)),
      .hints = {fmt::format("copy it first: skopeo copy docker://{0} oci:image:latest, then say 'oci://./image:latest'",
                            printable(image)),
                "a path of this machine begins with './', '../' or '/'"}};
  if (name.where.line > 0) diagnostic.where = name.where;
  return Error(std::move(diagnostic));
}

struct Reference {
  fs::path path;
  std::string name;  ///< tag or digest; may be empty
};

/// As skopeo has it: the path ends at the first ':', or at "@sha256:".
Reference parse_reference(const recipe::Text& text, const std::string& directory) {
  std::string_view rest = text.value;
  rest.remove_prefix(kScheme.size());
  if (!rest.starts_with("./") && !rest.starts_with("../") && !rest.starts_with('/')) throw not_local(text);
  Reference reference;
  if (const std::size_t at = rest.find("@sha256:"); at != std::string_view::npos) {
    reference.name = rest.substr(at + 1);
    rest = rest.substr(0, at);
    rest = rest.substr(0, rest.find(':'));  // what pins the digest says more than a tag beside it
  } else if (const std::size_t colon = rest.find(':'); colon != std::string_view::npos) {
    reference.name = rest.substr(colon + 1);
    rest = rest.substr(0, colon);
  }
  reference.path = (fs::path(directory) / rest).lexically_normal();
  return reference;
}

layers::OciImage open_image(const recipe::Text& name, const std::string& directory) {
  const Reference reference = parse_reference(name, directory);
  try {
    return layers::open_oci_image(reference.path, reference.name);
  } catch (const Error& failure) {
    if (name.where.line == 0) throw;
    auto diagnostics = failure.diagnostics();
    for (auto& diagnostic : diagnostics) {
      if (!diagnostic.where) diagnostic.where = name.where;
    }
    throw Error(std::move(diagnostics));
  }
}

std::string name_of(const layers::OciImage& image) { return "oci/" + image.digest.short_hex(); }

plan::KeyRecord key_of(const layers::OciImage& image) {
  plan::KeyRecord key(name_of(image), kBaseLayer);
  key.add("kind", "oci 1");
  key.add("image", image.digest.to_string());
  return key;
}

/// The recipe that says what the image's config does.
recipe::Recipe recipe_of(const layers::OciImage& image, const std::string& distribution) {
  recipe::Recipe recipe;
  recipe.name.value = name_of(image);
  recipe.env = image.env;
  recipe.labels = image.labels;
  recipe.labels[kDigestLabel] = image.digest.to_string();
  if (!distribution.empty()) recipe.labels[kDistributionLabel] = distribution;
  if (image.entrypoint) recipe.labels["dockerfile.entrypoint"] = Json(*image.entrypoint).dump();
  if (image.command) recipe.labels["dockerfile.cmd"] = Json(*image.command).dump();
  if (!image.workdir.empty()) recipe.workdir = image.workdir;
  // Commands run with the user's own groups.
  if (!image.user.empty()) recipe.user = image.user.substr(0, image.user.find(':'));
  recipe.launch.ports = image.tcp_ports;
  return recipe;
}

/// "KEY=value" or "KEY="value"" of an os-release file.
std::string os_release_value(const std::string& text, std::string_view key) {
  for (const std::string& line : split(text, '\n')) {
    if (!line.starts_with(key) || line.size() <= key.size() || line[key.size()] != '=') continue;
    std::string value = line.substr(key.size() + 1);
    std::erase(value, '"');
    return value;
  }
  return {};
}

/// The distribution of an image that somebody else bootstrapped, so that packages can be added to it: of those that we
/// know, told by os-release. Empty when it is none, has no dpkg, or says of itself which it is.
std::string distribution_in(const layers::OciImage& image, const layers::Store& store,
                            const std::vector<layers::LayerRef>& refs) {
  if (image.labels.contains(kDistributionLabel)) return {};
  const auto tree = layers::load_tree(store, refs);
  const auto* status = tree.resolve("var/lib/dpkg/status");
  const auto* release = tree.resolve("etc/os-release");
  if (status == nullptr || release == nullptr || release->type != layers::FileType::Regular) return {};
  constexpr std::uint64_t kMostBytes = 1 << 16;
  if (release->size > kMostBytes) return {};
  const std::string text = layers::read_file(store, refs, *release);
  recipe::Distribution distribution{.id = os_release_value(text, "ID"),
                                    .release = os_release_value(text, "VERSION_CODENAME"),
                                    .components = {"main"},
                                    .pockets = {"release", "updates", "security"}};
  const bool is_word = !distribution.release.empty() &&
                       distribution.release.find_first_not_of("abcdefghijklmnopqrstuvwxyz") == std::string::npos;
  if (!is_word || (distribution.id != "debian" && distribution.id != "ubuntu")) return {};
  if (distribution.id == "ubuntu") distribution.components.emplace_back("universe");
  return format_distribution(distribution);
}

/// All layers, unpacked side by side and then merged in their order.
std::vector<layers::PlannedChange> flatten(const layers::OciImage& image, const fs::path& work, std::int64_t& epoch,
                                           ThreadPool& pool, Events& events, const std::stop_token& stop) {
  std::vector<std::vector<layers::OciMember>> members(image.layers.size());
  {
    TaskGroup tasks(pool);
    std::mutex mutex;
    std::uint64_t done = 0;
    for (std::size_t i = 0; i < members.size(); ++i) {
      tasks.run([&, i] {
        const fs::path data = work / std::to_string(i);
        fs::create_directory(data);
        members[i] = layers::read_oci_layer(*image.source, image.layers[i], data, stop);
        const std::lock_guard lock(mutex);
        events.progress(kBaseLayer, {.items = ++done, .items_total = members.size()});
      });
    }
    tasks.wait();
  }
  if (epoch == 0) {
    for (const auto& layer : members) {
      for (const auto& member : layer) epoch = std::max(epoch, member.metadata.mtime.seconds);
    }
  }
  layers::OciFlattening flattening(epoch);
  for (std::size_t i = 0; i < members.size(); ++i)
    flattening.add(std::move(members[i]), image.layers[i].diff_id.short_hex());
  return flattening.take();
}

/// What is kept with the layer's key: what of the image is not in its config.
struct Facts {
  std::string distribution;
  std::int64_t epoch = 0;
};

layers::Store::KeyEntry write_base(const layers::OciImage& image, const plan::KeyRecord& key, layers::Store& store,
                                   ThreadPool& pool, Events& events, const std::stop_token& stop) {
  const TempDir work(store.tmp(), "oci-");
  Facts facts{.distribution = {}, .epoch = image.created};
  auto changes = flatten(image, work.path(), facts.epoch, pool, events, stop);
  auto written = layers::write_layer(store, {}, std::move(changes), {.name = kBaseLayer, .epoch = facts.epoch}, pool,
                                     events, stop);
  written.layer.key = key.digest();
  facts.distribution = distribution_in(image, store, {written.layer});
  layers::Store::KeyEntry entry{.layer = written.layer,
                                .record = key.to_json(),
                                .facts = Json{{"distribution", facts.distribution}, {"epoch", facts.epoch}}.dump()};
  store.put_key(key.digest(), entry);
  events.finished(kBaseLayer, fmt::format("{} stored", format_size(written.stored_bytes)));
  return entry;
}

layers::ImageRecord assemble(const layers::OciImage& image, const layers::Store::KeyEntry& entry,
                             layers::Store& store) {
  const Json json = Json::parse(entry.facts, nullptr, false);
  Facts facts;
  if (json.is_object()) {
    facts.distribution = json.value("distribution", "");
    facts.epoch = json.value("epoch", std::int64_t{0});
  }
  layers::LayerRef layer = entry.layer;
  layer.name = kBaseLayer;
  const auto recipe = recipe_of(image, facts.distribution);
  return assemble_image({.recipe = recipe, .parent = nullptr, .layers = {layer}, .epoch = facts.epoch}, store);
}

}  // namespace

bool is_oci_reference(std::string_view name) { return name.starts_with(kScheme); }

layers::ImageRecord import_oci_image(const recipe::Text& name, const std::string& directory, layers::Store& store,
                                     ThreadPool& pool, Events& events, std::stop_token stop) {
  const auto image = open_image(name, directory);
  const auto key = key_of(image);
  auto entry = store.find_key(key.digest());
  UniqueFd lock;
  if (!entry) {
    lock = lock_layer(store, key.digest(), kBaseLayer, events, stop);
    entry = store.find_key(key.digest());  // somebody may have read it meanwhile
  }
  if (!entry) {
    events.started(kBaseLayer, fmt::format("{} (oci)", name.value));
    try {
      entry = write_base(image, key, store, pool, events, stop);
    } catch (Error& failure) {
      failure.add_context(fmt::format("while reading the image '{}'", name.value));
      throw;
    }
  }
  return assemble(image, *entry, store);
}

std::optional<layers::ImageRecord> find_oci_image(const recipe::Text& name, const std::string& directory,
                                                  layers::Store& store) {
  const auto image = open_image(name, directory);
  const auto entry = store.find_key(key_of(image).digest());
  if (!entry) return std::nullopt;
  return assemble(image, *entry, store);
}

recipe::BaseConfig oci_base_config(const recipe::Text& name, const std::string& directory) {
  const auto recipe = recipe_of(open_image(name, directory), "");
  return {.env = recipe.env, .workdir = recipe.workdir.value_or(""), .user = recipe.user.value_or("")};
}

std::string pinned_digest(std::string_view name, const layers::ImageRecord& image) {
  const auto label = image.config.labels.find(kDigestLabel);
  const bool is_oci = is_oci_reference(name) && label != image.config.labels.end();
  return is_oci ? label->second : image.digest.to_string();
}

}  // namespace blueprint::builder
