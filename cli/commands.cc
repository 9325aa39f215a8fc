#include "cli/commands.h"

namespace blueprint::cli {

std::vector<Command> all_commands() {
  return {cmd_build(), cmd_ls(),   cmd_inspect(), cmd_history(), cmd_cat(),  
          cmd_lint(),  cmd_lock(),    cmd_schema(), cmd_tag(),     cmd_rm(),     cmd_gc(),   cmd_df(),     cmd_completion(), cmd_complete()};
}

}  // namespace blueprint::cli
