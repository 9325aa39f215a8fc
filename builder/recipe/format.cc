// The canonical form: a recipe as YAML with every default written out, keys in the order of the language's table,
// params and fragments resolved. Parsing it gives the same recipe again; a property test holds it to that.

#include <filesystem>

#include <fmt/format.h>

#include "builder/recipe/compose.h"
#include "builder/recipe/language.h"
#include "builder/recipe/params.h"
#include "builder/recipe/yaml_writer.h"

namespace blueprint::recipe {
namespace {

YamlValue text(std::string_view value) { return YamlValue::text(escape_params(value)); }
YamlValue number(std::uint64_t value) { return YamlValue::raw(std::to_string(value)); }
YamlValue boolean(bool value) { return YamlValue::raw(value ? "true" : "false"); }
YamlValue mode(std::uint32_t value) { return YamlValue::raw(fmt::format("\"{:04o}\"", value)); }

/// In the largest unit that divides it.
YamlValue size(std::uint64_t bytes) {
  static constexpr std::string_view kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  std::size_t unit = 0;
  while (unit + 1 < std::size(kUnits) && bytes != 0 && bytes % 1024 == 0) {
    bytes /= 1024;
    ++unit;
  }
  return YamlValue::raw(fmt::format("{}{}", bytes, kUnits[unit]));
}

YamlValue texts(const std::vector<std::string>& values) {
  YamlValue list = YamlValue::list();
  for (const std::string& value : values) list.add(text(value));
  return list;
}

YamlValue texts(const std::vector<Text>& values) {
  YamlValue list = YamlValue::list();
  for (const Text& value : values) list.add(text(value.value));
  return list;
}

YamlValue dictionary(const std::map<std::string, std::string>& values) {
  YamlValue map = YamlValue::map();
  for (const auto& [name, value] : values) map.add(name, text(value));
  return map;
}

/// `path`, which starts at `from`, as a path that starts at `to`.
std::string rebase(const std::string& path, const std::string& from, const std::string& to) {
  if (from == to) return path;
  const auto directory = [](const std::string& name) {
    return std::filesystem::path(name.empty() ? "." : name).lexically_normal();
  };
  const std::filesystem::path way = directory(from).lexically_proximate(directory(to));
  return way.is_absolute() ? path : (way / path).lexically_normal().generic_string();
}

void add_owner(YamlValue& map, const Text& owner, const Text* group) {
  map.add("owner", text(owner.value.empty() ? "root" : owner.value));
  if (group != nullptr && !group->value.empty()) map.add("group", text(group->value));
}

/// Adds the keys of one layer to its map. One overload for each kind.
class LayerFormat {
 public:
  LayerFormat(YamlValue& map, const Layer& layer, const Recipe& recipe) : map_(map), layer_(layer), recipe_(recipe) {}

  void operator()(const PackagesStep& step) {
    map_.add("packages", texts(step.words));
    map_.add("recommends", boolean(step.recommends));
  }

  void operator()(const FilesStep& step) {
    YamlValue files = YamlValue::list();
    for (const InlineFile& file : step.files) {
      YamlValue entry = YamlValue::map();
      entry.add("path", text(file.path.value));
      entry.add("content", text(file.content));
      entry.add("mode", mode(file.mode));
      add_owner(entry, file.owner, &file.group);
      files.add(std::move(entry));
    }
    map_.add("files", std::move(files));
  }

  void operator()(const CopyStep& step) {
    YamlValue copy = source_of(step);
    const bool keeps_owners = step.unpack || !step.image.value.empty();
    if (!keeps_owners || !step.owner.value.empty()) add_owner(copy, step.owner, &step.group);
    if (step.mode) copy.add("mode", mode(*step.mode));
    if (!step.mode_change.empty()) copy.add("mode", text(step.mode_change));
    copy.add("include", texts(step.include));
    copy.add("exclude", texts(step.exclude));
    if (step.image.value.empty()) copy.add("unpack", boolean(step.unpack));
    map_.add("copy", std::move(copy));
  }

