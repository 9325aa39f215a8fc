#pragma once

#include <optional>
#include <vector>

#include "builder/plan/key_record.h"
#include "builder/steps/file_source.h"
#include "builder/steps/step.h"

namespace blueprint::steps {

/// What files came out of a download or an archive is remembered in the store, so that a layer of them is re-applied to
/// a changed parent without reading it again, or having it. `key` says out of what and how.
void remember_files(const plan::KeyRecord& key, const std::vector<SourceFile>& files, layers::Store& store);

/// The files that were remembered, in the order in which they were, with their data in the layers that may be cited.
/// Nothing when they are not known, or when not all of their data is in such a layer.
[[nodiscard]] std::optional<std::vector<SourceFile>> find_known_files(const plan::KeyRecord& key,
                                                                      const StepContext& context);

}  // namespace blueprint::steps
