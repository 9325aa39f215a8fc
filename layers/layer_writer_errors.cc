#include "layers/layer_writer_errors.h"

#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/text.h"
#include "layers/errors.h"

namespace blueprint::layers {
namespace {

Error writer_error(ErrorKind kind, std::string_view code, std::string message, std::vector<std::string> hints) {
  return Error({.kind = kind, .code = std::string(code), .message = std::move(message), .hints = std::move(hints)});
}

}  // namespace

Error source_changed(std::string_view path, std::string_view source) {
  return writer_error(
      ErrorKind::Step, "L030",
      fmt::format("{} changed while the layer was written (it becomes {})", printable(source), shown_path(path)),
      {"build again when nothing writes to it"});
}

Error no_such_stored_file(std::string_view path, const Digest& layer, std::string_view stored_path) {
  return writer_error(ErrorKind::Store, "L031",
                      fmt::format("{} is to be taken from {} of layer {}, which has no such file", shown_path(path),
                                  shown_path(stored_path), layer.short_hex()),
                      {"build without the cache, or run 'blueprint verify'"});
}

Error malformed_change(std::string_view path, std::string_view reason) {
  return writer_error(ErrorKind::Bug, "L032",
                      fmt::format("the change of {} is malformed: {}", shown_path(path), reason), {});
}

}  // namespace blueprint::layers
