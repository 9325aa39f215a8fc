#include "layers/store_errors.h"

#include <fmt/format.h>

#include "base/text.h"

namespace blueprint::layers {

Error newer_store(const std::filesystem::path& root, std::string_view found, int known) {
  return Error({.kind = ErrorKind::Store,
                .code = "S001",
                .message = fmt::format("the store {} has format {}, and this blueprint reads formats up to {}",
                                       root.string(), printable(found), known),
                .hints = {"upgrade blueprint, or choose another store with --store DIR or BLUEPRINT_STORE"}});
}

Error store_not_created(const std::filesystem::path& root, std::string_view why) {
  return Error({.kind = ErrorKind::Store,
                .code = "S002",
                .message = fmt::format("cannot create the store {}: {}", root.string(), why),
                .hints = {"choose a directory that you may write to, with --store DIR or BLUEPRINT_STORE"}});
}

Error not_a_store(const std::filesystem::path& root, std::string_view foreign_entry) {
  return Error(
      {.kind = ErrorKind::Store,
       .code = "S003",
       .message = fmt::format("{} is not a store, and not empty: it has '{}'", root.string(), printable(foreign_entry)),
       .hints = {"choose an empty or a new directory with --store DIR or BLUEPRINT_STORE"}});
}

Error damaged_store_file(const std::filesystem::path& file, std::string_view why) {
  return Error(
      {.kind = ErrorKind::Store,
       .code = "S004",
       .message = fmt::format("{} is damaged: {}", file.string(), why),
       .hints = {fmt::format("move it away; images that only it names must be tagged again by their digest")}});
}

Error missing_blob(const Digest& digest) {
  return Error({.kind = ErrorKind::Store,
                .code = "S010",
                .message = fmt::format("the store has no blob {}", digest.to_string()),
                .hints = {"build or pull the image again: what is missing is stored anew"}});
}

Error damaged_blob(const Digest& digest, std::string_view what, std::string_view why) {
  return Error(
      {.kind = ErrorKind::Store,
       .code = "S015",
       .message = fmt::format("{} {} is damaged: {}", what, digest.to_string(), why),
       .hints = {
           "'blueprint verify' says what else is affected; remove the blob, then build or pull the image again"}});
}

Error unknown_image(std::string_view reference, std::span<const std::string> near) {
  Diagnostic diagnostic{.kind = ErrorKind::Store,
                        .code = "S011",
                        .message = fmt::format("the store has no image '{}'", printable(reference))};
  if (!near.empty()) diagnostic.hints.push_back(did_you_mean(near));
  diagnostic.hints.emplace_back("'blueprint ls' lists the images; 'blueprint build' makes one of a recipe");
  return Error(std::move(diagnostic));
}

Error ambiguous_image(std::string_view prefix, std::span<const std::string> candidates) {
  return Error({.kind = ErrorKind::Store,
                .code = "S012",
                .message = fmt::format("'{}' is the beginning of several digests", printable(prefix)),
                .hints = {fmt::format("give more digits: {}", join(candidates, ", "))}});
}

Error bad_tag(std::string_view name) {
  return Error(
      {.kind = ErrorKind::Usage,
       .code = "S013",
       .message = fmt::format("'{}' cannot be a tag", printable(name)),
       .hints = {"a tag is NAME or NAME:VERSION, where NAME is words of letters and digits joined by '/', '-', '_', "
                 "'.', '+' or '@', such as acme/agent-base:v2"}});
}

Error not_a_blueprint_image(const Digest& manifest, std::string_view why) {
  return Error({.kind = ErrorKind::Store,
                .code = "S014",
                .message = fmt::format("{} is not an image of blueprint: {}", manifest.to_string(), why),
                .hints = {"an OCI image of another kind becomes one by a recipe with 'from: oci://…'"}});
}

}  // namespace blueprint::layers
