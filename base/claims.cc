#include "base/claims.h"

#include <algorithm>

#include "base/error.h"

namespace blueprint {

void Claims::Claim::give_back(const Digest& digest) {
  if (auto node = digests_.extract(digest)) claims_.give_back({node.value()});
}

Claims::Claim Claims::take(std::span<const Digest> wanted) {
  Claim claim(*this);
  const std::lock_guard lock(mutex_);
  for (const auto& digest : wanted) {
    if (claimed_.insert(digest).second) claim.digests_.insert(digest);
  }
  return claim;
}

void Claims::wait_for(std::span<const Digest> wanted, std::stop_token stop) {
  std::unique_lock lock(mutex_);
  const auto is_free = [&] {
    return std::ranges::none_of(wanted, [&](const Digest& digest) { return claimed_.contains(digest); });
  };
  if (!changed_.wait(lock, std::move(stop), is_free)) throw Interrupted{};
}

void Claims::give_back(const std::set<Digest>& digests) {
  if (digests.empty()) return;
  const std::lock_guard lock(mutex_);
  for (const auto& digest : digests) claimed_.erase(digest);
  changed_.notify_all();
}

}  // namespace blueprint
