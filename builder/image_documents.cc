#include "builder/image_documents.h"

#include "base/error.h"
#include "builder/bill_of_materials.h"
#include "builder/plan/key_record.h"
#include "builder/provenance.h"
#include "layers/attachment.h"
#include "registry_client/http.h"

namespace blueprint::builder {
namespace {

Digest fetched_digest(const recipe::Text& text) {
  std::string_view hex = text.value;
  if (hex.starts_with("sha256:")) hex.remove_prefix(7);
  if (const auto digest = Digest::parse_hex(hex)) return *digest;
  throw bug("a recipe with a malformed sha256 passed its parser");
}

/// Digest of what a step's key says of its inputs.
Digest inputs_digest(const ReadyLayer& layer) {
  plan::KeyRecord record;
  layer.step->add_key_fields(record);
  return record.digest();
}

const ReadyLayer* find_layer(const std::vector<ReadyLayer>& layers, const std::string& name) {
  for (const auto& layer : layers) {
    if (layer.name == name) return &layer;
  }
  return nullptr;
}

std::vector<Material> materials_of(const DocumentInputs& inputs) {
  std::vector<Material> materials;
  for (const auto& layer : inputs.recipe.layers) {
    if (const auto* fetch = std::get_if<recipe::FetchStep>(&layer.step)) {
      materials.push_back({.kind = Material::Kind::Fetched,
                           .layer = layer.name,
                           .source = registry_client::redact_url(fetch->url.value),
                           .to = fetch->to.value,
                           .unpacked = fetch->unpack,
                           .digest = fetched_digest(fetch->sha256)});
    } else if (const auto* copy = std::get_if<recipe::CopyStep>(&layer.step)) {
      const auto* ready = find_layer(inputs.layers, layer.name);
      if (ready == nullptr) continue;
      materials.push_back(
          {.kind = Material::Kind::Copied,
           .layer = layer.name,
           .source = copy->image.value.empty() ? copy->from.value : copy->image.value + ":" + copy->path.value,
           .to = copy->to.value,
           .digest = inputs_digest(*ready)});
    }
  }
  return materials;
}

std::string dpkg_status(const layers::ImageRecord& image, const layers::Store& store) {
  const auto tree = layers::load_tree(store, image.layers);
  const auto* status = tree.resolve("var/lib/dpkg/status");
  return status == nullptr ? std::string() : layers::read_file(store, image.layers, *status);
}

std::optional<std::string> parent_bill(const layers::ImageRecord* parent, const layers::Store& store) {
  if (parent == nullptr) return std::nullopt;
  const auto found = layers::find_attachment(store, parent->digest, kBillType);
  if (!found) return std::nullopt;
  return layers::read_attachment(store, *found);
}

}  // namespace

void attach_documents(const DocumentInputs& inputs, layers::Store& store) {
  const auto lacks = [&](std::string_view type) { return !layers::find_attachment(store, inputs.image.digest, type); };
  const bool bill = lacks(kBillType);
  const bool provenance = lacks(kProvenanceType);
  if (!bill && !provenance) return;
  const auto materials = materials_of(inputs);
  if (bill) {
    layers::attach(store, inputs.image.digest, kBillType,
                   format_bill_of_materials({.image = inputs.image,
                                             .dpkg_status = dpkg_status(inputs.image, store),
                                             .lock = inputs.lock,
                                             .materials = materials,
                                             .parent = parent_bill(inputs.parent, store),
                                             .version = inputs.version}));
  }
  if (provenance) {
    layers::attach(store, inputs.image.digest, kProvenanceType,
                   format_provenance({.image = inputs.image,
                                      .parent = inputs.parent,
                                      .recipe = inputs.recipe,
                                      .lock = inputs.lock,
                                      .materials = materials,
                                      .params = inputs.params,
                                      .version = inputs.version}));
  }
}

}  // namespace blueprint::builder
