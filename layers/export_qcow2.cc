// qcow2, version 3, without compression, backing file, snapshots or encryption (QEMU docs/interop/qcow2.txt).
//
//   header | refcount table | refcount blocks | L1 table | L2 tables | data clusters        each part a whole number of
//   clusters
//
// A cluster that is a hole of the device is not allocated and reads as zeros. Everything allocated is used once, so
// every refcount is 1, and the position of each part follows from the number of data clusters alone: the file is
// written front to back, in one pass, to a pipe as well.

#include <algorithm>
#include <vector>

#include "base/error.h"
#include "layers/export_device.h"

namespace blueprint::layers {
namespace {

constexpr std::uint64_t kClusterBits = 16;
constexpr std::uint64_t kCluster = 1ULL << kClusterBits;
constexpr std::uint64_t kL2Entries = kCluster / 8;
constexpr std::uint64_t kRefcountsPerBlock = kCluster / 2;  // 16 bits each
constexpr std::uint64_t kCopied = 1ULL << 63;               // refcount is exactly 1
constexpr std::uint32_t kHeaderBytes = 104;

std::uint64_t divide_up(std::uint64_t value, std::uint64_t by) { return (value + by - 1) / by; }

/// Big-endian integers, collected into whole clusters.
class Clusters {
 public:
  void u32(std::uint32_t value) {
    for (int shift = 24; shift >= 0; shift -= 8) bytes_.push_back(static_cast<std::byte>(value >> shift));
  }
  void u64(std::uint64_t value) {
    u32(static_cast<std::uint32_t>(value >> 32));
    u32(static_cast<std::uint32_t>(value));
  }
  void u16(std::uint16_t value) {
    bytes_.push_back(static_cast<std::byte>(value >> 8));
    bytes_.push_back(static_cast<std::byte>(value));
  }
  /// Fills the last cluster up with zeros and gives all to `sink`.
  void flush(const ByteSink& sink) {
    bytes_.resize(divide_up(bytes_.size(), kCluster) * kCluster);
    sink(bytes_);
    bytes_.clear();
  }

