#include <memory>

#include <fmt/format.h>
#include <unistd.h>

#include "base/error.h"
#include "cli/commands.h"
#include "cli/image_argument.h"
#include "layers/export.h"

namespace blueprint::cli {
namespace {

struct Flags {
  std::string image;
  std::string format = "raw";
  std::string output;
};

int run(Context& context, const Flags& flags) {
  const bool to_stdout = flags.output == "-";
  if (to_stdout && ::isatty(STDOUT_FILENO) == 1) {
    throw Error({.kind = ErrorKind::Usage,
                 .code = "U012",
                 .message = "an image is not for a terminal",
                 .hints = {"name a file: -o FILE", "or send it through a pipe"}});
  }
  const auto image = load_image(context, flags.image);
  const auto lease = lease_image(context, image.digest, fmt::format("blueprint export {}", flags.image));
  layers::ExportRequest request{.format = *layers::parse_export_format(flags.format)};
  if (to_stdout) {
    request.fd = STDOUT_FILENO;
  } else {
    request.output = flags.output;
  }
  if (!flags.image.starts_with("sha256:"))
    request.reference_name = flags.image.find(':') == std::string::npos ? flags.image + ":latest" : flags.image;
  layers::export_image(context.store(), image, request, context.pool(), context.events(), context.stop());
  context.end_progress();
  if (!to_stdout) fmt::print("{}\n", flags.output);
  return 0;
}

}  // namespace

Command cmd_export() {
  auto flags = std::make_shared<Flags>();
  return {.name = "export",
          .summary = "Write an image in a format of others.",
          .description =
              "raw: the ext4 device, sparse. qcow2: the same for QEMU. tar: the files, as GNU tar reads them. oci: a "
              "container image in an OCI\n"
              "archive, for skopeo, podman or docker.",
          .examples = {"blueprint export hello --format qcow2 -o hello.qcow2",
                       "blueprint export hello --format tar -o - | tar tv",
                       "blueprint export hello --format oci -o hello.tar && skopeo copy oci-archive:hello.tar "
                       "docker-daemon:hello:latest"},
          .options = {image_option(flags->image),
                      {.flags = "--format,-f",
                       .value = "FORMAT",
                       .help = "raw, qcow2, tar or oci (default raw)",
                       .target = &flags->format,
                       .choices = {"raw", "qcow2", "tar", "oci"}},
                      {.flags = "--output,-o",
                       .value = "FILE",
                       .help = "file to write, or - for stdout",
                       .target = &flags->output,
                       .completes = Completes::File,
                       .required = true}},
          .run = [flags](Context& context) { return run(context, *flags); }};
}

}  // namespace blueprint::cli
