#pragma once

#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <utility>

namespace blueprint::builder {

/// So many layers may run at once, over all the builds of this process. Thread-safe; must outlive its slots.
class LayerSlots {
 public:
  explicit LayerSlots(unsigned count) : free_(count) {}
  LayerSlots(const LayerSlots&) = delete;
  LayerSlots& operator=(const LayerSlots&) = delete;

  /// Given back when it goes. One that was default-made stands for nothing.
  class Slot {
   public:
    Slot() = default;
    Slot(Slot&& other) noexcept : slots_(std::exchange(other.slots_, nullptr)) {}
    Slot& operator=(Slot&&) = delete;
    ~Slot() {
      if (slots_ != nullptr) slots_->give_back();
    }

   private:
    friend class LayerSlots;
    explicit Slot(LayerSlots& slots) : slots_(&slots) {}
    LayerSlots* slots_ = nullptr;
  };

  /// Waits for a free slot; throws Interrupted when asked to stop meanwhile.
  [[nodiscard]] Slot take(std::stop_token stop);

 private:
  void give_back();
  std::mutex mutex_;
  std::condition_variable_any changed_;
  unsigned free_;
};

/// How many layers of packages the memory of this machine, or of this process' control group, has room for: at least
/// one.
[[nodiscard]] unsigned package_layers_that_fit();

}  // namespace blueprint::builder
