// Manifest and config of an image, as a hostile registry would send them. The first byte chooses: 0 a manifest, else a
// config. Either it is refused with an Error, or what was read can be written, and reads the same again.

#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "layers/image_json.h"

namespace {

using namespace blueprint;
using namespace blueprint::layers;

bool same(const std::vector<LayerRef>& a, const std::vector<LayerRef>& b) { return a == b; }

void check_manifest(std::string_view text) {
  const ManifestFacts facts = decode_manifest(text, Digest());
  const ManifestFacts again = decode_manifest(encode_manifest(facts, {}), Digest());
  if (!same(again.layers, facts.layers) || again.cited_blobs.size() != facts.cited_blobs.size()) std::abort();
  if (again.config.digest != facts.config.digest || again.kernel.size() != facts.kernel.size()) std::abort();
}

void check_config(std::string_view text) {
  std::vector<LayerRef> layers(1);
  const ImageConfig config = decode_config(text, Digest(), layers);
  std::vector<LayerRef> layers_again(1);
  if (decode_config(encode_config(config, layers), Digest(), layers_again) != config) std::abort();
  if (layers_again.front().key != layers.front().key) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  try {
    data[0] == 0 ? check_manifest(text) : check_config(text);
  } catch (const Error&) {
  }
  return 0;
}
