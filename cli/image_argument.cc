#include "cli/image_argument.h"

#include <filesystem>
#include <set>

#include <fmt/format.h>
#include <unistd.h>

namespace blueprint::cli {

Option image_option(std::string& target) {
  return {.flags = "image",
          .value = "IMAGE",
          .help = "tag, digest, or the first digits of one",
          .target = &target,
          .completes = Completes::Image,
          .required = true};
}

layers::ImageRecord load_image(Context& context, const std::string& reference) {
  return context.store().load_image(context.store().resolve(reference));
}

std::optional<layers::Lease> lease_image(Context& context, const Digest& manifest, std::string_view holder) {
  if (layers::is_writable(context.store()))
    return layers::Lease(context.store(), manifest, fmt::format("{} (pid {})", holder, ::getpid()));
  context.events().note("the store cannot be written, so a 'gc' there would not know that the image is in use");
  return std::nullopt;
}

std::uint64_t image_size_bytes(const layers::Store& store, const layers::ImageRecord& image) {
  std::set<Digest> seen;
  std::uint64_t total = 0;
  const auto add = [&](const layers::LayerRef& layer) {
    if (seen.insert(layer.digest).second) total += layer.size_bytes;
  };
  for (const auto& layer : image.layers) add(layer);
  for (const auto& layer : image.cited_blobs) add(layer);
  std::error_code ignored;
  if (image.config.kernel) {
    const auto size = std::filesystem::file_size(store.blob_path(*image.config.kernel), ignored);
    if (!ignored) total += size;
  }
  return total;
}

}  // namespace blueprint::cli
