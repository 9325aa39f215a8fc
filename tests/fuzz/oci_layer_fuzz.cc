// Any bytes as a layer of a container image. Either the layer is refused with a diagnostic, or its members make a
// changeset that is sorted and has only clean paths. Nothing but numbered files appears in the work directory.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "base/error.h"
#include "base/file.h"
#include "layers/oci_flatten.h"
#include "layers/oci_layer.h"

namespace {

using namespace blueprint;
using namespace blueprint::layers;

class MemoryStream final : public ByteStream {
 public:
  explicit MemoryStream(std::string_view bytes) : left_(bytes) {}
  std::size_t read(std::span<std::byte> out) override {
    const std::size_t size = std::min(out.size(), left_.size());
    if (size > 0) std::memcpy(out.data(), left_.data(), size);
    left_.remove_prefix(size);
    return size;
  }

 private:
  std::string_view left_;
};

class MemorySource final : public OciSource {
 public:
  explicit MemorySource(std::string_view bytes) : OciSource("memory"), bytes_(bytes) {}
  [[nodiscard]] bool has(std::string_view) const override { return true; }
  [[nodiscard]] std::unique_ptr<ByteStream> open_file(std::string_view) const override {
    return std::make_unique<MemoryStream>(bytes_);
  }

 private:
  std::string_view bytes_;
};

/// Reads the layer whatever its digest is: the first failure says it.
std::vector<OciMember> read_layer(const OciSource& source) {
  OciLayer layer{.file = "layer", .digest = std::nullopt, .diff_id = {}};
  try {
    const TempDir work;
    (void)read_oci_layer(source, layer, work.path(), {});
    std::abort();  // of digest zero
  } catch (const Error& error) {
    if (error.first().code != "O006") throw;
    const std::string& found = error.first().context.at(1);
    layer.diff_id = Digest::parse(found.substr(found.find("sha256:"))).value();
  }
  const TempDir work;
  auto members = read_oci_layer(source, layer, work.path(), {});
  for (const auto& entry : std::filesystem::directory_iterator(work.path())) {
    const std::string name = entry.path().filename().string();
    if (name.find_first_not_of("0123456789") != std::string::npos) std::abort();
  }
  return members;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    OciFlattening flattening(1000);
    const auto members = read_layer(MemorySource({reinterpret_cast<const char*>(data), size}));
    flattening.add(members, "1");
    flattening.add(members, "2");
    const auto changes = flattening.take();
    for (std::size_t i = 0; i < changes.size(); ++i) {
      if (!is_clean_path(changes[i].change.path)) std::abort();
      if (i > 0 && compare_paths(changes[i - 1].change.path, changes[i].change.path) >= 0) std::abort();
    }
  } catch (const Error& error) {
    if (error.first().code[0] != 'O' || render(error.first()).empty()) std::abort();
  }
  return 0;
}
