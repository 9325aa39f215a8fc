#include "sandbox/vfio.h"

#include <catch2/catch.hpp>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"

namespace blueprint::sandbox {
namespace {

namespace fs = std::filesystem;

/// A tree like /sys with PCI devices, their drivers and their IOMMU groups.
struct FakeSysfs {
  TempDir directory;

  [[nodiscard]] const fs::path& root() const { return directory.path(); }

  void add(const std::string& address, const char* pci_class, const std::string& driver,
           const std::string& group) const {
    const auto real = root() / "devices/pci0000:00" / address;
    fs::create_directories(real);
    fs::create_directories(root() / "bus/pci/devices");
    fs::create_directory_symlink(real, root() / "bus/pci/devices" / address);
    write_file_atomic(real / "class", std::string(pci_class) + "\n");
    if (!driver.empty()) {
      fs::create_directories(root() / "bus/pci/drivers" / driver);
      fs::create_directory_symlink(root() / "bus/pci/drivers" / driver, real / "driver");
    }
    if (group.empty()) return;
    const auto group_directory = root() / "kernel/iommu_groups" / group;
    fs::create_directories(group_directory / "devices");
    fs::create_directory_symlink(real, group_directory / "devices" / address);
    fs::create_directory_symlink(group_directory, real / "iommu_group");
  }
};

template <typename Call>
std::string complaint(Call call) {
  try {
    call();
  } catch (const Error& error) {
    const auto& said = error.first();
    return said.code + ": " + said.message + "\n" + join(said.hints, "\n");
  }
  return "nothing was thrown";
}

void check_has(const std::string& text, std::string_view part) {
  INFO(text);
  CHECK(text.find(part) != std::string::npos);
}

constexpr const char* kGpu = "0x030200";
constexpr const char* kVga = "0x030000";
constexpr const char* kAudio = "0x040300";
constexpr const char* kAccelerator = "0x120000";
constexpr const char* kPciBridge = "0x060400";
constexpr const char* kNetwork = "0x020000";

}  // namespace

TEST_CASE("a PCI address has its domain") {
  CHECK(is_pci_address("0000:65:00.0"));
  CHECK(is_pci_address("10000:01:1f.7"));
  for (const char* word : {"65:00.0", "0000:65:00.8", "0000:65:20.0", "0000:65:00.0,x", "", "0000:6G:00.0"}) {
    INFO(word);
    CHECK_FALSE(is_pci_address(word));
  }
}

TEST_CASE("GPUs are found when they are bound to vfio-pci, in the order of their addresses") {
  const FakeSysfs sysfs;
  sysfs.add("0000:b3:00.0", kGpu, "vfio-pci", "40");
  sysfs.add("0000:65:00.0", kVga, "vfio-pci", "30");
  sysfs.add("0000:66:00.0", kVga, "nvidia", "31");
  sysfs.add("0000:67:00.0", kNetwork, "vfio-pci", "32");
  sysfs.add("0000:68:00.0", kAccelerator, "vfio-pci", "33");
  CHECK(find_gpus(sysfs.root(), 1) == std::vector<std::string>{"0000:65:00.0"});
  CHECK(find_gpus(sysfs.root(), 3) == std::vector<std::string>{"0000:65:00.0", "0000:68:00.0", "0000:b3:00.0"});
}

TEST_CASE("too few bound GPUs: the error says how to bind those that are there") {
  const FakeSysfs sysfs;
  sysfs.add("0000:65:00.0", kGpu, "nvidia", "30");
  const auto none = complaint([&] { (void)find_gpus(sysfs.root(), 1); });
  check_has(none, "V014: the sandbox is to get 1 GPU, and none on this machine is bound to vfio-pci");
  check_has(none, "echo vfio-pci >/sys/bus/pci/devices/0000:65:00.0/driver_override");
  check_has(none, "--gpu none");
  sysfs.add("0000:66:00.0", kGpu, "vfio-pci", "31");
  check_has(complaint([&] { (void)find_gpus(sysfs.root(), 2); }),
            "is to get 2 GPUs, and only 1 on this machine is bound");
  check_has(complaint([] { (void)find_gpus("/nowhere", 1); }), "this machine has no other GPU");
}

TEST_CASE("a device brings the node of its group; neighbours on vfio, bridges and idle devices do no harm") {
  const FakeSysfs sysfs;
  sysfs.add("0000:64:00.0", kPciBridge, "pcieport", "30");
  sysfs.add("0000:65:00.0", kGpu, "vfio-pci", "30");
  sysfs.add("0000:65:00.1", kAudio, "vfio-pci", "30");
  sysfs.add("0000:65:00.2", kAudio, "", "30");
  sysfs.add("0000:b3:00.0", kGpu, "vfio-pci", "7");
  CHECK(vfio_nodes(sysfs.root(), {"0000:65:00.0", "0000:b3:00.0"}) ==
        std::vector<fs::path>{"/dev/vfio/30", "/dev/vfio/7", "/dev/vfio/vfio"});
  CHECK(vfio_nodes(sysfs.root(), {}).empty());
}

TEST_CASE("a device that the guest cannot get is refused, with the reason") {
  const FakeSysfs sysfs;
  sysfs.add("0000:65:00.0", kGpu, "vfio-pci", "30");
  sysfs.add("0000:65:00.1", kAudio, "snd_hda_intel", "30");
  sysfs.add("0000:66:00.0", kGpu, "nouveau", "31");
  sysfs.add("0000:67:00.0", kGpu, "", "32");
  sysfs.add("0000:68:00.0", kGpu, "vfio-pci", "");
  const auto reason = [&](const char* address) {
    return complaint([&] { (void)vfio_nodes(sysfs.root(), {address}); });
  };
  check_has(reason("0000:65:00.0"),
            "V015: the PCI device 0000:65:00.0 shares IOMMU group 30 with 0000:65:00.1, which the "
            "host uses with the driver 'snd_hda_intel'");
  check_has(reason("0000:65:00.0"), "bind 0000:65:00.1, as root");
  check_has(reason("0000:66:00.0"), "V014: the PCI device 0000:66:00.0 is bound to 'nouveau', not to vfio-pci");
  check_has(reason("0000:67:00.0"), "is bound to no driver, not to vfio-pci");
  check_has(reason("0000:68:00.0"), "V015: the PCI device 0000:68:00.0 has no IOMMU group");
  check_has(reason("0000:69:00.0"), "V014: this machine has no PCI device 0000:69:00.0");
}

TEST_CASE("a node that is not there names the driver to load") {
  const auto missing = complaint([] { check_vfio_access({"/nowhere/vfio"}, 1 << 30); });
  check_has(missing, "V016: '/nowhere/vfio' cannot be opened: No such file or directory");
  check_has(missing, "modprobe vfio-pci");
  CHECK_NOTHROW(check_vfio_access({}, std::uint64_t{1} << 50));
}

}  // namespace blueprint::sandbox
