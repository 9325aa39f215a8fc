#include <memory>

#include <fmt/format.h>

#include "base/error.h"
#include "builder/bill_of_materials.h"
#include "builder/provenance.h"
#include "cli/commands.h"
#include "cli/image_argument.h"
#include "layers/attachment.h"

namespace blueprint::cli {
namespace {

int print_attachment(Context& context, const std::string& reference, std::string_view type, std::string_view what) {
  const auto image = load_image(context, reference);
  const auto found = layers::find_attachment(context.store(), image.digest, type);
  if (!found) {
    throw Error({.kind = ErrorKind::Store,
                 .code = "S061",
                 .message = fmt::format("the image '{}' has no {} in this store", reference, what),
                 .hints = {"it is made when an image is built: build its recipe here"}});
  }
  fmt::print("{}", layers::read_attachment(context.store(), *found));
  return 0;
}

Command document_command(Command command, std::string_view type, std::string_view what) {
  auto image = std::make_shared<std::string>();
  command.options = {image_option(*image)};
  command.run = [image, type, what](Context& context) { return print_attachment(context, *image, type, what); };
  return command;
}

}  // namespace

Command cmd_sbom() {
  return document_command(
      {.name = "sbom",
       .summary = "Print the bill of materials of an image: SPDX 2.3 as JSON.",
       .description =
           "Every installed package with its source, maintainer, package URL and SHA-256, and what was fetched and "
           "copied. It is made by\n"
           "the build and kept beside the image; the image's digest does not depend on it.",
       .examples = {"blueprint sbom hello > hello.spdx.json",
                    "blueprint sbom hello | jq -r '.packages[].externalRefs[]?.referenceLocator'"}},
      builder::kBillType, "bill of materials");
}

Command cmd_provenance() {
  return document_command(
      {.name = "provenance",
       .summary = "Print how an image was built: an in-toto statement with SLSA provenance.",
       .description =
           "Names the recipe, the lock and every input by digest. The same build gives the same statement; it is not "
           "signed.",
       .examples = {"blueprint provenance hello > hello.intoto.json",
                    "blueprint provenance hello | jq .predicate.buildDefinition.externalParameters"}},
      builder::kProvenanceType, "provenance");
}

}  // namespace blueprint::cli
