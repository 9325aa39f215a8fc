#include "layers/ext4/errors.h"

#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/text.h"

namespace blueprint::layers::ext4 {
namespace {

Error store_error(std::string_view code, std::string message, std::vector<std::string> hints) {
  Diagnostic diagnostic;
  diagnostic.kind = ErrorKind::Store;
  diagnostic.code = code;
  diagnostic.message = std::move(message);
  diagnostic.hints = std::move(hints);
  return Error(std::move(diagnostic));
}

std::string shown(std::string_view path) { return "/" + printable(path); }

}  // namespace

Error bad_filesystem(std::string_view reason) {
  return store_error("L020", fmt::format("the file system of the parent layer cannot be continued: {}", reason),
                     {"run 'blueprint verify' on the parent image, and rebuild it if it is damaged"});
}

Error device_full(std::string_view path, std::string_view of_what) {
  return store_error("L021", fmt::format("the image's file system is full: no {} for {}", of_what, shown(path)),
                     {"give the base a larger device, or put less into it"});
}

Error change_does_not_fit(std::string_view path, std::string_view reason) {
  return store_error("L022", fmt::format("cannot change {}: {}", shown(path), reason), {});
}

Error not_representable(std::string_view path, std::string_view reason) {
  return store_error("L023", fmt::format("ext4 cannot hold {}: {}", shown(path), reason), {});
}

}  // namespace blueprint::layers::ext4
