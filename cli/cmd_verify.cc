#include <memory>

#include <fmt/format.h>

#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/image_argument.h"
#include "layers/verify.h"

namespace blueprint::cli {
namespace {

struct Flags {
  std::string image;
  bool all = false;
  bool quick = false;
  bool json = false;
};

int run(Context& context, const Flags& flags) {
  if (flags.image.empty() == !flags.all) {
    throw Error({.kind = ErrorKind::Usage,
                 .code = "U011",
                 .message = "name an image, or say --all",
                 .hints = {"blueprint verify hello", "blueprint verify --all"}});
  }
  const auto level = flags.quick ? layers::VerifyLevel::Blobs : layers::VerifyLevel::FileSystem;
  const auto report =
      flags.all ? layers::verify_store(context.store(), level, context.pool(), context.events(), context.stop())
                : layers::verify_image(context.store(), context.store().resolve(flags.image), level, context.pool(),
                                       context.events(), context.stop());
  context.end_progress();
  if (flags.json) {
    Json problems = Json::array();
    for (const auto& problem : report.problems)
      problems.push_back({{"code", problem.code},
                          {"message", problem.message},
                          {"context", problem.context},
                          {"hints", problem.hints}});
    const Json json{{"ok", report.ok()},
                    {"images", report.images},
                    {"blobs", report.blobs},
                    {"bytes", report.bytes},
                    {"problems", problems}};
    fmt::print("{}\n", format_json(json));
    return report.ok() ? 0 : exit_code(ErrorKind::Store);
  }
  if (!report.ok()) throw Error(report.problems);
  fmt::print("verified {} image{}: {} blobs, {}: no faults\n", report.images, report.images == 1 ? "" : "s",
             report.blobs, format_size(report.bytes));
  return 0;
}

}  // namespace

Command cmd_verify() {
  auto flags = std::make_shared<Flags>();
  Option image = image_option(flags->image);
  image.required = false;
  return {.name = "verify",
          .summary = "Check that an image is what its digest says.",
          .description =
              "Hashes every blob and every frame, computes the content digest from the blocks as a guest would read "
              "them, and runs e2fsck.\n"
              "Exit code 4 when something is wrong.",
          .examples = {"blueprint verify hello", "blueprint verify --all",
                       "blueprint verify hello --quick    # hash the blobs only"},
          .options = {image,
                      {.flags = "--all", .help = "everything in the store", .target = &flags->all},
                      {.flags = "--quick", .help = "hash the blobs, and look no further", .target = &flags->quick},
                      {.flags = "--json", .help = "print JSON", .target = &flags->json}},
          .run = [flags](Context& context) { return run(context, *flags); }};
}

}  // namespace blueprint::cli
