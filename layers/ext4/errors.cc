#include "layers/ext4/errors.h"

#include <utility>
#include <vector>

#include <fmt/format.h>

#include "layers/errors.h"

namespace blueprint::layers::ext4 {
namespace {

Error store_error(std::string_view code, std::string message, std::vector<std::string> hints) {
  return Error(
      {.kind = ErrorKind::Store, .code = std::string(code), .message = std::move(message), .hints = std::move(hints)});
}

}  // namespace

Error bad_filesystem(std::string_view reason) {
  return store_error("L020", fmt::format("the file system of the parent layer cannot be continued: {}", reason),
                     {"run 'blueprint verify' on the parent image, and rebuild it if it is damaged"});
}

Error device_full(std::string_view path, std::string_view of_what) {
  return store_error("L021", fmt::format("the image's file system is full: no {} for {}", of_what, shown_path(path)),
                     {"give the base a larger device, or put less into it"});
}

Error change_does_not_fit(std::string_view path, std::string_view reason) {
  return store_error("L022", fmt::format("cannot change {}: {}", shown_path(path), reason), {});
}

Error not_representable(std::string_view path, std::string_view reason) {
  return store_error("L023", fmt::format("ext4 cannot hold {}: {}", shown_path(path), reason), {});
}

}  // namespace blueprint::layers::ext4
