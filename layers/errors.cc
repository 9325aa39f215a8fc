#include "layers/errors.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"

namespace blueprint::layers {
namespace {

Error store_error(std::string_view code, std::string message, std::vector<std::string> hints) {
  return Error(
      {.kind = ErrorKind::Store, .code = std::string(code), .message = std::move(message), .hints = std::move(hints)});
}

constexpr const char* kVerifyHint =
    "run 'blueprint verify' to see what else is damaged, then rebuild or pull the image again";

}  // namespace

std::string shown_path(std::string_view path) { return "/" + printable(path); }

Error not_a_layer(std::string_view what, std::string_view reason) {
  return store_error("L001",
                     fmt::format("{} is not a layer blob that this version can read: {}", printable(what), reason),
                     {kVerifyHint});
}

Error bad_index(std::string_view what, std::string_view rule) {
  return store_error("L002", fmt::format("the index of {} is damaged: {}", printable(what), rule), {kVerifyHint});
}

Error damaged_frame(const Digest& blob, std::uint64_t offset, std::string_view reason) {
  return store_error("L003", fmt::format("blob {} is damaged at offset {}: {}", blob.to_string(), offset, reason),
                     {kVerifyHint});
}

Error layers_do_not_fit(std::string_view path, std::string_view reason) {
  return store_error("L004",
                     fmt::format("the layers of the image do not fit each other: {}: {}", shown_path(path), reason),
                     {"the layer was made for another parent; rebuild the image"});
}

Error not_a_regular_file(std::string_view path) {
  return store_error("L005", fmt::format("{} is no regular file in the image", shown_path(path)), {});
}

Error export_not_started(std::string_view why) {
  Diagnostic diagnostic;
  diagnostic.kind = ErrorKind::Machine;
  diagnostic.code = "L006";
  std::string said(trim(why));
  std::replace(said.begin(), said.end(), '\n', ' ');
  diagnostic.message =
      fmt::format("nbdkit cannot serve the image: {}", said.empty() ? "it said nothing" : printable(said));
  return Error(std::move(diagnostic));
}

Error export_plugin_missing(const std::filesystem::path& path) {
  Diagnostic diagnostic;
  diagnostic.kind = ErrorKind::Machine;
  diagnostic.code = "L007";
  diagnostic.message = fmt::format("the nbdkit plugin of blueprint is missing: {}", path.string());
  diagnostic.hints = {"install blueprint as a whole: the plugin lies beside the program or in ../lib/blueprint"};
  return Error(std::move(diagnostic));
}

Error changed_twice(std::string_view path) {
  return store_error("L010", fmt::format("a layer changes {} twice", shown_path(path)), {});
}

Error link_circle(std::string_view path) {
  return store_error("L012", fmt::format("the hard links of {} lead in a circle", shown_path(path)), {});
}

}  // namespace blueprint::layers
