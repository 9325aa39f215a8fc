#include "builder/packages/lock.h"

#include <algorithm>
#include <cctype>

#include <fmt/format.h>

namespace blueprint::packages {
namespace {

/// Whether YAML readers of any age take `text` for a plain string: letters first, nothing that ends or alters a scalar,
/// none of the words that YAML 1.1 takes for booleans or null.
bool is_plain(std::string_view text) {
  static constexpr std::string_view kWords[] = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"};
  if (text.empty() || std::isalpha(static_cast<unsigned char>(text.front())) == 0) return false;
  if (std::find(std::begin(kWords), std::end(kWords), text) != std::end(kWords)) return false;
  return std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || std::string_view("+-._/~").find(static_cast<char>(c)) != std::string_view::npos;
  });
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

std::string scalar(std::string_view text) { return is_plain(text) ? std::string(text) : quoted(text); }

std::string format_repository(const LockedRepository& repository) {
  std::string components;
  for (const auto& component : repository.components)
    components += (components.empty() ? "" : ", ") + scalar(component);
  std::string line = fmt::format("  - {{name: {}, suite: {}, components: [{}], inrelease: {}, key: {}, date: {}",
                                 scalar(repository.name), scalar(repository.suite), components,
                                 quoted(repository.inrelease.hex()), quoted(repository.key), repository.date);
  if (!repository.snapshot.empty()) line += fmt::format(", snapshot: {}", quoted(repository.snapshot));
  return line + "}\n";
}

/// What changes with a new version stands at the end, so that names line up and a diff is easy to read.
std::string format_package(const LockedPackage& package) {
  std::string line = fmt::format("    - {{name: {}, version: {}, arch: {}, why: {}", scalar(package.name),
                                 quoted(package.version), scalar(package.architecture), scalar(package.why));
  if (package.automatic) line += ", auto: true";
  if (package.essential) line += ", essential: true";
  return line + fmt::format(", repo: {}, size: {}, sha256: {}, file: {}}}\n", package.repository, package.size_bytes,
                            quoted(package.sha256.hex()), quoted(package.filename));
}

}  // namespace

std::string format_lock(const Lock& lock) {
  std::string text =
      "# Written by 'blueprint lock': exactly what a build uses. Keep it beside the recipe in version control.\n"
      "# To change it, run 'blueprint lock --update'.\n";
  text += fmt::format("format: 1\nepoch: {}\nrecipe: {}\n", lock.epoch, quoted(lock.recipe.to_string()));
  if (!lock.from.empty()) text += fmt::format("from: {}\n", quoted(lock.from));
  if (!lock.images.empty()) text += "images:\n";
  for (const auto& [name, digest] : lock.images)
    text += fmt::format("  - {{name: {}, digest: {}}}\n", quoted(name), quoted(digest));
  if (!lock.repositories.empty()) text += "repositories:\n";
  for (const auto& repository : lock.repositories) text += format_repository(repository);
  if (!lock.packages.empty()) text += "packages:\n";
  for (const auto& [layer, packages] : lock.packages) {
    text += fmt::format("  {}:{}\n", scalar(layer), packages.empty() ? " []" : "");
    for (const auto& package : packages) text += format_package(package);
  }
  return text;
}

}  // namespace blueprint::packages
