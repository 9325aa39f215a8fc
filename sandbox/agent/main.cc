// blueprint-agent: what runs inside a sandbox on behalf of the host. As /init of the initramfs it brings the machine
// up; as "serve" or "init" it answers the host on a virtio-serial port (docs/agent-protocol.md).

#include <cstdio>
#include <string_view>

#include <unistd.h>

#include "sandbox/agent/boot.h"
#include "sandbox/agent/server.h"

int main(int argc, char** argv) {
  using namespace std::string_view_literals;
  const std::string_view mode = argc > 1 ? argv[1] : "";
  if (mode == "serve"sv) blueprint::agent::serve();
  if (mode == "init"sv && ::getpid() == 1) {
    blueprint::agent::prepare_as_init();
    blueprint::agent::serve();
  }
  if (::getpid() == 1) blueprint::agent::boot();
  std::fputs("blueprint-agent runs inside a sandbox; there is nothing to run here\n", stderr);
  return 2;
}
