#include "builder/steps/root_files.h"

namespace blueprint::steps {

std::optional<std::string> read_parent_file(const StepContext& context, std::string_view path) {
  const auto* entry = context.tree.resolve(path);
  if (entry == nullptr || entry->type != layers::FileType::Regular) return std::nullopt;
  return layers::read_file(context.store, context.parent, *entry);
}

Accounts load_accounts(const StepContext& context) {
  return Accounts(read_parent_file(context, "etc/passwd").value_or(""),
                  read_parent_file(context, "etc/group").value_or(""));
}

}  // namespace blueprint::steps
