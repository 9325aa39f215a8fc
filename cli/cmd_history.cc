#include <memory>

#include <fmt/format.h>

#include "base/json.h"
#include "base/text.h"
#include "builder/plan/key_record.h"
#include "cli/commands.h"
#include "cli/image_argument.h"
#include "cli/table.h"
#include "layers/image_diff.h"

namespace blueprint::cli {
namespace {

struct Flags {
  std::string image;
  bool json = false;
};

int run(Context& context, const Flags& flags) {
  const auto image = load_image(context, flags.image);
  Json json = Json::array();
  std::vector<std::vector<std::string>> rows{{"LAYER", "KIND", "SIZE", "PUT", "TOUCHED", "REMOVED", "DIGEST"}};
  for (const auto& history : layers::image_history(context.store(), image)) {
    const auto& layer = history.layer;
    const auto known = context.store().find_key(layer.key);
    // A pulled image has no key records: what is known is then what its blobs say.
    const plan::KeyRecord record = known ? plan::KeyRecord::from_json(known->record) : plan::KeyRecord();
    std::string kind(record.value("kind"));
    kind = kind.substr(0, kind.find(' '));
    rows.push_back({layer.name, kind.empty() ? "-" : kind, format_size(layer.size_bytes), std::to_string(history.put),
                    std::to_string(history.metadata), std::to_string(history.removed), layer.digest.short_hex()});
    Json inputs = Json::object();
    for (const auto& field : record.fields()) inputs[field.name] = field.value;
    json.push_back({{"name", layer.name},
                    {"kind", kind},
                    {"size_bytes", layer.size_bytes},
                    {"changes", history.put + history.metadata + history.removed},
                    {"put", history.put},
                    {"metadata", history.metadata},
                    {"removed", history.removed},
                    {"data_bytes", history.data_bytes},
                    {"stored_bytes", history.stored_bytes},
                    {"cited_bytes", history.cited_bytes},
                    {"digest", layer.digest.to_string()},
                    {"inputs", inputs}});
  }
  if (flags.json) {
    fmt::print("{}\n", format_json(json));
  } else {
    fmt::print("{}", format_table(rows));
  }
  return 0;
}

}  // namespace

Command cmd_history() {
  auto flags = std::make_shared<Flags>();
  return {
      .name = "history",
      .summary = "Show how an image came about, layer by layer.",
      .description =
          "PUT counts names that are new or have other data, TOUCHED those of which only mode, owner, times or "
          "attributes changed.",
      .examples = {"blueprint history hello", "blueprint history hello --json    # with every input of every layer"},
      .options = {image_option(flags->image), {.flags = "--json", .help = "print JSON", .target = &flags->json}},
      .run = [flags](Context& context) { return run(context, *flags); }};
}

}  // namespace blueprint::cli
