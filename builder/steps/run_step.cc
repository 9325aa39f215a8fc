#include "builder/steps/run_step.h"

#include <algorithm>

#include <fmt/format.h>

#include "builder/steps/cache_mounts.h"
#include "builder/steps/root_files.h"
#include "builder/steps/ssh_forward.h"

namespace blueprint::steps {
namespace {

const std::string kAgentDirectory = "/run/ssh-agent/";

}  // namespace

RunStep::RunStep(recipe::RunStep run, std::map<std::string, std::string> env, HostAccess host,
                 std::vector<std::unique_ptr<FileSource>> binds)
    : run_(std::move(run)), host_(std::move(host)), binds_(std::move(binds)) {
  run_.env.merge(env);  // what the step says itself stays
}

void RunStep::add_key_fields(plan::KeyRecord& record) const {
  record.add("script", run_.script.value);
  record.add("network", run_.host_network ? "host" : "none");
  record.add("user", run_.user.value);
  record.add("workdir", run_.workdir);
  for (const auto& [name, value] : run_.env) record.add(fmt::format("env {}", name), value);
  for (const auto& secret : run_.secrets) record.add(fmt::format("secret {}", secret.value), "mounted");
  for (const auto& agent : run_.ssh) record.add(fmt::format("ssh agent {}", agent.value), "forwarded");
  for (const auto& mount : run_.tmpfs)
    record.add(fmt::format("tmpfs {}", mount.path.value), std::to_string(mount.size_bytes.value_or(0)));
  // Not what is in a cache: it must not matter.
  for (const auto& cache : run_.caches) record.add(fmt::format("cache {}", cache.path.value), cache.id);
  for (std::size_t i = 0; i < binds_.size(); ++i) binds_[i]->add_key_fields(record, run_.binds[i].to.value + " ← ");
}

void RunStep::work(rootfs::BuildRoot& root, const StepContext& context) const {
  const Accounts accounts = load_accounts(context);
  const auto [user, groups] = accounts.resolve_identity(run_.user);
  rootfs::RunOptions options{.argv = {"/bin/sh", "-e", "-c", run_.script.value},
                             .environment = {},
                             .workdir = run_.workdir.empty() ? "/" : run_.workdir,
                             .uid = user.uid,
                             .gid = user.gid,
                             .groups = groups,
                             .host_network = run_.host_network};
  options.environment.push_back(fmt::format("HOME={}", user.home));
  options.environment.push_back(fmt::format("USER={}", user.name));
  for (const auto& [name, value] : run_.env) options.environment.push_back(fmt::format("{}={}", name, value));
  for (const auto& name : run_.secrets) options.secret_files.emplace_back(name.value, host_.secret(name));
  const TempDir sockets(context.store.tmp(), "ssh-");
  std::vector<std::unique_ptr<SshForward>> agents;
  for (const auto& name : run_.ssh) {
    agents.push_back(std::make_unique<SshForward>(sockets.path() / name.value, host_.ssh_agent_socket(name), user.uid));
    const std::string place = kAgentDirectory + name.value;
    options.read_only_mounts.emplace_back(agents.back()->socket(), place);
    // The first is the one that ssh asks.
    if (agents.size() == 1) options.environment.push_back("SSH_AUTH_SOCK=" + place);
  }
  const CacheMounts caches(context, run_.caches, user.uid);
  options.mounts = caches.mounts();
  for (const auto& mount : run_.tmpfs)
    options.mounts.push_back({.source = {}, .target = mount.path.value, .size_bytes = mount.size_bytes});
  const TempDir seen(context.store.tmp(), "bind-");
  for (std::size_t i = 0; i < binds_.size(); ++i) {
    const auto place = seen.path() / std::to_string(i);
    write_files(*binds_[i], context.store, place, context.epoch);
    options.mounts.push_back({.source = place, .target = run_.binds[i].to.value});
  }
  // What is mounted below another must come behind it.
  std::stable_sort(options.mounts.begin(), options.mounts.end(),
                   [](const auto& a, const auto& b) { return a.target < b.target; });
  run_command(root, context, options, run_.script.value);
}

}  // namespace blueprint::steps
