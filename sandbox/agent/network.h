#pragma once

namespace blueprint::agent {

/// Brings lo up and gives the first Ethernet interface the address that QEMU's user-mode network expects, so that the
/// network works and ports are forwarded in an image without any network daemon. One that runs DHCP later gets the same
/// address.
void configure_network();

/// Makes names resolve where nothing else would: writes /etc/resolv.conf only when it is missing, empty or dangling,
/// and tells systemd-resolved the server through a drop-in in /run.
void configure_resolver();

}  // namespace blueprint::agent
