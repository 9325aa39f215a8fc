#include <chrono>
#include <memory>

#include <fmt/format.h>

#include "base/json.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "cli/table.h"
#include "layers/gc.h"

namespace blueprint::cli {
namespace {

/// "3 h ago"; nothing is "-".
std::string age(std::chrono::system_clock::time_point then) {
  if (then == std::chrono::system_clock::time_point{}) return "-";
  const auto seconds =
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now() - then).count();
  if (seconds < 120) return "now";
  if (seconds < 2 * 3600) return fmt::format("{} min ago", seconds / 60);
  if (seconds < 2 * 86400) return fmt::format("{} h ago", seconds / 3600);
  return fmt::format("{} days ago", seconds / 86400);
}

}  // namespace

Command cmd_df() {
  auto as_json = std::make_shared<bool>(false);
  return {.name = "df",
          .summary = "Show what the store holds, how large and how old.",
          .examples = {"blueprint df"},
          .options = {{.flags = "--json", .help = "print JSON", .target = as_json.get()}},
          .run = [as_json](Context& context) {
            Json json = Json::array();
            std::vector<std::vector<std::string>> rows{{"KIND", "ITEMS", "SIZE", "LAST USED", "OLDEST"}};
            std::uint64_t total = 0;
            for (const auto& usage : layers::store_usage(context.store())) {
              total += usage.bytes;
              json.push_back({{"kind", usage.kind}, {"items", usage.items}, {"bytes", usage.bytes}});
              rows.push_back({usage.kind, std::to_string(usage.items), format_size(usage.bytes), age(usage.newest),
                              age(usage.oldest)});
            }
            if (*as_json) {
              fmt::print("{}\n", format_json(json));
            } else {
              fmt::print("{}{} in {}\n", format_table(rows), format_size(total), context.store().root().string());
            }
            return 0;
          }};
}

}  // namespace blueprint::cli
