#include "layers/oci_errors.h"

#include <fmt/format.h>

#include "base/text.h"

namespace blueprint::layers {
namespace {

Error recipe_error(const char* code, std::string message, std::string hint) {
  return Error({.kind = ErrorKind::Recipe, .code = code, .message = std::move(message), .hints = {std::move(hint)}});
}

Error store_error(const char* code, std::string message, std::string hint) {
  return Error({.kind = ErrorKind::Store, .code = code, .message = std::move(message), .hints = {std::move(hint)}});
}

std::string list_of(std::span<const std::string> names) {
  constexpr std::size_t kMostShown = 10;
  std::string text = join(names.first(std::min(names.size(), kMostShown)), ", ");
  if (names.size() > kMostShown) text += fmt::format(" and {} more", names.size() - kMostShown);
  return printable(text);
}

}  // namespace

Error no_oci_image(const std::filesystem::path& path) {
  return recipe_error("O001", fmt::format("there is no OCI image at '{}'", printable(path.string())),
                      "the path is relative to the recipe's directory; an image of a registry is oci://HOST/NAME:TAG");
}

Error not_an_oci_image(const std::filesystem::path& path, std::string_view why) {
  return recipe_error(
      "O002",
      fmt::format("'{}' is neither an OCI layout nor an archive of one: {}", printable(path.string()), printable(why)),
      "it can be a directory with an index.json, a tar of one, or what 'docker save' writes, not compressed");
}

Error no_such_oci_name(const std::filesystem::path& path, std::string_view name, std::span<const std::string> known) {
  Error error = recipe_error(
      "O003", fmt::format("'{}' has no image '{}'", printable(path.string()), printable(name)),
      known.empty() ? std::string("none of its images has a name: leave it out, or give its digest with @sha256:…")
                    : fmt::format("it has {}", list_of(known)));
  if (const auto near = near_names(name, known); !near.empty()) error.add_hint(did_you_mean(near));
  return error;
}

Error several_oci_images(std::string_view image, std::span<const std::string> known) {
  return recipe_error("O003", fmt::format("'{}' has several images, and none is named", printable(image)),
                      fmt::format("say which behind the path, as in oci://PATH:NAME or oci://PATH@sha256:…; it has {}",
                                  known.empty() ? std::string("none with a name") : list_of(known)));
}

Error wrong_oci_platform(std::string_view image, std::span<const std::string> found) {
  return recipe_error("O004",
                      fmt::format("'{}' has no image for linux/amd64, only for {}", printable(image),
                                  found.empty() ? std::string("nothing") : list_of(found)),
                      "name one that is; to copy it, say 'skopeo copy --override-arch amd64 --override-os linux …'");
}

Error missing_oci_part(const std::filesystem::path& path, std::string_view name) {
  return store_error("O005",
                     fmt::format("'{}' is not complete: it has no {}", printable(path.string()), printable(name)),
                     "copy the image again; 'skopeo copy --all' brings every platform of one");
}

Error wrong_oci_digest(std::string_view what, const Digest& said, const Digest& found) {
  return Error(
      {.kind = ErrorKind::Store,
       .code = "O006",
       .message = fmt::format("{} does not have the digest that names it", printable(what)),
       .hints = {"the image is damaged, or was changed: copy it again"},
       .context = {fmt::format("expected {}", said.to_string()), fmt::format("     got {}", found.to_string())}});
}

Error bad_oci_document(std::string_view what, std::string_view why) {
  return store_error("O007", fmt::format("{} cannot be used: {}", printable(what), printable(why)),
                     "'skopeo inspect --raw' shows it; copying the image with skopeo writes a clean one");
}

Error bad_oci_layer(std::string_view layer, std::string_view why) {
  return store_error("O008", fmt::format("layer {} cannot be read: {}", printable(layer), printable(why)),
                     "a layer is a tar, plain or compressed with gzip or zstd; copy the image again");
}

Error hostile_oci_member(std::string_view layer, std::string_view member, std::string_view why) {
  return store_error("O009",
                     fmt::format("layer {} has a member that cannot be placed: '{}' {}", printable(layer),
                                 printable(member), printable(why)),
                     "no tool that builds images makes this: do not trust the image");
}

}  // namespace blueprint::layers
