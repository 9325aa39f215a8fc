#pragma once

#include <stop_token>
#include <string>

#include "base/digest.h"
#include "base/events.h"
#include "base/fd.h"
#include "layers/store.h"

namespace blueprint::builder {

/// Held while a layer is made, so that of two builds of it the second waits and then finds what the first stored: look
/// the key up again after this. The lock ends with the descriptor. `name` is the layer's, for the note that it waits.
/// Throws Interrupted.
[[nodiscard]] UniqueFd lock_layer(const layers::Store& store, const Digest& key, const std::string& name,
                                  Events& events, const std::stop_token& stop);

}  // namespace blueprint::builder
