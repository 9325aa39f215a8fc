#pragma once

namespace blueprint::agent {

/// Answers the host on the port, for as long as the guest runs. Does not return.
[[noreturn]] void serve();

}  // namespace blueprint::agent
