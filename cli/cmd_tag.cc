#include <memory>

#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/image_argument.h"

namespace blueprint::cli {

Command cmd_tag() {
  struct Flags {
    std::string image;
    std::string name;
  };
  auto flags = std::make_shared<Flags>();
  return {.name = "tag",
          .summary = "Give an image another name.",
          .examples = {"blueprint tag hello acme/hello:v2", "blueprint tag 3f9a1c08d2be stable"},
          .options = {image_option(flags->image),
                      {.flags = "name",
                       .value = "NAME",
                       .help = "the new tag; moved when it exists",
                       .target = &flags->name,
                       .completes = Completes::Image,
                       .required = true}},
          .run = [flags](Context& context) {
            const Digest digest = context.store().resolve(flags->image);
            context.store().tag(flags->name, digest);
            fmt::print("{} {}\n", flags->name, digest.to_string());
            return 0;
          }};
}

}  // namespace blueprint::cli
