#include "builder/image_assembly.h"

#include <cstring>

#include <fmt/format.h>

#include "base/error.h"
#include "base/json.h"
#include "builder/packages/install.h"
#include "builder/parent_image.h"
#include "builder/parent_keyrings.h"
#include "builder/plan/key_record.h"

namespace blueprint::builder {
namespace {

constexpr std::string_view kKernelPrefix = "boot/vmlinuz-";

layers::ImageConfig inherited(const AssemblyInputs& inputs) {
  layers::ImageConfig config;
  if (inputs.parent != nullptr) {
    config = inputs.parent->config;
  } else if (inputs.recipe.distribution) {
    set_distribution(config, *inputs.recipe.distribution);
    keep_keyrings(config, *inputs.recipe.distribution);
  }
  const recipe::Recipe& recipe = inputs.recipe;
  config.name = recipe.name.value;
  config.description = recipe.description;
  for (const auto& [name, value] : recipe.env) config.env[name] = value;
  for (const auto& [name, value] : recipe.labels) config.labels[name] = value;
  if (recipe.user) config.user = *recipe.user;
  if (recipe.workdir) config.workdir = *recipe.workdir;
  if (recipe.launch.cpu) config.launch_cpu = *recipe.launch.cpu;
  if (recipe.launch.memory_bytes) config.launch_memory_bytes = *recipe.launch.memory_bytes;
  if (recipe.launch.gpu) config.launch_gpu = *recipe.launch.gpu;
  if (recipe.launch.disk_bytes) config.launch_disk_bytes = *recipe.launch.disk_bytes;
  if (!recipe.launch.ports.empty()) config.launch_ports = recipe.launch.ports;
  if (!recipe.launch.commands.empty()) config.launch_commands = recipe.launch.commands;
  config.epoch = inputs.epoch;
  config.content_digest = inputs.layers.back().content_digest;
  return config;
}

plan::KeyRecord key_of(const AssemblyInputs& inputs, const layers::ImageConfig& config) {
  plan::KeyRecord record(config.name, "image");
  record.add("kind", "image 1");
  for (const auto& layer : inputs.layers) record.add(fmt::format("layer {}", layer.name), layer.digest.to_string());
  const auto add_all = [&](const char* what, const std::map<std::string, std::string>& values) {
    for (const auto& [name, value] : values) record.add(fmt::format("{} {}", what, name), value);
  };
  add_all("env", config.env);
  add_all("label", config.labels);
  record.add("description", config.description);
  record.add("name", config.name);
  record.add("user", config.user);
  record.add("workdir", config.workdir);
  record.add("launch", fmt::format("cpu {} memory {} disk {}", config.launch_cpu, config.launch_memory_bytes,
                                   config.launch_disk_bytes));
  if (config.launch_gpu > 0) record.add("gpu", std::to_string(config.launch_gpu));
  for (const auto port : config.launch_ports) record.add("port", std::to_string(port));
  for (const auto& command : config.launch_commands) record.add("command", command);
  record.add("epoch", std::to_string(config.epoch));
  return record;
}

/// Compares version strings with numbers as numbers, so that 6.1.0-9 comes before 6.1.0-10.
bool version_less(const std::string& a, const std::string& b) { return ::strverscmp(a.c_str(), b.c_str()) < 0; }

void add_kernel(layers::ImageConfig& config, const AssemblyInputs& inputs, const layers::FileTree& tree,
                layers::Store& store) {
  config.kernel.reset();
  config.kernel_version.clear();
  const auto kernel = find_kernel(tree);
  if (!kernel) return;
  const std::string bytes = layers::read_file(store, inputs.layers, *tree.find(kernel->path));
  // Linux x86 boot protocol: "HdrS" at 0x202.
  if (bytes.size() < 0x206 || std::memcmp(bytes.data() + 0x202, "HdrS", 4) != 0) return;
  config.kernel = store.add_blob(bytes);
  config.kernel_version = kernel->version;
}

}  // namespace

std::optional<Kernel> find_kernel(const layers::FileTree& tree) {
  std::optional<Kernel> best;
  for (const auto* entry : tree.list("boot")) {
    if (!entry->path.starts_with(kKernelPrefix) || entry->type != layers::FileType::Regular) continue;
    Kernel kernel{entry->path, entry->path.substr(kKernelPrefix.size())};
    const bool has_modules = tree.resolve("lib/modules/" + kernel.version) != nullptr;
    if (has_modules && (!best || version_less(best->version, kernel.version))) best = std::move(kernel);
  }
  return best;
}

plan::KeyRecord image_key(const AssemblyInputs& inputs) { return key_of(inputs, inherited(inputs)); }

std::optional<layers::ImageRecord> find_image(const AssemblyInputs& inputs, const layers::Store& store) {
  const auto known = store.find_key(image_key(inputs).digest());
  return known ? std::optional(store.load_image(known->layer.digest)) : std::nullopt;
}

layers::ImageRecord assemble_image(const AssemblyInputs& inputs, layers::Store& store) {
  layers::ImageConfig config = inherited(inputs);
  const plan::KeyRecord key = key_of(inputs, config);
  if (const auto known = store.find_key(key.digest())) return store.load_image(known->layer.digest);
  const auto tree = layers::load_tree(store, inputs.layers);
  if (const auto* status = tree.resolve("var/lib/dpkg/status")) {
    config.packages = packages::installed_packages(layers::read_file(store, inputs.layers, *status));
  }
  config.device_bytes = store.layer_index(inputs.layers.back().digest)->device_bytes;
  add_kernel(config, inputs, tree, store);
  const Digest manifest = store.put_image(config, inputs.layers);
  store.put_key(key.digest(), {.layer = {.digest = manifest, .name = "image"}, .record = key.to_json(), .facts = "{}"});
  return store.load_image(manifest);
}

}  // namespace blueprint::builder
