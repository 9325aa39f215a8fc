// From a tree to values, one function for each map of the language, in the order of its table. A binder asks its Reader
// for keys and fills in defaults; it judges nothing, because the checker has done so. What it must do beyond reading:
//  - say one thing in one way, so that two ways of writing the same layer make the same key: owner "root" is no owner,
//    "user:group" is an owner and a group, x86_64 is amd64, a service account has no home of its own accord;
//  - name the layers that have no name.

#include "builder/recipe/bind.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include <fmt/format.h>

#include "builder/recipe/language.h"
#include "builder/recipe/reader.h"

namespace blueprint::recipe {
namespace {

/// `owner:` may say USER:GROUP. Root is said as nothing, so that saying it makes no other key.
void bind_owner(const Reader& reader, Text& owner, Text* group) {
  owner = reader.located("owner");
  if (group != nullptr) *group = reader.located("group");
  const std::size_t colon = owner.value.find(':');
  if (colon != std::string::npos) {
    if (group != nullptr && group->value.empty()) *group = {owner.value.substr(colon + 1), owner.where};
    if (group != nullptr) owner.value.resize(colon);
  }
  if (owner.value == "root") owner.value.clear();
  if (group != nullptr && owner.value.empty() && group->value == "root") group->value.clear();
}

PackagesStep bind_packages(const Reader& layer) {
  return {.words = layer.located_list("packages"), .recommends = layer.boolean("recommends")};
}

FilesStep bind_files(const Reader& layer) {
  FilesStep step;
  for (const Reader& reader : layer.readers("files")) {
    InlineFile file{
        .path = reader.located("path"), .content = reader.text("content"), .mode = reader.mode("mode").value_or(0644)};
    bind_owner(reader, file.owner, &file.group);
    step.files.push_back(std::move(file));
  }
  return step;
}

/// What copies and binds have in common.
CopyStep bind_source(const Reader& reader) {
  CopyStep step{.from = reader.located("from"),
                .image = reader.located("image"),
                .path = reader.located("path"),
                .to = reader.located("to"),
                .exclude = reader.texts("exclude")};
  if (!step.image.value.empty() && step.path.value.empty()) step.path = {"/", step.image.where};
  return step;
}

CopyStep bind_copy(const Reader& layer) {
  const auto reader = layer.reader("copy");
  if (!reader) return {};
  CopyStep step = bind_source(*reader);
  step.mode = reader->mode("mode");
  if (!step.mode) step.mode_change = reader->text("mode");
  step.include = reader->texts("include");
  step.unpack = reader->boolean("unpack");
  bind_owner(*reader, step.owner, &step.group);
  // Files of an image or an archive keep their owners, so that root is no default there.
  const bool keeps_owners = step.unpack || !step.image.value.empty();
  if (keeps_owners && reader->text("owner") == "root") step.owner = {"0", step.owner.where};
  return step;
}

FetchStep bind_fetch(const Reader& layer) {
  const auto reader = layer.reader("fetch");
  if (!reader) return {};
  FetchStep step{.url = reader->located("url"),
                 .sha256 = reader->located("sha256"),
                 .to = reader->located("to"),
                 .unpack = reader->boolean("unpack"),
                 .strip = static_cast<std::uint32_t>(reader->integer("strip").value_or(0)),
                 .mode = reader->mode("mode")};
  bind_owner(*reader, step.owner, nullptr);
  return step;
}

RunStep bind_run(const Reader& layer) {
  RunStep step{.script = layer.located("run"),
               .host_network = layer.text("network") == "host",
               .user = layer.located("user"),
               .workdir = layer.text("workdir", "/"),
               .env = layer.dictionary("env"),
               .secrets = layer.located_list("secrets"),
               .ssh = layer.located_list("ssh")};
  if (step.user.value == "root") step.user.value.clear();
  for (const Reader& reader : layer.readers("tmpfs"))
    step.tmpfs.push_back({.path = reader.located("path"), .size_bytes = reader.size_bytes("size")});
  for (const Reader& reader : layer.readers("caches")) {
    CacheMount cache{.path = reader.located("path"), .id = reader.text("id")};
    if (cache.id.empty()) cache.id = cache.path.value;
    step.caches.push_back(std::move(cache));
  }
  for (const Reader& reader : layer.readers("binds")) step.binds.push_back(bind_source(reader));
  return step;
}

UsersStep bind_users(const Reader& layer) {
  UsersStep step;
  for (const Reader& reader : layer.readers("users")) {
    UserEntry user{.name = reader.located("name"),
                   .groups = reader.texts("groups"),
                   .shell = reader.text("shell", "/bin/bash"),
                   .sudo_nopasswd = reader.text("sudo") == "nopasswd",
                   .system = reader.boolean("system")};
    user.home = reader.text("home", user.system ? "" : "/home/" + user.name.value);
    if (const auto uid = reader.integer("uid")) user.uid = static_cast<std::uint32_t>(*uid);
    if (const auto gid = reader.integer("gid")) user.gid = static_cast<std::uint32_t>(*gid);
    step.users.push_back(std::move(user));
  }
  return step;
}

ServicesStep bind_services(const Reader& layer) {
  const auto reader = layer.reader("services");
  if (!reader) return {};
  return {.enable = reader->located_list("enable"),
          .disable = reader->located_list("disable"),
          .mask = reader->located_list("mask")};
}

Use bind_use(const Reader& layer, const Source& source) {
  Use use{.name = layer.text("name"), .fragment = layer.located("use"), .where = layer.where()};
  const Node* with = layer.node().find("with");
  if (with == nullptr) return use;
  for (const Member& member : with->members) {
    use.with.push_back({member.key.text, member.value, source.span(member.value.place)});
  }
  return use;
}

void bind_step(const Reader& reader, std::string_view kind, Layer& layer) {
  if (kind == "packages") layer.step = bind_packages(reader);
  if (kind == "files") layer.step = bind_files(reader);
  if (kind == "copy") layer.step = bind_copy(reader);
  if (kind == "fetch") layer.step = bind_fetch(reader);
  if (kind == "run") layer.step = bind_run(reader);
  if (kind == "users") layer.step = bind_users(reader);
  if (kind == "services") layer.step = bind_services(reader);
}

/// Unnamed layers are called by their kind and a number that counts the layers of that kind, so that one more layer of
/// another kind renames none. A name that somebody gave is passed over.
std::string made_name(std::string_view kind, std::map<std::string_view, int>& counts,
                      const std::vector<std::string>& given) {
  std::string name;
  do {
    name = fmt::format("{}-{}", kind, ++counts[kind]);
  } while (std::find(given.begin(), given.end(), name) != given.end());
  return name;
}

std::vector<std::variant<Layer, Use>> bind_layers(const Node& root, const Source& source) {
  std::vector<std::variant<Layer, Use>> body;
  const Node* layers = root.find("layers");
  if (layers == nullptr) return body;
  std::vector<std::string> given;
  for (const Node& item : layers->items) {
    const Node* name = item.find("name");
    if (name != nullptr) given.push_back(name->text);
  }
  std::map<std::string_view, int> counts;
  for (const Node& item : layers->items) {
    const auto kinds = layer_kinds();
    const auto kind =
        std::find_if(kinds.begin(), kinds.end(), [&](std::string_view word) { return item.find(word) != nullptr; });
    if (kind == kinds.end()) continue;
    Layer layer{.where = source.span(item.place),
                .directory = std::filesystem::path(source.file()).parent_path().string()};
    const Reader reader(item, source, layer.origins);
    if (*kind == "use") {
      body.emplace_back(bind_use(reader, source));
      continue;
    }
    const std::string name = reader.text("name");
    layer.name = name.empty() ? made_name(*kind, counts, given) : name;
    bind_step(reader, *kind, layer);
    body.emplace_back(std::move(layer));
  }
  return body;
}

Repository bind_repository(const Reader& reader) {
  return {.uri = reader.located("uri"),
          .suites = reader.texts("suites"),
          .components = reader.texts("components"),
          .key = reader.located("key"),
          .where = reader.where()};
}

Distribution bind_distribution(const Reader& reader) {
  Distribution distribution{.id = reader.text("id"),
                            .release = reader.text("release"),
                            .architecture = reader.text("architecture", "amd64"),
                            .components = reader.texts("components"),
                            .pockets = reader.texts("pockets"),
                            .variant = reader.text("variant", "minimal"),
                            .snapshot = reader.text("snapshot"),
                            .keyring = reader.located("keyring"),
                            .where = reader.where()};
  if (distribution.architecture == "x86_64") distribution.architecture = "amd64";  // as Debian calls it
  if (!reader.has("components")) {
    distribution.components =
        distribution.id == "ubuntu" ? std::vector<std::string>{"main", "universe"} : std::vector<std::string>{"main"};
  }
  if (!reader.has("pockets")) distribution.pockets = {"release", "updates", "security"};
  for (const Reader& repository : reader.readers("repositories"))
    distribution.repositories.push_back(bind_repository(repository));
  return distribution;
}

Launch bind_launch(const Reader& reader) {
  Launch launch{.memory_bytes = reader.size_bytes("memory"),
                .disk_bytes = reader.size_bytes("disk"),
                .commands = reader.texts("commands")};
  if (const auto cpu = reader.integer("cpu")) launch.cpu = static_cast<std::uint32_t>(*cpu);
  if (const auto gpu = reader.integer("gpu")) launch.gpu = static_cast<std::uint32_t>(*gpu);
  for (const std::int64_t port : reader.integers("ports")) launch.ports.push_back(static_cast<std::uint16_t>(port));
  return launch;
}

RecipeTest bind_test(const Reader& reader) {
  return {.run = reader.located("run"),
          .expect = reader.optional_text("expect"),
          .exit_code = static_cast<int>(reader.integer("exit_code").value_or(0)),
          .where = reader.where()};
}

std::optional<std::chrono::hours> parse_age(const std::map<std::string, std::string>& ages, const std::string& name) {
  const auto found = ages.find(name);
  if (found == ages.end() || found->second.empty()) return std::nullopt;
  const std::string& text = found->second;
  int number = 0;
  for (const char c : text.substr(0, text.size() - 1)) {
    if (c < '0' || c > '9' || number > 99999) return std::nullopt;
    number = number * 10 + (c - '0');
  }
  return std::chrono::hours(number * (text.back() == 'w' ? 7 * 24 : text.back() == 'd' ? 24 : 1));
}

Policy bind_policy(const Reader& reader) {
  const auto refresh = reader.dictionary("refresh");
  return {.max_size_bytes = reader.size_bytes("max_size"),
          .forbid_setuid = reader.located_list("forbid_setuid"),
          .refresh_security = parse_age(refresh, "security"),
          .refresh_all = parse_age(refresh, "all")};
}

std::vector<SecretSource> bind_secrets(const Reader& root) {
  std::vector<SecretSource> secrets;
  const auto reader = root.reader("secrets");
  if (!reader) return secrets;
  for (const Member& member : reader->node().members) {
    const auto source = reader->reader(member.key.text);
    if (!source) continue;
    SecretSource secret{.name = member.key.text};
    if (source->has("env")) secret = {secret.name, SecretSource::Kind::Env, source->located("env")};
    if (source->has("file")) secret = {secret.name, SecretSource::Kind::File, source->located("file")};
    if (source->has("command")) secret = {secret.name, SecretSource::Kind::Command, source->located("command")};
    secrets.push_back(std::move(secret));
  }
  std::sort(secrets.begin(), secrets.end(),
            [](const SecretSource& a, const SecretSource& b) { return a.name < b.name; });
  return secrets;
}

}  // namespace

Document bind(const Node& root, const Source& source) {
  Document document;
  Recipe& recipe = document.recipe;
  const Reader reader(root, source, recipe.origins);
  static_cast<void>(reader.text("apiVersion"));  // for its origin
  static_cast<void>(reader.text("kind"));
  recipe.file = source.file();
  recipe.directory = std::filesystem::path(source.file()).parent_path().string();
  recipe.name = reader.located("name");
  recipe.description = reader.text("description");
  recipe.from = reader.located("from");
  if (const auto distribution = reader.reader("distribution")) recipe.distribution = bind_distribution(*distribution);
  document.body = bind_layers(root, source);
  recipe.env = reader.dictionary("env");
  recipe.workdir = reader.optional_text("workdir");
  recipe.user = reader.optional_text("user");
  if (const auto launch = reader.reader("launch")) recipe.launch = bind_launch(*launch);
  for (const Reader& test : reader.readers("tests")) recipe.tests.push_back(bind_test(test));
  recipe.labels = reader.dictionary("labels");
  recipe.secrets = bind_secrets(reader);
  if (const auto policy = reader.reader("policy")) recipe.policy = bind_policy(*policy);
  return document;
}

}  // namespace blueprint::recipe
