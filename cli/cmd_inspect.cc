#include <memory>

#include <fmt/format.h>

#include "base/json.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/image_argument.h"
#include "cli/table.h"

namespace blueprint::cli {
namespace {

struct Flags {
  std::string image;
  bool json = false;
};

Json to_json(const layers::Store& store, const layers::ImageRecord& image) {
  const auto& config = image.config;
  const auto refs = [](const std::vector<layers::LayerRef>& layers) {
    Json list = Json::array();
    for (const auto& layer : layers) {
      list.push_back({{"name", layer.name},
                      {"digest", layer.digest.to_string()},
                      {"size_bytes", layer.size_bytes},
                      {"content_digest", layer.content_digest.to_string()}});
    }
    return list;
  };
  Json packages = Json::array();
  for (const auto& package : config.packages) {
    packages.push_back({{"name", package.name}, {"version", package.version}, {"architecture", package.architecture}});
  }
  Json json{{"digest", image.digest.to_string()},
            {"content_digest", config.content_digest.to_string()},
            {"size_bytes", image_size_bytes(store, image)},
            {"device_bytes", config.device_bytes},
            {"name", config.name},
            {"description", config.description},
            {"architecture", config.architecture},
            {"epoch", config.epoch},
            {"layers", refs(image.layers)},
            {"cited_blobs", refs(image.cited_blobs)},
            {"env", config.env},
            {"user", config.user},
            {"workdir", config.workdir},
            {"launch",
             {{"cpu", config.launch_cpu},
              {"memory_bytes", config.launch_memory_bytes},
              {"disk_bytes", config.launch_disk_bytes},
              {"ports", config.launch_ports},
              {"commands", config.launch_commands},
              {"gpu", config.launch_gpu}}},
            {"labels", config.labels},
            {"packages", packages}};
  if (config.kernel) json["kernel"] = {{"digest", config.kernel->to_string()}, {"version", config.kernel_version}};
  return json;
}

void print_text(const layers::Store& store, const layers::ImageRecord& image) {
  const auto& config = image.config;
  std::vector<std::vector<std::string>> facts{{"name", config.name},
                                              {"digest", image.digest.to_string()},
                                              {"content digest", config.content_digest.to_string()},
                                              {"size", format_size(image_size_bytes(store, image))},
                                              {"file system", format_size(config.device_bytes)},
                                              {"packages", std::to_string(config.packages.size())},
                                              {"kernel", config.kernel ? config.kernel_version : "none"}};
  if (!config.description.empty()) facts.insert(facts.begin() + 1, {"description", printable(config.description)});
  if (!config.user.empty()) facts.push_back({"user", config.user});
  if (!config.workdir.empty()) facts.push_back({"workdir", config.workdir});
  for (const auto& [name, value] : config.env) facts.push_back({"env", fmt::format("{}={}", name, printable(value))});
  fmt::print("{}\n", format_table(facts));
  std::vector<std::vector<std::string>> rows{{"LAYER", "DIGEST", "SIZE"}};
  for (const auto& layer : image.layers)
    rows.push_back({layer.name, layer.digest.short_hex(), format_size(layer.size_bytes)});
  fmt::print("{}", format_table(rows));
}

}  // namespace

Command cmd_inspect() {
  auto flags = std::make_shared<Flags>();
  return {.name = "inspect",
          .summary = "Show what an image is made of.",
          .examples = {"blueprint inspect hello", "blueprint inspect hello --json | jq -r .digest"},
          .options = {image_option(flags->image), {.flags = "--json", .help = "print JSON", .target = &flags->json}},
          .run = [flags](Context& context) {
            const auto image = load_image(context, flags->image);
            if (flags->json) {
              fmt::print("{}\n", format_json(to_json(context.store(), image)));
            } else {
              print_text(context.store(), image);
            }
            return 0;
          }};
}

}  // namespace blueprint::cli
