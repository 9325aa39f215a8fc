#include "builder/steps/files_step.h"

#include <fmt/format.h>

#include "builder/steps/placement.h"
#include "builder/steps/root_files.h"

namespace blueprint::steps {

void FilesStep::add_key_fields(plan::KeyRecord& record) const {
  for (const auto& file : files_.files) {
    record.add(fmt::format("file {}", file.path.value),
               fmt::format("mode {:04o} owner {}:{} {}", file.mode, file.owner.value, file.group.value,
                           sha256(file.content).to_string()));
  }
}

StepOutput FilesStep::apply(const StepContext& context) const {
  const Accounts accounts = load_accounts(context);
  Placement placement(context.tree, context.epoch);
  for (const auto& file : files_.files) {
    const std::string place = placement.make_place(file.path.value, file.path.where);
    const auto owner = accounts.resolve(file.owner, file.group);
    placement.put_file(place, placement.metadata(file.mode, owner),
                       {.size = file.content.size(), .digest = {}, .source = layers::MemoryFile{file.content}},
                       file.path.where);
  }
  StepOutput output;
  output.changes = placement.take();
  return output;
}

}  // namespace blueprint::steps
