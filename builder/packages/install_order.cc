#include "builder/packages/install_order.h"

#include <unordered_map>

namespace blueprint::packages {

InstallOrder::InstallOrder(const std::vector<StagedPackage>& packages) : packages_(packages) {
  std::unordered_map<std::string, std::vector<std::size_t>> providers;
  for (std::size_t i = 0; i < packages.size(); ++i) {
    providers[packages[i].package.name].push_back(i);
    for (const auto& group : parse_relations(packages[i].control.get("Provides"))) {
      for (const auto& relation : group) providers[relation.name].push_back(i);
    }
  }
  const auto targets = [&](const StagedPackage& package, const char* field) {
    std::vector<std::size_t> found;
    for (const auto& alternatives : parse_relations(package.control.get(field))) {
      // Which alternative the solver meant is not known here. Taking all that are there is more than needed, and
      // harmless.
      for (const auto& relation : alternatives) {
        const auto provider = providers.find(relation.name);
        if (provider != providers.end()) found.insert(found.end(), provider->second.begin(), provider->second.end());
      }
    }
    return found;
  };
  for (const auto& package : packages) {
    pre_depends_.push_back(targets(package, "Pre-Depends"));
    depends_.push_back(targets(package, "Depends"));
  }
}

void InstallOrder::add_closure(const std::vector<std::size_t>& from, Numbers& closure, const Numbers& done) const {
  std::vector<std::size_t> open = from;
  while (!open.empty()) {
    const std::size_t number = open.back();
    open.pop_back();
    if (done.contains(number) || !closure.insert(number).second) continue;
    open.insert(open.end(), depends_[number].begin(), depends_[number].end());
    open.insert(open.end(), pre_depends_[number].begin(), pre_depends_[number].end());
  }
}

InstallOrder::Numbers InstallOrder::essential() const {
  std::vector<std::size_t> roots;
  for (std::size_t i = 0; i < packages_.size(); ++i) {
    if (packages_[i].package.essential || packages_[i].control.get("Essential") == "yes") roots.push_back(i);
  }
  Numbers closure;
  add_closure(roots, closure, {});
  return closure;
}

InstallOrder::Numbers InstallOrder::needed_before(std::size_t package, const Numbers& done) const {
  Numbers closure;
  add_closure(pre_depends_[package], closure, done);
  return closure;
}

}  // namespace blueprint::packages
