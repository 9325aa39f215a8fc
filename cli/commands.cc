#include "cli/commands.h"

namespace blueprint::cli {

std::vector<Command> all_commands() {
  std::vector<Command> commands;
  for (const auto make : {cmd_build,  cmd_plan,       cmd_run,  cmd_ls,         cmd_inspect, cmd_history, cmd_diff,
                          cmd_sbom,   cmd_provenance, cmd_cat,  cmd_verify,     cmd_export,  cmd_recipes, cmd_init,
                          cmd_config, cmd_graph,      cmd_lint, cmd_lock,       cmd_schema,  cmd_shell,   cmd_tag,
                          cmd_rm,     cmd_gc,         cmd_df,   cmd_completion, cmd_complete}) {
    commands.push_back(make());
  }
  return commands;
}

}  // namespace blueprint::cli
