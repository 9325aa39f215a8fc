#pragma once

#include "cli/command.h"

namespace blueprint::cli {

// One maker for each subcommand, in the file cmd_NAME.cc.
Command cmd_build();
Command cmd_cat();
Command cmd_complete();
Command cmd_completion();
Command cmd_config();
Command cmd_diff();
Command cmd_df();
Command cmd_export();
Command cmd_gc();
Command cmd_graph();
Command cmd_history();
Command cmd_init();
Command cmd_inspect();
Command cmd_lint();
Command cmd_lock();
Command cmd_ls();
Command cmd_plan();
Command cmd_provenance();
Command cmd_recipes();
Command cmd_rm();
Command cmd_run();
Command cmd_sbom();
Command cmd_schema();
Command cmd_shell();
Command cmd_tag();
Command cmd_verify();

}  // namespace blueprint::cli
