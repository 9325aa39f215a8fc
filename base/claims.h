#pragma once

#include <condition_variable>
#include <mutex>
#include <set>
#include <span>
#include <stop_token>
#include <utility>
#include <vector>

#include "base/digest.h"

namespace blueprint {

/// Which files, by digest, somebody in this process is making: of several who lack one, the first makes it and the
/// others wait. Thread-safe; must outlive its claims.
class Claims {
 public:
  Claims() = default;
  Claims(const Claims&) = delete;
  Claims& operator=(const Claims&) = delete;

  /// What its holder is to make. Given back, made or not, when it goes.
  class Claim {
   public:
    Claim(Claim&& other) noexcept : claims_(other.claims_), digests_(std::exchange(other.digests_, {})) {}
    Claim& operator=(Claim&&) = delete;
    ~Claim() { claims_.give_back(digests_); }

    [[nodiscard]] bool empty() const { return digests_.empty(); }
    [[nodiscard]] bool contains(const Digest& digest) const { return digests_.contains(digest); }
    /// Before the others.
    void give_back(const Digest& digest);

   private:
    friend class Claims;
    explicit Claim(Claims& claims) : claims_(claims) {}
    Claims& claims_;
    std::set<Digest> digests_;
  };

  /// Those of `wanted` that nobody else has claimed. What is there is to be looked at after this: who had the claim
  /// before may have made it. Whoever holds a claim waits for no other.
  [[nodiscard]] Claim take(std::span<const Digest> wanted);
  /// Returns when nobody has claimed any of them; throws Interrupted when asked to stop meanwhile.
  void wait_for(std::span<const Digest> wanted, std::stop_token stop);

 private:
  void give_back(const std::set<Digest>& digests);
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::set<Digest> claimed_;
};

}  // namespace blueprint
