#include "builder/steps/run_step.h"

#include <fmt/format.h>

#include "builder/steps/cache_mounts.h"
#include "builder/steps/root_files.h"

namespace blueprint::steps {

RunStep::RunStep(recipe::RunStep run, std::map<std::string, std::string> env, SecretReader secret,
                 std::vector<std::unique_ptr<FileSource>> binds)
    : run_(std::move(run)), secret_(std::move(secret)), binds_(std::move(binds)) {
  run_.env.merge(env);  // what the step says itself stays
}

void RunStep::add_key_fields(plan::KeyRecord& record) const {
  record.add("script", run_.script.value);
  record.add("network", run_.host_network ? "host" : "none");
  record.add("user", run_.user.value);
  record.add("workdir", run_.workdir);
  for (const auto& [name, value] : run_.env) record.add(fmt::format("env {}", name), value);
  for (const auto& secret : run_.secrets) record.add(fmt::format("secret {}", secret.value), "mounted");
  // Not what is in a cache: it must not matter.
  for (const auto& cache : run_.caches) record.add(fmt::format("cache {}", cache.path.value), cache.id);
  for (std::size_t i = 0; i < binds_.size(); ++i) binds_[i]->add_key_fields(record, run_.binds[i].to.value + " ← ");
}

void RunStep::work(rootfs::BuildRoot& root, const StepContext& context) const {
  const Accounts accounts = load_accounts(context);
  const auto user = accounts.resolve_user(run_.user);
  rootfs::RunOptions options{.argv = {"/bin/sh", "-e", "-c", run_.script.value},
                             .environment = {},
                             .workdir = run_.workdir.empty() ? "/" : run_.workdir,
                             .uid = user.uid,
                             .gid = user.gid,
                             .groups = accounts.groups_of(user),
                             .host_network = run_.host_network};
  options.environment.push_back(fmt::format("HOME={}", user.home));
  options.environment.push_back(fmt::format("USER={}", user.name));
  for (const auto& [name, value] : run_.env) options.environment.push_back(fmt::format("{}={}", name, value));
  for (const auto& name : run_.secrets) options.secret_files.emplace_back(name.value, secret_(name));
  const CacheMounts caches(context, run_.caches, user.uid);
  options.mounts = caches.mounts();
  const TempDir seen(context.store.tmp(), "bind-");
  for (std::size_t i = 0; i < binds_.size(); ++i) {
    const auto place = seen.path() / std::to_string(i);
    write_files(*binds_[i], context.store, place, context.epoch);
    options.mounts.push_back({.source = place, .target = run_.binds[i].to.value});
  }
  run_command(root, context, options, run_.script.value);
}

}  // namespace blueprint::steps
