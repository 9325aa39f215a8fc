#include <memory>

#include <fmt/format.h>

#include "base/json.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/image_argument.h"
#include "layers/image_diff.h"

namespace blueprint::cli {
namespace {

struct Flags {
  std::string before;
  std::string after;
  bool json = false;
  bool files = false;
};

std::string change_mark(bool before, bool after) { return before && after ? "~" : after ? "+" : "-"; }

Json to_json(const layers::ImageDiff& diff) {
  Json json{{"packages", Json::array()},
            {"privileges", Json::array()},
            {"files", Json::array()},
            {"settings", Json::array()},
            {"layers", Json::array()}};
  for (const auto& package : diff.packages)
    json["packages"].push_back({{"name", package.name},
                                {"architecture", package.architecture},
                                {"before", package.before},
                                {"after", package.after}});
  for (const auto& privilege : diff.privileges)
    json["privileges"].push_back(
        {{"path", "/" + privilege.path}, {"before", privilege.before}, {"after", privilege.after}});
  for (const auto& file : diff.files) {
    const auto side = [](const std::optional<layers::ImageDiff::File::Side>& value) -> Json {
      if (!value) return nullptr;
      return {{"mode", fmt::format("{:04o}", value->metadata.mode)},
              {"uid", value->metadata.uid},
              {"gid", value->metadata.gid},
              {"size_bytes", value->size},
              {"target", value->target}};
    };
    json["files"].push_back({{"path", "/" + file.path},
                             {"before", side(file.before)},
                             {"after", side(file.after)},
                             {"data_differs", file.data_differs},
                             {"layer", file.layer}});
  }
  for (const auto& setting : diff.settings)
    json["settings"].push_back({{"name", setting.name}, {"before", setting.before}, {"after", setting.after}});
  for (const auto& layer : diff.layers) {
    json["layers"].push_back({{"name", layer.name},
                              {"before", layer.before ? Json(layer.before->digest.to_string()) : Json()},
                              {"after", layer.after ? Json(layer.after->digest.to_string()) : Json()}});
  }
  json["file_bytes"] = {{"before", diff.file_bytes_before}, {"after", diff.file_bytes_after}};
  json["blob_bytes"] = {{"before", diff.blob_bytes_before}, {"after", diff.blob_bytes_after}};
  return json;
}

void print_text(const layers::ImageDiff& diff, bool all_files) {
  fmt::print("files   {} → {}\nstored  {} → {}\n", format_size(diff.file_bytes_before),
             format_size(diff.file_bytes_after), format_size(diff.blob_bytes_before),
             format_size(diff.blob_bytes_after));
  if (!diff.packages.empty()) fmt::print("\npackages:\n");
  for (const auto& package : diff.packages) {
    const std::string versions = package.before.empty()  ? package.after
                                 : package.after.empty() ? package.before
                                                         : package.before + " → " + package.after;
    fmt::print("  {} {} {}\n", change_mark(!package.before.empty(), !package.after.empty()), package.name, versions);
  }
  if (!diff.privileges.empty()) fmt::print("\nprivileges:\n");
  for (const auto& privilege : diff.privileges) {
    fmt::print("  /{}: {} → {}\n", printable(privilege.path), privilege.before.empty() ? "none" : privilege.before,
               privilege.after.empty() ? "none" : privilege.after);
  }
  if (!diff.settings.empty()) fmt::print("\nsettings:\n");
  for (const auto& setting : diff.settings)
    fmt::print("  {}: {} → {}\n", setting.name, printable(setting.before), printable(setting.after));
  if (!diff.layers.empty()) fmt::print("\nlayers:\n");
  for (const auto& layer : diff.layers) {
    fmt::print("  {} {} {}\n", change_mark(layer.before.has_value(), layer.after.has_value()), layer.name,
               layer.after ? layer.after->digest.short_hex() : layer.before->digest.short_hex());
  }
  if (diff.files.empty()) return;
  constexpr std::size_t kMostShown = 40;
  fmt::print("\nfiles ({}):\n", diff.files.size());
  std::size_t shown = 0;
  for (const auto& file : diff.files) {
    if (!all_files && shown++ == kMostShown) {
      fmt::print("  and {} more: --files shows them all\n", diff.files.size() - kMostShown);
      return;
    }
    std::string what;
    if (file.before && file.after) {
      if (file.data_differs) what += "  content";
      if (file.before->metadata.mode != file.after->metadata.mode)
        what += fmt::format("  mode {:04o} → {:04o}", file.before->metadata.mode, file.after->metadata.mode);
      if (file.before->metadata.uid != file.after->metadata.uid ||
          file.before->metadata.gid != file.after->metadata.gid) {
        what += fmt::format("  owner {}:{} → {}:{}", file.before->metadata.uid, file.before->metadata.gid,
                            file.after->metadata.uid, file.after->metadata.gid);
      }
    }
    fmt::print("  {} /{}{}\n", change_mark(file.before.has_value(), file.after.has_value()), printable(file.path),
               what);
  }
}

}  // namespace

Command cmd_diff() {
  auto flags = std::make_shared<Flags>();
  Option before = image_option(flags->before);
  before.flags = "before";
  Option after = image_option(flags->after);
  after.flags = "after";
  return {.name = "diff",
          .summary = "Show how two images differ.",
          .description =
              "Packages, setuid files and capabilities, settings, layers, files, size. Reads the layers' lists of "
              "files: nothing is booted or mounted.",
          .examples = {"blueprint diff hello:v1 hello", "blueprint diff hello:v1 hello --json | jq .packages"},
          .options = {before,
                      after,
                      {.flags = "--files", .help = "every file, however many", .target = &flags->files},
                      {.flags = "--json", .help = "print JSON", .target = &flags->json}},
          .run = [flags](Context& context) {
            const auto diff = layers::diff_images(context.store(), load_image(context, flags->before),
                                                  load_image(context, flags->after));
            if (flags->json) {
              fmt::print("{}\n", format_json(to_json(diff)));
            } else {
              print_text(diff, flags->files);
            }
            return 0;
          }};
}

}  // namespace blueprint::cli
