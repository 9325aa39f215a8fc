#pragma once

namespace blueprint::agent {

/// The first process of the initramfs: loads modules, mounts the root disk, grows its filesystem, brings the network
/// up, and hands over to the image's init or, when it has none, to the agent itself. Does not return.
[[noreturn]] void boot();

/// The agent as process 1 of an image without an init: mounts what an init mounts. Then serve() does the rest.
void prepare_as_init();

}  // namespace blueprint::agent
