// An OCI image becomes a base layer, which is a function of the image's digest alone. What else our config needs is a
// recipe that says it, so that the image is assembled as every other is.

#include "builder/oci_image.h"

#include <filesystem>
#include <functional>
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
#include "layers/oci_config.h"
#include "layers/oci_flatten.h"
#include "layers/oci_image.h"
#include "layers/oci_layer.h"

namespace blueprint::builder {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view kScheme = "oci://";
/// Which OCI image it was: an annotation of image-spec that means just this.
constexpr const char* kDigestLabel = "org.opencontainers.image.base.digest";

Error not_here(const recipe::Text& name) {
  Diagnostic diagnostic{.kind = ErrorKind::Network,
                        .code = "O011",
                        .message = fmt::format("the image '{}' is not in the store, and the network may not be used",
                                               printable(name.value)),
                        .hints = {"'blueprint lock RECIPE', without --offline, fetches it and pins it in the lock"}};
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

/// Carries out `function`; an error that says no place is one of the recipe's line that names the image.
template <typename Function>
auto at_its_place(const recipe::Text& name, Function function) {
  try {
    return function();
  } catch (const Error& failure) {
    if (name.where.line == 0) throw;
    auto diagnostics = failure.diagnostics();
    for (auto& diagnostic : diagnostics) {
      if (!diagnostic.where) diagnostic.where = name.where;
    }
    throw Error(std::move(diagnostics));
  }
}

layers::OciImage open_image(const OciRequest& request) {
  const Reference reference = parse_reference(request.name, request.directory);
  return at_its_place(request.name, [&] { return layers::open_oci_image(reference.path, reference.name); });
}

std::string name_of(const Digest& image) { return "oci/" + image.short_hex(); }

plan::KeyRecord key_of(const Digest& image) {
  plan::KeyRecord key(name_of(image), kBaseLayer);
  key.add("kind", "oci 1");
  key.add("image", image.to_string());
  return key;
}

/// The recipe that says what the image's config does.
recipe::Recipe recipe_of(const Digest& image, const layers::OciConfig& config, const std::string& distribution) {
  recipe::Recipe recipe;
  recipe.name.value = name_of(image);
  recipe.env = config.env;
  recipe.labels = config.labels;
  recipe.labels[kDigestLabel] = image.to_string();
  if (!distribution.empty()) recipe.labels[kDistributionLabel] = distribution;
  if (config.entrypoint) recipe.labels["dockerfile.entrypoint"] = Json(*config.entrypoint).dump();
  if (config.command) recipe.labels["dockerfile.cmd"] = Json(*config.command).dump();
  if (!config.workdir.empty()) recipe.workdir = config.workdir;
  // Commands run with the user's own groups.
  if (!config.user.empty()) recipe.user = config.user.substr(0, config.user.find(':'));
  recipe.launch.ports = config.tcp_ports;
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
  if (image.config.labels.contains(kDistributionLabel)) return {};
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

/// What is kept with the layer's key: all that the image's record is made of, so that an image whose documents are gone
/// is found by its digest alone.
struct Facts {
  Digest image;        ///< of the manifest; the key may be that of an index that lists it
  std::string config;  ///< empty in stores of old
  std::string distribution;
  std::int64_t epoch = 0;
};

std::string format_facts(const Facts& facts) {
  return Json{{"image", facts.image.to_string()},
              {"config", facts.config},
              {"distribution", facts.distribution},
              {"epoch", facts.epoch}}
      .dump();
}

Facts parse_facts(const std::string& text, const layers::OciImage* image) {
  const Json json = Json::parse(text, nullptr, false);
  Facts facts;
  if (json.is_object()) {
    facts.image = Digest::parse(json.value("image", "")).value_or(Digest());
    facts.config = json.value("config", "");
    facts.distribution = json.value("distribution", "");
    facts.epoch = json.value("epoch", std::int64_t{0});
  }
  if (image != nullptr) {
    facts.image = image->digest;
    facts.config = image->config_text;
  }
  return facts;
}

layers::Store::KeyEntry write_base(const layers::OciImage& image, const plan::KeyRecord& key, layers::Store& store,
                                   ThreadPool& pool, Events& events, const std::stop_token& stop) {
  const TempDir work(store.tmp(), "oci-");
  Facts facts{.image = image.digest, .config = image.config_text, .distribution = {}, .epoch = image.config.created};
  auto changes = flatten(image, work.path(), facts.epoch, pool, events, stop);
  auto written = layers::write_layer(store, {}, std::move(changes), {.name = kBaseLayer, .epoch = facts.epoch}, pool,
                                     events, stop);
  written.layer.key = key.digest();
  facts.distribution = distribution_in(image, store, {written.layer});
  layers::Store::KeyEntry entry{.layer = written.layer, .record = key.to_json(), .facts = format_facts(facts)};
  store.put_key(key.digest(), entry);
  events.finished(kBaseLayer, fmt::format("{} stored", format_size(written.stored_bytes)));
  return entry;
}

layers::ImageRecord assemble(const layers::LayerRef& written, const Facts& facts, layers::Store& store) {
  layers::LayerRef layer = written;
  layer.name = kBaseLayer;
  const auto config = layers::parse_oci_config(facts.config, facts.image.to_string());
  const auto recipe = recipe_of(facts.image, config, facts.distribution);
  return assemble_image({.recipe = recipe, .parent = nullptr, .layers = {layer}, .epoch = facts.epoch}, store);
}

/// An image whose layer was written before.
struct Written {
  layers::LayerRef layer;
  Facts facts;
};

/// The image of this digest, of a manifest or of an index.
std::optional<Written> find_written(const Digest& digest, const layers::Store& store) {
  const auto entry = store.find_key(key_of(digest).digest());
  if (!entry) return std::nullopt;
  Facts facts = parse_facts(entry->facts, nullptr);
  if (facts.config.empty()) return std::nullopt;
  return Written{entry->layer, std::move(facts)};
}

/// The image, whose layer is written unless it was before; `fetch_layers` makes sure that its source has them.
layers::ImageRecord import_image(const layers::OciImage& image, const recipe::Text& name,
                                 const std::function<void()>& fetch_layers, layers::Store& store, ThreadPool& pool,
                                 Events& events, const std::stop_token& stop) {
  const auto key = key_of(image.digest);
  auto entry = store.find_key(key.digest());
  UniqueFd lock;
  if (!entry) {
    lock = lock_layer(store, key.digest(), kBaseLayer, events, stop);
    entry = store.find_key(key.digest());  // somebody may have read it meanwhile
  }
  if (!entry) {
    events.started(kBaseLayer, fmt::format("{} (oci)", name.value));
    try {
      fetch_layers();
      entry = write_base(image, key, store, pool, events, stop);
    } catch (Error& failure) {
      failure.add_context(fmt::format("while reading the image '{}'", name.value));
      throw;
    }
  }
  return assemble(entry->layer, parse_facts(entry->facts, &image), store);
}

/// The digest of a registry's image as far as it is known without asking.
std::optional<Digest> known_digest(const OciRequest& request, const registry_client::Reference& reference) {
  return request.pinned ? request.pinned : reference.digest;
}

layers::ImageRecord import_from_registry(const OciRequest& request, layers::Store& store, ThreadPool& pool,
                                         Events& events, const std::stop_token& stop) {
  const auto reference = registry_reference(request.name);
  const auto known = known_digest(request, reference);
  if (known) {
    if (const auto found = find_written(*known, store)) return assemble(found->layer, found->facts, store);
  }
  if (request.network == OciRequest::Network::Offline) throw not_here(request.name);
  RegistryPull pull(reference, request.registries, store, stop);
  const auto image = pull.fetch_documents(known);
  auto record = import_image(
      image, request.name, [&] { pull.fetch_layers(events, fmt::format("{}/download", kBaseLayer)); }, store, pool,
      events, stop);
  // Under the digest of the index as well: the next build that names it by that asks nobody.
  if (known && *known != image.digest) {
    const auto entry = store.find_key(key_of(image.digest).digest());
    const auto by_index = key_of(*known);
    if (entry) {
      store.put_key(by_index.digest(), {.layer = entry->layer,
                                        .record = by_index.to_json(),
                                        .facts = format_facts(parse_facts(entry->facts, &image))});
    }
  }
  return record;
}

}  // namespace

bool is_oci_reference(std::string_view name) { return name.starts_with(kScheme); }

layers::ImageRecord import_oci_image(const OciRequest& request, layers::Store& store, ThreadPool& pool, Events& events,
                                     std::stop_token stop) {
  if (is_registry_reference(request.name.value)) {
    return at_its_place(request.name, [&] { return import_from_registry(request, store, pool, events, stop); });
  }
  return import_image(
      open_image(request), request.name, [] {}, store, pool, events, stop);
}

std::optional<layers::ImageRecord> find_oci_image(const OciRequest& request, layers::Store& store) {
  if (is_registry_reference(request.name.value)) {
    const auto known = known_digest(request, registry_reference(request.name));
    const auto found = known ? find_written(*known, store) : std::nullopt;
    return found ? std::optional(assemble(found->layer, found->facts, store)) : std::nullopt;
  }
  const auto image = open_image(request);
  const auto entry = store.find_key(key_of(image.digest).digest());
  if (!entry) return std::nullopt;
  return assemble(entry->layer, parse_facts(entry->facts, &image), store);
}

std::optional<recipe::BaseConfig> oci_base_config(const OciRequest& request,
                                                  const std::function<layers::Store&()>& store, std::stop_token stop) {
  std::optional<layers::OciConfig> config;
  if (is_registry_reference(request.name.value)) {
    const auto reference = registry_reference(request.name);
    const auto known = known_digest(request, reference);
    if (const auto found = known ? find_written(*known, store()) : std::nullopt)
      config = layers::parse_oci_config(found->facts.config, found->facts.image.to_string());
    if (!config && request.network == OciRequest::Network::Offline) return std::nullopt;
    if (!config) {
      config = at_its_place(request.name, [&] {
        return RegistryPull(reference, request.registries, store(), std::move(stop)).fetch_documents(known).config;
      });
    }
  } else {
    config = open_image(request).config;
  }
  const auto recipe = recipe_of(Digest(), *config, "");
  return recipe::BaseConfig{.env = recipe.env,
                            .workdir = recipe.workdir.value_or(""),
                            .user = recipe.user.value_or(""),
                            .triggers = config->on_build};
}

std::string pinned_digest(std::string_view name, const layers::ImageRecord& image) {
  const auto label = image.config.labels.find(kDigestLabel);
  const bool is_oci = is_oci_reference(name) && label != image.config.labels.end();
  return is_oci ? label->second : image.digest.to_string();
}

}  // namespace blueprint::builder
