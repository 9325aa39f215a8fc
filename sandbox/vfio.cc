#include "sandbox/vfio.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <regex>
#include <set>
#include <system_error>

#include <sys/resource.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "sandbox/errors.h"

namespace blueprint::sandbox {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view kVfio = "vfio-pci";
// The first byte of a PCI class code.
constexpr unsigned long kDisplayController = 0x03;
constexpr unsigned long kProcessingAccelerator = 0x12;
constexpr unsigned long kBridge = 0x06;

fs::path device_directory(const fs::path& sysfs, const std::string& address) {
  return sysfs / "bus/pci/devices" / address;
}

/// The last name of a symbolic link's target; empty when there is no such link.
std::string link_name(const fs::path& link) {
  std::error_code none;
  return fs::read_symlink(link, none).filename().string();
}

unsigned long class_of(const fs::path& device) {
  // "0x030200\n": class, subclass and programming interface.
  const auto text = read_file_if_exists(device / "class").value_or("0");
  return std::strtoul(text.c_str(), nullptr, 16) >> 16;
}

std::vector<std::string> names_in(const fs::path& directory) {
  std::vector<std::string> names;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(directory, none)) names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

/// Drivers of the host that may stay in a group that is handed over, and none at all (drivers/vfio/vfio_main.c:
/// vfio_dev_driver_allowed, and every driver of vfio).
bool leaves_group_alone(const std::string& driver) {
  return driver.empty() || driver == kVfio || driver == "pci-stub" || driver == "pcieport";
}

}  // namespace

bool is_pci_address(std::string_view text) {
  static const std::regex kAddress("[0-9a-f]{4,8}:[0-9a-f]{2}:[01][0-9a-f]\\.[0-7]");
  return std::regex_match(text.begin(), text.end(), kAddress);
}

std::vector<std::string> find_gpus(const fs::path& sysfs, std::size_t count) {
  std::vector<std::string> bound;
  std::vector<std::string> others;
  for (const auto& address : names_in(sysfs / "bus/pci/devices")) {
    const auto device = device_directory(sysfs, address);
    const auto kind = class_of(device);
    if (kind != kDisplayController && kind != kProcessingAccelerator) continue;
    (link_name(device / "driver") == kVfio ? bound : others).push_back(address);
  }
  if (bound.size() < count) throw too_few_gpus(count, bound.size(), others);
  bound.resize(count);
  return bound;
}

std::vector<fs::path> vfio_nodes(const fs::path& sysfs, const std::vector<std::string>& addresses) {
  std::set<fs::path> nodes;
  for (const auto& address : addresses) {
    const auto device = device_directory(sysfs, address);
    if (!fs::exists(device)) throw no_such_device(address);
    const auto driver = link_name(device / "driver");
    if (driver != kVfio) throw device_not_bound(address, driver);
    const auto group = link_name(device / "iommu_group");
    if (group.empty()) throw no_iommu(address);
    for (const auto& neighbour : names_in(device / "iommu_group/devices")) {
      const auto place = device_directory(sysfs, neighbour);
      const auto its_driver = link_name(place / "driver");
      if (class_of(place) != kBridge && !leaves_group_alone(its_driver))
        throw group_in_use(address, group, neighbour, its_driver);
    }
    nodes.insert(fs::path("/dev/vfio") / group);
  }
  if (!nodes.empty()) nodes.insert("/dev/vfio/vfio");
  return {nodes.begin(), nodes.end()};
}

void check_vfio_access(const std::vector<fs::path>& nodes, std::uint64_t memory_bytes) {
  for (const auto& node : nodes) {
    if (::access(node.c_str(), R_OK | W_OK) != 0) throw vfio_node_unusable(node, errno);
  }
  rlimit limit{};
  const std::uint64_t needed = locked_bytes(memory_bytes);
  if (nodes.empty() || ::getrlimit(RLIMIT_MEMLOCK, &limit) != 0 || limit.rlim_cur >= needed) return;
  const rlimit raised{.rlim_cur = needed, .rlim_max = std::max<rlim_t>(limit.rlim_max, needed)};
  if (::setrlimit(RLIMIT_MEMLOCK, &raised) != 0) throw memory_lock_limit(limit.rlim_cur, needed);
}

}  // namespace blueprint::sandbox
