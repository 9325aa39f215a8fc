#include <memory>

#include <fmt/format.h>

#include "base/json.h"
#include "base/text.h"
#include "builder/plan/key_record.h"
#include "cli/commands.h"
#include "cli/image_argument.h"
#include "cli/table.h"

namespace blueprint::cli {
namespace {

struct Flags {
  std::string image;
  bool json = false;
};

int run(Context& context, const Flags& flags) {
  const auto image = load_image(context, flags.image);
  Json json = Json::array();
  std::vector<std::vector<std::string>> rows{{"LAYER", "KIND", "SIZE", "CHANGES", "DIGEST"}};
  for (const auto& layer : image.layers) {
    const auto known = context.store().find_key(layer.key);
    // A pulled image has no key records: what is known is then what its blobs say.
    const plan::KeyRecord record = known ? plan::KeyRecord::from_json(known->record) : plan::KeyRecord();
    std::string kind(record.value("kind"));
    kind = kind.substr(0, kind.find(' '));
    const std::size_t changes = context.store().layer_index(layer.digest)->changes.size();
    rows.push_back({layer.name, kind.empty() ? "-" : kind, format_size(layer.size_bytes), std::to_string(changes),
                    layer.digest.short_hex()});
    Json inputs = Json::object();
    for (const auto& field : record.fields()) inputs[field.name] = field.value;
    json.push_back({{"name", layer.name},
                    {"kind", kind},
                    {"size_bytes", layer.size_bytes},
                    {"changes", changes},
                    {"digest", layer.digest.to_string()},
                    {"inputs", inputs}});
  }
  if (flags.json) {
    fmt::print("{}\n", json.dump(2, ' ', false, Json::error_handler_t::replace));
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
      .examples = {"blueprint history hello", "blueprint history hello --json    # with every input of every layer"},
      .options = {image_option(flags->image), {.flags = "--json", .help = "print JSON", .target = &flags->json}},
      .run = [flags](Context& context) { return run(context, *flags); }};
}

}  // namespace blueprint::cli
