#pragma once

#include <filesystem>

#include "builder/recipe/recipe.h"
#include "builder/steps/step.h"

namespace blueprint::steps {

enum class Network { Use, Offline };

/// `fetch:` — a file from a URL, pinned by its SHA-256, as it is or unpacked. Runs nothing. What was downloaded is kept
/// in the store by digest, where a later build finds it whatever has become of the URL.
class FetchStep final : public Step {
 public:
  FetchStep(recipe::FetchStep fetch, Network network);
  void add_key_fields(plan::KeyRecord& record) const override;
  [[nodiscard]] StepOutput apply(const StepContext& context) const override;

 private:
  /// The file in the store, downloaded when it is missing. Throws Error N-codes; P011 when the bytes have another
  /// digest; P012 offline.
  [[nodiscard]] std::filesystem::path ensure_downloaded(const StepContext& context) const;

  recipe::FetchStep fetch_;
  Digest digest_;
  Network network_;
};

}  // namespace blueprint::steps
