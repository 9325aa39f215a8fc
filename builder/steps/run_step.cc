#include "builder/steps/run_step.h"

#include <fmt/format.h>

#include "builder/steps/root_files.h"

namespace blueprint::steps {

RunStep::RunStep(recipe::RunStep run, std::map<std::string, std::string> env, SecretReader secret)
    : run_(std::move(run)), secret_(std::move(secret)) {
  run_.env.merge(env);  // what the step says itself stays
}

void RunStep::add_key_fields(plan::KeyRecord& record) const {
  record.add("script", run_.script.value);
  record.add("network", run_.host_network ? "host" : "none");
  record.add("user", run_.user.value);
  record.add("workdir", run_.workdir);
  for (const auto& [name, value] : run_.env) record.add(fmt::format("env {}", name), value);
  for (const auto& secret : run_.secrets) record.add(fmt::format("secret {}", secret.value), "mounted");
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
  run_command(root, context, options, run_.script.value);
}

}  // namespace blueprint::steps
