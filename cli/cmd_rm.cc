#include <memory>

#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/image_argument.h"

namespace blueprint::cli {

Command cmd_rm() {
  auto images = std::make_shared<std::vector<std::string>>();
  return {
      .name = "rm",
      .summary = "Forget a tag, or an image by its digest.",
      .description =
          "Removing a tag leaves other tags of the same image alone. 'blueprint gc' frees what nothing names any more.",
      .examples = {"blueprint rm hello", "blueprint rm sha256:3f9a…"},
      .options = {{.flags = "images",
                   .value = "IMAGE...",
                   .help = "tags or digests",
                   .target = images.get(),
                   .completes = Completes::Image,
                   .required = true}},
      .run = [images](Context& context) {
        for (const auto& image : *images) {
          const auto tags = context.store().tags();
          const bool is_tag = tags.contains(image) || tags.contains(image + ":latest");
          if (is_tag) {
            context.store().untag(image);
          } else {
            context.store().remove_image(context.store().resolve(image));
          }
          fmt::print("{}\n", image);
        }
        return 0;
      }};
}

}  // namespace blueprint::cli