 private:
  std::vector<std::byte> bytes_;
};

/// Cluster numbers of the parts of the file.
struct Plan {
  std::vector<std::uint64_t> data;  ///< clusters of the device that are no holes, sorted
  std::uint64_t l1_entries = 0;
  std::uint64_t l2_tables = 0;
  std::uint64_t refcount_blocks = 0;
  std::uint64_t refcount_table = 1;  ///< first cluster; the header is cluster 0
  std::uint64_t refcount_table_clusters = 0;
  std::uint64_t first_refcount_block = 0;
  std::uint64_t l1_table = 0;
  std::uint64_t first_l2_table = 0;
  std::uint64_t first_data = 0;
  std::uint64_t end = 0;
};

Plan plan_file(const BlockSource& device) {
  Plan plan;
  for (const auto& run : device.runs(0, device.device_bytes())) {
    if (run.hole) continue;
    std::uint64_t cluster = run.offset / kCluster;
    if (!plan.data.empty() && plan.data.back() == cluster) ++cluster;
    for (; cluster * kCluster < run.offset + run.length; ++cluster) plan.data.push_back(cluster);
  }
  plan.l1_entries = divide_up(divide_up(device.device_bytes(), kCluster), kL2Entries);
  for (std::size_t i = 0; i < plan.data.size(); ++i) {
    plan.l2_tables += i == 0 || plan.data[i] / kL2Entries != plan.data[i - 1] / kL2Entries ? 1 : 0;
  }
  const std::uint64_t l1_clusters = divide_up(plan.l1_entries * 8, kCluster);
  // Refcount blocks count themselves too: grow until they suffice.
  for (plan.refcount_blocks = 1;; ++plan.refcount_blocks) {
    plan.refcount_table_clusters = divide_up(plan.refcount_blocks * 8, kCluster);
    plan.first_refcount_block = plan.refcount_table + plan.refcount_table_clusters;
    plan.l1_table = plan.first_refcount_block + plan.refcount_blocks;
    plan.first_l2_table = plan.l1_table + l1_clusters;
    plan.first_data = plan.first_l2_table + plan.l2_tables;
    plan.end = plan.first_data + plan.data.size();
    if (plan.refcount_blocks * kRefcountsPerBlock >= plan.end) return plan;
  }
}

void write_header(const BlockSource& device, const Plan& plan, Clusters& out) {
  out.u32(0x514649fb);  // "QFI\xfb"
  out.u32(3);
  out.u64(0);  // backing file
  out.u32(0);
  out.u32(static_cast<std::uint32_t>(kClusterBits));
  out.u64(device.device_bytes());
  out.u32(0);  // encryption
  out.u32(static_cast<std::uint32_t>(plan.l1_entries));
  out.u64(plan.l1_table * kCluster);
  out.u64(plan.refcount_table * kCluster);
  out.u32(static_cast<std::uint32_t>(plan.refcount_table_clusters));
  out.u32(0);  // snapshots
  out.u64(0);
  out.u64(0);  // incompatible, compatible and autoclear features
  out.u64(0);
  out.u64(0);
  out.u32(4);  // refcounts of 2^4 bits
  out.u32(kHeaderBytes);
  out.u64(0);  // end of header extensions
}

void write_tables(const Plan& plan, const ByteSink& sink, Clusters& out) {
  for (std::uint64_t i = 0; i < plan.refcount_blocks; ++i) out.u64((plan.first_refcount_block + i) * kCluster);
  out.flush(sink);
  for (std::uint64_t i = 0; i < plan.end; ++i) out.u16(1);
  for (std::uint64_t i = plan.end; i < plan.refcount_blocks * kRefcountsPerBlock; ++i) out.u16(0);
  out.flush(sink);

  std::uint64_t table = plan.first_l2_table;
  std::size_t next = 0;
  for (std::uint64_t entry = 0; entry < plan.l1_entries; ++entry) {
    const bool used = next < plan.data.size() && plan.data[next] / kL2Entries == entry;
    out.u64(used ? (table++ * kCluster) | kCopied : 0);
    while (next < plan.data.size() && plan.data[next] / kL2Entries == entry) ++next;
  }
  out.flush(sink);

  for (std::size_t i = 0; i < plan.data.size();) {
    const std::uint64_t first = plan.data[i] / kL2Entries * kL2Entries;
    for (std::uint64_t cluster = first; cluster < first + kL2Entries; ++cluster) {
      const bool used = i < plan.data.size() && plan.data[i] == cluster;
      out.u64(used ? ((plan.first_data + i) * kCluster) | kCopied : 0);
      if (used) ++i;
    }
    out.flush(sink);
  }
}

}  // namespace

void stream_qcow2(const BlockSource& device, const ByteSink& sink, ThreadPool& pool, Events& events,
                  std::stop_token stop) {
  const Plan plan = plan_file(device);
  Clusters out;
  write_header(device, plan, out);
  out.flush(sink);
  write_tables(plan, sink, out);

  const std::uint64_t device_bytes = device.device_bytes();
  Events::Progress progress{.bytes_total = plan.data.size() * kCluster};
  for (std::size_t i = 0; i < plan.data.size();) {
    std::size_t end = i + 1;
    while (end < plan.data.size() && plan.data[end] == plan.data[end - 1] + 1) ++end;
    const std::uint64_t offset = plan.data[i] * kCluster;
    const std::uint64_t length = (end - i) * kCluster;
    const std::uint64_t inside = std::min(length, device_bytes - offset);
    stream_device(device, offset, inside, sink, pool, stop);
    if (inside < length) sink(std::vector<std::byte>(length - inside));  // the device ends in the middle of a cluster
    progress.bytes += length;
    events.progress(kExportStage, progress);
    i = end;
  }
}

}  // namespace blueprint::layers
