#include <charconv>
#include <chrono>
#include <memory>

#include <fmt/format.h>

#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "cli/table.h"
#include "layers/gc.h"

namespace blueprint::cli {
namespace {

struct Flags {
  bool dry_run = false;
  bool json = false;
  std::optional<std::string> grace;
  std::optional<std::string> cache;
};

/// "90m", "24h", "7d", "0".
std::chrono::seconds duration_flag(const std::string& text, const char* flag) {
  long value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  if (failure == std::errc() && value >= 0 && value < 1'000'000) {
    if (unit == "s" || (unit.empty() && value == 0)) return std::chrono::seconds(value);
    if (unit == "m") return std::chrono::minutes(value);
    if (unit == "h") return std::chrono::hours(value);
    if (unit == "d") return std::chrono::hours(24 * value);
  }
  throw Error({.kind = ErrorKind::Usage,
               .code = "U009",
               .message = fmt::format("{} wants a time such as 90m, 24h or 7d, not '{}'", flag, printable(text))});
}

int run(Context& context, const Flags& flags) {
  layers::GcOptions options;
  if (flags.dry_run) options.mode = layers::GcOptions::Mode::DryRun;
  if (flags.grace) options.grace = duration_flag(*flags.grace, "--grace");
  if (flags.cache) options.key_age = options.deb_age = options.tree_age = duration_flag(*flags.cache, "--cache");
  const auto report = layers::collect_garbage(context.store(), options);
  Json json{{"freed_bytes", report.freed_bytes()}, {"dry_run", flags.dry_run}, {"kinds", Json::array()}};
  std::vector<std::vector<std::string>> rows{{"KIND", "ITEMS", "SIZE"}};
  for (const auto& kind : report.freed) {
    json["kinds"].push_back({{"kind", kind.kind}, {"items", kind.items}, {"bytes", kind.bytes}});
    rows.push_back({kind.kind, std::to_string(kind.items), format_size(kind.bytes)});
  }
  if (flags.json) {
    fmt::print("{}\n", format_json(json));
  } else {
    fmt::print("{}{} {}\n", format_table(rows), flags.dry_run ? "would free" : "freed",
               format_size(report.freed_bytes()));
  }
  return 0;
}

}  // namespace

Command cmd_gc() {
  auto flags = std::make_shared<Flags>();
  return {.name = "gc",
          .summary = "Remove from the store what nothing needs.",
          .description =
              "Keeps tagged images, images that a VM uses, layers that a recent build used, and everything younger "
              "than the grace period.\n"
              "Safe beside running builds.",
          .examples = {"blueprint gc --dry-run", "blueprint gc --grace 1h",
                       "blueprint gc --grace 0 --cache 0    # all that no tag needs"},
          .options = {{.flags = "--dry-run,-n", .help = "only say what would go", .target = &flags->dry_run},
                      {.flags = "--grace",
                       .value = "TIME",
                       .help = "keep what is younger (default 24h)",
                       .target = &flags->grace},
                      {.flags = "--cache",
                       .value = "TIME",
                       .help = "forget what builds and trees have not used for so long (default 30d)",
                       .target = &flags->cache},
                      {.flags = "--json", .help = "print JSON", .target = &flags->json}},
          .run = [flags](Context& context) { return run(context, *flags); }};
}

}  // namespace blueprint::cli
