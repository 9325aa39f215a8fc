#include "builder/recipe/faults.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace blueprint::recipe {
namespace {

// More than a screenful helps nobody; the rest shows when these are mended.
constexpr std::size_t kMaxShown = 50;

bool comes_before(const Diagnostic& a, const Diagnostic& b) {
  if (!a.where || !b.where || a.where->file != b.where->file) return false;
  return std::pair(a.where->line, a.where->column) < std::pair(b.where->line, b.where->column);
}

}  // namespace

void Faults::add(Diagnostic fault) {
  fault.context.insert(fault.context.end(), context_.rbegin(), context_.rend());
  faults_.push_back(std::move(fault));
}

void Faults::add(const Error& error) {
  for (const Diagnostic& fault : error.diagnostics()) add(fault);
}

void Faults::throw_if_any() {
  if (faults_.empty()) return;
  const bool one_file = std::all_of(faults_.begin(), faults_.end(), [&](const Diagnostic& fault) {
    return fault.where && faults_[0].where && fault.where->file == faults_[0].where->file;
  });
  if (one_file) std::stable_sort(faults_.begin(), faults_.end(), comes_before);
  if (faults_.size() > kMaxShown) {
    const std::size_t hidden = faults_.size() - kMaxShown;
    faults_.resize(kMaxShown);
    faults_.back().hints.push_back(fmt::format("{} more fault{} not shown", hidden, hidden == 1 ? " is" : "s are"));
  }
  throw Error(std::move(faults_));
}

}  // namespace blueprint::recipe
