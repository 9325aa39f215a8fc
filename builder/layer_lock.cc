#include "builder/layer_lock.h"

#include <chrono>
#include <thread>

#include <fmt/format.h>

#include "base/error.h"
#include "layers/store_lease.h"

namespace blueprint::builder {

UniqueFd lock_layer(const layers::Store& store, const Digest& key, const std::string& name, Events& events,
                    const std::stop_token& stop) {
  // Under this name gc finds it when it is old.
  const auto path = store.root() / "locks" / ("key-" + key.hex());
  bool told = false;
  while (true) {
    if (UniqueFd lock = layers::lock_named_file(path, layers::Wait::No)) return lock;
    if (stop.stop_requested()) throw Interrupted{};
    if (!told) events.note(fmt::format("waiting for another build of layer '{}'", name));
    told = true;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
}

}  // namespace blueprint::builder