  void operator()(const FetchStep& step) {
    YamlValue fetch = YamlValue::map();
    fetch.add("url", text(step.url.value));
    fetch.add("sha256", text(step.sha256.value));
    fetch.add("to", text(step.to.value));
    fetch.add("unpack", boolean(step.unpack));
    fetch.add("strip", number(step.strip));
    if (step.mode) fetch.add("mode", mode(*step.mode));
    add_owner(fetch, step.owner, nullptr);
    map_.add("fetch", std::move(fetch));
  }

  void operator()(const UsersStep& step) {
    YamlValue users = YamlValue::list();
    for (const UserEntry& user : step.users) {
      YamlValue entry = YamlValue::map();
      entry.add("name", text(user.name.value));
      if (user.uid) entry.add("uid", number(*user.uid));
      if (user.gid) entry.add("gid", number(*user.gid));
      entry.add("groups", texts(user.groups));
      entry.add("shell", text(user.shell));
      if (!user.home.empty()) entry.add("home", text(user.home));
      entry.add("sudo", text(user.sudo_nopasswd ? "nopasswd" : "none"));
      entry.add("system", boolean(user.system));
      users.add(std::move(entry));
    }
    map_.add("users", std::move(users));
  }

  void operator()(const ServicesStep& step) {
    YamlValue services = YamlValue::map();
    services.add("enable", texts(step.enable));
    services.add("disable", texts(step.disable));
    services.add("mask", texts(step.mask));
    map_.add("services", std::move(services));
  }

  void operator()(const RunStep& step) {
    map_.add("run", text(step.script.value));
    map_.add("network", text(step.host_network ? "host" : "none"));
    map_.add("user", text(step.user.value.empty() ? "root" : step.user.value));
    map_.add("workdir", text(step.workdir));
    map_.add("env", dictionary(step.env));
    map_.add("secrets", texts(step.secrets));
    map_.add("ssh", texts(step.ssh));
    YamlValue tmpfs = YamlValue::list();
    for (const TmpfsMount& mount : step.tmpfs) {
      YamlValue entry = YamlValue::map();
      entry.add("path", text(mount.path.value));
      if (mount.size_bytes) entry.add("size", size(*mount.size_bytes));
      tmpfs.add(std::move(entry));
    }
    map_.add("tmpfs", std::move(tmpfs));
    YamlValue caches = YamlValue::list();
    for (const CacheMount& cache : step.caches) {
      YamlValue entry = YamlValue::map();
      entry.add("path", text(cache.path.value));
      entry.add("id", text(cache.id));
      caches.add(std::move(entry));
    }
    map_.add("caches", std::move(caches));
    YamlValue binds = YamlValue::list();
    for (const CopyStep& bind : step.binds) {
      YamlValue entry = source_of(bind);
      entry.add("exclude", texts(bind.exclude));
      binds.add(std::move(entry));
    }
    map_.add("binds", std::move(binds));
  }

 private:
  [[nodiscard]] YamlValue source_of(const CopyStep& step) const {
    YamlValue map = YamlValue::map();
    if (step.image.value.empty()) {
      map.add("from", text(rebase(step.from.value, layer_.directory, recipe_.directory)));
    } else {
      map.add("image", text(step.image.value));
      map.add("path", text(step.path.value));
    }
    map.add("to", text(step.to.value));
    return map;
  }

