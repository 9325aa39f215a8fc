#pragma once

#include <set>
#include <string>
#include <vector>

#include "builder/packages/unpack_staging.h"

namespace blueprint::packages {

/// Relations among the packages of one installation, as far as their order needs them.
class InstallOrder {
 public:
  /// `packages` must outlive this.
  explicit InstallOrder(const std::vector<StagedPackage>& packages);

  using Numbers = std::set<std::size_t>;  ///< indices into the packages
  /// The essential packages and all that they depend on.
  [[nodiscard]] Numbers essential() const;
  /// What the package Pre-Depends on, with everything that depends on in turn, among the packages and without `done`.
  [[nodiscard]] Numbers needed_before(std::size_t package, const Numbers& done) const;

 private:
  void add_closure(const std::vector<std::size_t>& from, Numbers& closure, const Numbers& done) const;

  const std::vector<StagedPackage>& packages_;
  std::vector<std::vector<std::size_t>> depends_;
  std::vector<std::vector<std::size_t>> pre_depends_;
};

}  // namespace blueprint::packages
