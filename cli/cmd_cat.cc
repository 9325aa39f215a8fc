#include <memory>

#include <fmt/format.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/image_argument.h"
#include "cli/terminal.h"

namespace blueprint::cli {

Command cmd_cat() {
  struct Flags {
    std::string image;
    std::string path;
  };
  auto flags = std::make_shared<Flags>();
  return {
      .name = "cat",
      .summary = "Print a file of an image.",
      .description = "Reads and verifies just the frames that hold it: nothing is booted or mounted.",
      .examples = {"blueprint cat hello /etc/os-release"},
      .options =
          {image_option(flags->image),
           {.flags = "path", .value = "PATH", .help = "file in the image", .target = &flags->path, .required = true}},
      .run = [flags](Context& context) {
        const auto image = load_image(context, flags->image);
        const auto tree = layers::load_tree(context.store(), image.layers);
        const auto* entry = tree.resolve(flags->path);
        if (entry == nullptr || entry->type != layers::FileType::Regular) {
          throw Error({.kind = ErrorKind::Store,
                       .code = "S060",
                       .message = fmt::format("the image has no {}file '{}'", entry == nullptr ? "" : "regular ",
                                              printable(flags->path)),
                       .hints = {fmt::format("list a directory with: blueprint ls {} /", flags->image)}});
        }
        write_answer(layers::read_file(context.store(), image.layers, *entry));
        return 0;
      }};
}

}  // namespace blueprint::cli
