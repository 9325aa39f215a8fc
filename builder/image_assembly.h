#pragma once

#include <optional>
#include <string>
#include <vector>

#include "builder/packages/lock.h"
#include "builder/plan/key_record.h"
#include "builder/recipe/recipe.h"
#include "layers/image.h"
#include "layers/store.h"

namespace blueprint::builder {

struct AssemblyInputs {
  const recipe::Recipe& recipe;
  const layers::ImageRecord* parent = nullptr;  ///< null for a bootstrap
  std::vector<layers::LayerRef> layers;         ///< all of the image, the parent's first
  std::int64_t epoch = 0;
};

/// Makes the image of finished layers: its config (what the recipe says over what the parent says, the installed
/// packages, the kernel copied out as a blob) and its manifest. Reads nothing of the layers when the same image was
/// made before.
[[nodiscard]] layers::ImageRecord assemble_image(const AssemblyInputs& inputs, layers::Store& store);

/// What the image is a function of: everything that goes into its config and manifest.
[[nodiscard]] plan::KeyRecord image_key(const AssemblyInputs& inputs);

/// The image, when the same one was made before.
[[nodiscard]] std::optional<layers::ImageRecord> find_image(const AssemblyInputs& inputs, const layers::Store& store);

/// The newest kernel of a file tree: usr/boot names are compared as Debian versions are. Nothing when there is none.
struct Kernel {
  std::string path;
  std::string version;  ///< as in usr/lib/modules/VERSION
};
[[nodiscard]] std::optional<Kernel> find_kernel(const layers::FileTree& tree);

}  // namespace blueprint::builder
