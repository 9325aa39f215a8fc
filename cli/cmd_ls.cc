#include <algorithm>
#include <memory>
#include <optional>
#include <set>

#include <fmt/format.h>

#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/image_argument.h"
#include "cli/table.h"

namespace blueprint::cli {
namespace {

struct Flags {
  std::string image;
  std::string path;
  bool all = false;
  bool json = false;
};

struct Listed {
  std::string tag;
  Digest digest;
  std::optional<layers::ImageRecord> image;  ///< nothing when it cannot be read: the others are shown all the same
};

Listed look_at(Context& context, const std::string& tag, const Digest& digest) {
  try {
    return {tag, digest, context.store().load_image(digest)};
  } catch (const Error& failure) {
    context.events().note(fmt::format("{}: {}", tag.empty() ? digest.short_hex() : tag, failure.what()));
    return {tag, digest, std::nullopt};
  }
}

std::vector<Listed> list_images(Context& context, const Flags& flags) {
  std::vector<Listed> listed;
  std::set<Digest> tagged;
  for (const auto& [tag, digest] : context.store().tags()) {
    listed.push_back(look_at(context, tag, digest));
    tagged.insert(digest);
  }
  if (!flags.all) return listed;
  for (const auto& digest : context.store().images()) {
    if (!tagged.contains(digest)) listed.push_back(look_at(context, "", digest));
  }
  return listed;
}

void print_json(const layers::Store& store, const std::vector<Listed>& listed) {
  Json json = Json::array();
  for (const auto& [tag, digest, image] : listed) {
    Json entry{{"tag", tag}, {"digest", digest.to_string()}, {"damaged", !image}};
    if (image) {
      entry["size_bytes"] = image_size_bytes(store, *image);
      entry["layers"] = image->layers.size();
      entry["packages"] = image->config.packages.size();
      entry["description"] = image->config.description;
    }
    json.push_back(std::move(entry));
  }
  fmt::print("{}\n", format_json(json));
}

void print_table(const layers::Store& store, const std::vector<Listed>& listed) {
  std::vector<std::vector<std::string>> rows{{"IMAGE", "DIGEST", "SIZE", "LAYERS", "PACKAGES", "DESCRIPTION"}};
  for (const auto& [tag, digest, image] : listed) {
    std::vector<std::string> row{tag.empty() ? "-" : tag, digest.short_hex(), "damaged"};
    if (image) {
      row = {row[0],
             row[1],
             format_size(image_size_bytes(store, *image)),
             std::to_string(image->layers.size()),
             std::to_string(image->config.packages.size()),
             printable(image->config.description)};
    }
    row.resize(rows.front().size());
    rows.push_back(std::move(row));
  }
  fmt::print("{}", format_table(rows));
}

int list_store(Context& context, const Flags& flags) {
  const auto listed = list_images(context, flags);
  flags.json ? print_json(context.store(), listed) : print_table(context.store(), listed);
  if (listed.empty() && !flags.json) context.events().note("no images yet; try: blueprint build examples/hello");
  const bool damaged = std::any_of(listed.begin(), listed.end(), [](const Listed& each) { return !each.image; });
  return damaged ? exit_code(ErrorKind::Store) : 0;
}

char type_letter(layers::FileType type) {
  switch (type) {
    case layers::FileType::Regular: return '-';
    case layers::FileType::Directory: return 'd';
    case layers::FileType::Symlink: return 'l';
    case layers::FileType::CharDevice: return 'c';
    case layers::FileType::BlockDevice: return 'b';
    case layers::FileType::Fifo: return 'p';
    case layers::FileType::Socket: return 's';
  }
  return '?';
}

/// As ls -l writes it: "rwsr-xr-x".
std::string permissions(std::uint32_t mode) {
  static constexpr char kLetters[] = "rwxrwxrwx";
  std::string text = kLetters;
  for (std::size_t i = 0; i < 9; ++i) {
    if ((mode & (0400U >> i)) == 0) text[i] = '-';
  }
  const auto special = [&](std::uint32_t bit, std::size_t place, char letter) {
    if ((mode & bit) != 0) text[place] = text[place] == 'x' ? letter : static_cast<char>(letter - 'a' + 'A');
  };
  special(04000, 2, 's');
  special(02000, 5, 's');
  special(01000, 8, 't');
  return text;
}

int list_files(Context& context, const Flags& flags) {
  const auto image = load_image(context, flags.image);
  const auto tree = layers::load_tree(context.store(), image.layers);
  const auto* entry = tree.resolve(flags.path);
  if (entry == nullptr) {
    throw Error({.kind = ErrorKind::Store,
                 .code = "S060",
                 .message = fmt::format("the image has no file '{}'", printable(flags.path))});
  }
  const auto entries = entry->type == layers::FileType::Directory ? tree.list(entry->path)
                                                                  : std::vector<const layers::FileTree::Entry*>{entry};
  if (flags.json) {
    Json json = Json::array();
    for (const auto* file : entries) {
      json.push_back({{"path", "/" + file->path},
                      {"type", std::string(1, type_letter(file->type))},
                      {"mode", fmt::format("{:04o}", file->metadata.mode)},
                      {"uid", file->metadata.uid},
                      {"gid", file->metadata.gid},
                      {"size_bytes", file->size},
                      {"target", file->target}});
    }
    fmt::print("{}\n", format_json(json));
    return 0;
  }
  std::vector<std::vector<std::string>> rows;
  for (const auto* file : entries) {
    const std::string name = file->path.substr(file->path.rfind('/') + 1);
    rows.push_back({type_letter(file->type) + permissions(file->metadata.mode), std::to_string(file->metadata.uid),
                    std::to_string(file->metadata.gid), std::to_string(file->size),
                    printable(file->target.empty() ? name : name + " -> " + file->target)});
  }
  fmt::print("{}", format_table(rows));
  return 0;
}

}  // namespace

Command cmd_ls() {
  auto flags = std::make_shared<Flags>();
  Option image = image_option(flags->image);
  image.required = false;
  return {
      .name = "ls",
      .summary = "List the images of the store, or the files of an image.",
      .description = "Reads the layers' own lists of files: nothing is booted or mounted.",
      .examples = {"blueprint ls", "blueprint ls hello /etc"},
      .options = {image,
                  {.flags = "path", .value = "PATH", .help = "directory or file in the image", .target = &flags->path},
                  {.flags = "--all,-a", .help = "untagged images too", .target = &flags->all},
                  {.flags = "--json", .help = "print JSON", .target = &flags->json}},
      .run = [flags](Context& context) {
        return flags->image.empty() ? list_store(context, *flags) : list_files(context, *flags);
      }};
}

}  // namespace blueprint::cli
