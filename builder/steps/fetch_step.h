#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "builder/recipe/recipe.h"
#include "builder/steps/file_source.h"
#include "builder/steps/step.h"

namespace blueprint::steps {

enum class Network { Use, Offline };

/// How a download reaches its server.
struct FetchAccess {
  Network network = Network::Use;
  std::string proxy;     ///< URL of an HTTP proxy; empty = none
  std::string no_proxy;  ///< comma-separated hosts that are reached directly
};

/// `fetch:` — a file from a URL, pinned by its SHA-256, as it is or unpacked. Runs nothing. What was downloaded is kept
/// in the store by digest, where a later build finds it whatever has become of the URL. When only the parent changed it
/// is not needed again: the files and where their data is are remembered (known_files.h).
class FetchStep final : public Step {
 public:
  FetchStep(recipe::FetchStep fetch, FetchAccess access);
  void add_key_fields(plan::KeyRecord& record) const override;
  [[nodiscard]] StepOutput apply(const StepContext& context) const override;

 private:
  /// The file in the store, downloaded when it is missing or has rotten there. Throws Error N-codes; X121 offline; X122
  /// for a status that is no success; X123 when the bytes have another digest.
  [[nodiscard]] std::filesystem::path ensure_downloaded(const StepContext& context) const;
  [[nodiscard]] std::vector<SourceFile> find_files(const StepContext& context, std::optional<TempDir>& work) const;
  [[nodiscard]] std::string described_unpack() const;

  recipe::FetchStep fetch_;
  Digest digest_;
  FetchAccess access_;
};

}  // namespace blueprint::steps
