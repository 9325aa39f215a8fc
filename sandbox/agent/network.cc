#include "sandbox/agent/network.h"

#include <cerrno>
#include <cstring>
#include <string>

#include <arpa/inet.h>
#include <dirent.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <net/route.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sandbox/agent/sys.h"

namespace blueprint::agent {
namespace {

// QEMU's user-mode network: docs/system/devices/net.rst, "Using the user mode network stack".
constexpr const char* kAddress = "10.0.2.15";
constexpr const char* kMask = "255.255.255.0";
constexpr const char* kGateway = "10.0.2.2";
constexpr std::string_view kResolver = "nameserver 10.0.2.3\n";

sockaddr inet(const char* address) {
  sockaddr_in in{};
  in.sin_family = AF_INET;
  ::inet_pton(AF_INET, address, &in.sin_addr);
  sockaddr out{};
  std::memcpy(&out, &in, sizeof(in));
  return out;
}

ifreq request_for(const std::string& interface) {
  ifreq request{};
  std::strncpy(request.ifr_name, interface.c_str(), IFNAMSIZ - 1);
  return request;
}

bool bring_up(int socket, const std::string& interface) {
  ifreq request = request_for(interface);
  if (::ioctl(socket, SIOCGIFFLAGS, &request) != 0) return false;
  request.ifr_flags |= IFF_UP | IFF_RUNNING;
  return ::ioctl(socket, SIOCSIFFLAGS, &request) == 0;
}

/// The first interface that is Ethernet; empty when the machine has none.
std::string ethernet_interface(int socket) {
  std::string found;
  DIR* directory = ::opendir("/sys/class/net");
  if (directory == nullptr) return found;
  while (const dirent* entry = ::readdir(directory)) {
    const std::string name = entry->d_name;
    ifreq request = request_for(name);
    if (::ioctl(socket, SIOCGIFHWADDR, &request) != 0 || request.ifr_hwaddr.sa_family != ARPHRD_ETHER) continue;
    if (found.empty() || name < found) found = name;
  }
  ::closedir(directory);
  return found;
}

bool set_address(int socket, const std::string& interface) {
  ifreq request = request_for(interface);
  request.ifr_addr = inet(kAddress);
  if (::ioctl(socket, SIOCSIFADDR, &request) != 0) return false;
  request.ifr_netmask = inet(kMask);
  return ::ioctl(socket, SIOCSIFNETMASK, &request) == 0;
}

bool add_default_route(int socket) {
  rtentry route{};
  route.rt_dst = inet("0.0.0.0");
  route.rt_genmask = inet("0.0.0.0");
  route.rt_gateway = inet(kGateway);
  route.rt_flags = RTF_UP | RTF_GATEWAY;
  return ::ioctl(socket, SIOCADDRT, &route) == 0 || errno == EEXIST;
}

bool is_blank(const char* path) {
  const auto text = read_text(path);
  return !text || text->find_first_not_of(" \t\r\n") == std::string::npos;
}

}  // namespace

void configure_network() {
  const UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket) return;  // a kernel without IPv4
  bring_up(socket.get(), "lo");
  const std::string interface = ethernet_interface(socket.get());
  if (interface.empty()) return;
  if (!set_address(socket.get(), interface) || !bring_up(socket.get(), interface) || !add_default_route(socket.get())) {
    complain("configure " + interface, errno);
  }
}

void configure_resolver() {
  if (!exists("/sys/class/net/eth0")) return;
  make_directories("/run/systemd/resolved.conf.d");
  write_text("/run/systemd/resolved.conf.d/blueprint.conf", "[Resolve]\nDNS=10.0.2.3\n");
  struct stat status {};
  if (::lstat("/etc/resolv.conf", &status) == 0 && S_ISLNK(status.st_mode)) {
    // Usually systemd-resolved's, which makes the target itself when it is there to do so.
    if (exists("/usr/lib/systemd/systemd-resolved") || exists("/etc/resolv.conf")) return;
    make_directories("/run/systemd/resolve");
  } else if (!is_blank("/etc/resolv.conf")) {
    return;
  }
  write_text("/etc/resolv.conf", kResolver);
}

}  // namespace blueprint::agent
