#include "builder/policy.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "builder/steps/glob.h"

namespace blueprint::builder {

void check_policy(const recipe::Recipe& recipe, const layers::ImageRecord& image, const layers::Store& store) {
  const recipe::Policy& policy = recipe.policy;
  if (!policy.max_size_bytes && policy.forbid_setuid.empty()) return;
  std::vector<Diagnostic> breaches;
  const auto tree = layers::load_tree(store, image.layers);
  std::uint64_t total = 0;
  for (const auto& entry : tree.entries()) {
    if (entry.type != layers::FileType::Regular) continue;
    // Each name of a file counts its share, so that hard links are counted once.
    total += entry.size / entry.links;
    if ((entry.metadata.mode & 06000U) == 0) continue;
    for (const auto& pattern : policy.forbid_setuid) {
      std::string_view glob = pattern.value;
      if (!steps::glob_match(glob, entry.path)) continue;
      Diagnostic diagnostic{.kind = ErrorKind::Step,
                            .code = "T011",
                            .message = fmt::format("the policy forbids that /{} is {}", printable(entry.path),
                                                   (entry.metadata.mode & 04000U) != 0 ? "setuid" : "setgid"),
                            .hints = {"take the bit away in a 'run' layer (chmod), or the file out of the policy"}};
      if (pattern.where.line > 0) diagnostic.where = pattern.where;
      breaches.push_back(std::move(diagnostic));
      break;
    }
  }
  if (policy.max_size_bytes && total > *policy.max_size_bytes) {
    breaches.push_back({.kind = ErrorKind::Step,
                        .code = "T010",
                        .message = fmt::format("the files of the image take {}, more than the policy's max_size of {}",
                                               format_size(total), format_size(*policy.max_size_bytes)),
                        .hints = {"'blueprint history' shows the size of each layer"}});
  }
  if (!breaches.empty()) throw Error(std::move(breaches));
}

}  // namespace blueprint::builder
