#include "builder/steps/services_step.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"

namespace blueprint::steps {
namespace {

constexpr const char* kUnitDirectories[] = {"etc/systemd/system", "usr/local/lib/systemd/system",
                                            "usr/lib/systemd/system"};

/// "ssh" → "ssh.service"; "serial-getty@ttyS0.service" → "serial-getty@.service", the file that has to exist.
std::string unit_file(std::string_view unit) {
  std::string name(unit);
  if (name.find('.') == std::string::npos) name += ".service";
  const std::size_t at = name.find('@');
  if (at != std::string::npos) name.erase(at + 1, name.rfind('.') - at - 1);
  return name;
}

void require_unit(const layers::FileTree& tree, const recipe::Text& unit) {
  const std::string file = unit_file(unit.value);
  std::vector<std::string> known;
  for (const char* directory : kUnitDirectories) {
    if (tree.find(fmt::format("{}/{}", directory, file)) != nullptr) return;
    for (const auto* entry : tree.list(directory)) known.push_back(entry->path.substr(entry->path.rfind('/') + 1));
  }
  Diagnostic diagnostic{.kind = ErrorKind::Recipe,
                        .code = "R130",
                        .message = fmt::format("the image has no unit '{}' at this layer", printable(file))};
  if (unit.where.line > 0) diagnostic.where = unit.where;
  if (const auto near = near_names(file, known); !near.empty()) diagnostic.hints.push_back(did_you_mean(near));
  diagnostic.hints.emplace_back("install its package, or add the unit with 'files', in an earlier layer");
  throw Error(std::move(diagnostic));
}

}  // namespace

void ServicesStep::add_key_fields(plan::KeyRecord& record) const {
  const auto add = [&](const char* verb, const std::vector<recipe::Text>& units) {
    for (const auto& unit : units) record.add(fmt::format("{} {}", verb, unit.value), "yes");
  };
  add("enable", services_.enable);
  add("disable", services_.disable);
  add("mask", services_.mask);
}

void ServicesStep::work(rootfs::BuildRoot& root, const StepContext& context) const {
  if (context.tree.resolve("usr/bin/systemctl") == nullptr) {
    throw Error({.kind = ErrorKind::Recipe,
                 .code = "R131",
                 .message = "the image has no 'systemctl' to set services with",
                 .hints = {"install the package 'systemd' in an earlier layer"}});
  }
  const auto run = [&](const char* verb, const std::vector<recipe::Text>& units) {
    if (units.empty()) return;
    std::vector<std::string> argv{"systemctl", "--no-reload", verb};
    for (const auto& unit : units) argv.push_back(unit.value);
    const std::string what = join(argv, " ");
    run_command(root, context, {.argv = std::move(argv)}, what);
  };
  for (const auto& unit : services_.enable) require_unit(context.tree, unit);
  for (const auto& unit : services_.disable) require_unit(context.tree, unit);
  run("enable", services_.enable);
  run("disable", services_.disable);
  run("mask", services_.mask);
}

}  // namespace blueprint::steps