  YamlValue& map_;
  const Layer& layer_;
  const Recipe& recipe_;
};

YamlValue distribution(const Distribution& distribution) {
  YamlValue map = YamlValue::map();
  map.add("id", text(distribution.id));
  map.add("release", text(distribution.release));
  map.add("architecture", text(distribution.architecture == "amd64" ? "x86_64" : distribution.architecture));
  map.add("components", texts(distribution.components));
  map.add("pockets", texts(distribution.pockets));
  map.add("variant", text(distribution.variant));
  if (!distribution.snapshot.empty()) map.add("snapshot", text(distribution.snapshot));
  if (!distribution.keyring.value.empty()) map.add("keyring", text(distribution.keyring.value));
  YamlValue repositories = YamlValue::list();
  for (const Repository& repository : distribution.repositories) {
    YamlValue entry = YamlValue::map();
    entry.add("uri", text(repository.uri.value));
    entry.add("suites", texts(repository.suites));
    entry.add("components", texts(repository.components));
    entry.add("key", text(repository.key.value));
    repositories.add(std::move(entry));
  }
  map.add("repositories", std::move(repositories));
  return map;
}

YamlValue launch(const Launch& launch) {
  YamlValue map = YamlValue::map();
  if (launch.cpu) map.add("cpu", number(*launch.cpu));
  if (launch.memory_bytes) map.add("memory", size(*launch.memory_bytes));
  if (launch.disk_bytes) map.add("disk", size(*launch.disk_bytes));
  if (launch.gpu) map.add("gpu", number(*launch.gpu));
  YamlValue ports = YamlValue::list();
  for (const std::uint16_t port : launch.ports) ports.add(number(port));
  map.add("ports", std::move(ports));
  map.add("commands", texts(launch.commands));
  return map;
}

YamlValue tests(const std::vector<RecipeTest>& tests) {
  YamlValue list = YamlValue::list();
  for (const RecipeTest& test : tests) {
    YamlValue entry = YamlValue::map();
    entry.add("run", text(test.run.value));
    if (test.expect) entry.add("expect", text(*test.expect));
    entry.add("exit_code", number(static_cast<std::uint64_t>(test.exit_code)));
    list.add(std::move(entry));
  }
  return list;
}

YamlValue secrets(const std::vector<SecretSource>& secrets) {
  YamlValue map = YamlValue::map();
  for (const SecretSource& secret : secrets) {
    const std::string_view source = secret.kind == SecretSource::Kind::Env    ? "env"
                                    : secret.kind == SecretSource::Kind::File ? "file"
                                                                              : "command";
    YamlValue entry = YamlValue::map();
    entry.add(source, text(secret.value.value));
    map.add(secret.name, std::move(entry));
  }
  return map;
}

YamlValue policy(const Policy& policy) {
  YamlValue map = YamlValue::map();
  if (policy.max_size_bytes) map.add("max_size", size(*policy.max_size_bytes));
  map.add("forbid_setuid", texts(policy.forbid_setuid));
  YamlValue refresh = YamlValue::map();
  const auto add_age = [&](std::string_view name, const std::optional<std::chrono::hours>& age) {
    if (!age) return;
    const auto hours = age->count();
    refresh.add(name, text(hours % 24 == 0 ? fmt::format("{}d", hours / 24) : fmt::format("{}h", hours)));
  };
  add_age("security", policy.refresh_security);
  add_age("all", policy.refresh_all);
  map.add("refresh", std::move(refresh));
  return map;
}

YamlValue whole(const Recipe& recipe) {
  YamlValue root = YamlValue::map();
  root.set_origins(&recipe.origins);
  root.add("apiVersion", text(kApiVersion));
  root.add("kind", text("recipe"));
  root.add("name", text(recipe.name.value));
  root.add("description", text(recipe.description));
  if (!recipe.from.value.empty()) root.add("from", text(recipe.from.value));
  if (recipe.distribution) root.add("distribution", distribution(*recipe.distribution));
  YamlValue layers = YamlValue::list();
  for (const Layer& layer : recipe.layers) {
    YamlValue map = YamlValue::map();
    map.set_origins(&layer.origins);
    map.add("name", text(layer.name));
    std::visit(LayerFormat(map, layer, recipe), layer.step);
    layers.add(std::move(map));
  }
  root.add("layers", std::move(layers));
  root.add("env", dictionary(recipe.env));
  if (recipe.workdir) root.add("workdir", text(*recipe.workdir));
  if (recipe.user) root.add("user", text(*recipe.user));
  root.add("launch", launch(recipe.launch));
  root.add("tests", tests(recipe.tests));
  root.add("labels", dictionary(recipe.labels));
  root.add("secrets", secrets(recipe.secrets));
  root.add("policy", policy(recipe.policy));
  return root;
}

}  // namespace

std::string format_recipe(const Recipe& recipe) { return write_yaml(whole(recipe), OriginComments::No); }

std::string format_with_stages(const Recipe& recipe) {
  std::string text;
  for (const Recipe& stage : recipe.stages) text += format_recipe(stage) + "---\n";
  return text + format_recipe(recipe);
}

std::string format_recipe_with_origins(const Recipe& recipe) { return write_yaml(whole(recipe), OriginComments::Yes); }

}  // namespace blueprint::recipe
