// tar as POSIX.1-2001 says (pax): a ustar header per member and, where that is too narrow or has no field, a header of
// type 'x' before it with records "LENGTH KEY=VALUE\n": path, linkpath, size, uid, gid, mtime, SCHILY.xattr.NAME (the
// form that GNU tar, bsdtar and container tools share) and GNU.sparse.* (GNU tar's format 1.0).
//
// Written by hand, because the digest of an exported OCI layer must not change with the version of a library, and
// because libarchive converts names by the locale of the process, while ours may be any bytes.

#include "layers/export_tar.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <unordered_map>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"

namespace blueprint::layers {
namespace {

constexpr std::size_t kBlock = 512;
constexpr std::size_t kNameBytes = 100;
constexpr std::uint64_t kMax7Octal = 07777777;
constexpr std::uint64_t kMax11Octal = 077777777777;
/// Files with fewer bytes of holes are written out: the map would cost as much.
constexpr std::uint64_t kWorthwhileHoles = 64 * 1024;
constexpr std::size_t kManyFiles = 256;

/// "LENGTH KEY=VALUE\n", where LENGTH counts itself.
std::string record(std::string_view key, std::string_view value) {
  const std::size_t rest = key.size() + value.size() + 3;
  std::size_t length = rest + 1;
  while (length != rest + std::to_string(length).size()) length = rest + std::to_string(length).size();
  return fmt::format("{} {}={}\n", length, key, value);
}

std::string time_record(const Timestamp& time) {
  if (time.nanoseconds == 0) return std::to_string(time.seconds);
  if (time.seconds >= 0) return fmt::format("{}.{:09}", time.seconds, time.nanoseconds);
  // Seconds count down from 0 and nanoseconds up: -2 s + 0.25 s is -1.75.
  const auto fraction = 1'000'000'000 - time.nanoseconds;
  const auto whole = -(time.seconds + 1);
  return fmt::format("-{}.{:09}", whole, fraction);
}

/// The name that a reader who does not know the extended header sees. What is cut off is in the header's path record.
std::string short_name(std::string_view prefix, std::string_view name) {
  return fmt::format("{}{}", prefix, name).substr(0, kNameBytes);
}

}  // namespace

struct TarWriter::Header {
  std::string name;
  char type = '0';
  std::uint32_t mode = 0644;
  std::uint64_t uid = 0;
  std::uint64_t gid = 0;
  std::uint64_t size = 0;  ///< of the data in the archive
  Timestamp mtime;
  std::string link;
  std::uint32_t device_major = 0;
  std::uint32_t device_minor = 0;
  std::string records;  ///< of the extended header, besides those that follow from the fields above
};

namespace {

/// A ustar block. Numbers that do not fit are written as 0: the extended header has them.
class UstarBlock {
 public:
  void text(std::size_t offset, std::string_view value) { value.copy(bytes_.data() + offset, value.size()); }
  void octal(std::size_t offset, int digits, std::uint64_t value, std::uint64_t most) {
    text(offset, fmt::format("{:0{}o}", value <= most ? value : 0, digits));
  }
  std::span<const std::byte> finish() {
    text(257, std::string_view("ustar\00000", 8));
    std::memset(bytes_.data() + 148, ' ', 8);
    unsigned sum = 0;
    for (const char byte : bytes_) sum += static_cast<unsigned char>(byte);
    text(148, fmt::format("{:06o}", sum));
    bytes_[154] = '\0';
    return std::as_bytes(std::span(bytes_));
  }

 private:
  std::array<char, kBlock> bytes_{};
};

}  // namespace

void TarWriter::write(std::span<const std::byte> bytes) {
  if (bytes.empty()) return;
  sink_(bytes);
  in_member_ += bytes.size();
}

void TarWriter::pad() {
  static constexpr std::array<std::byte, kBlock> kZeros{};
  write(std::span(kZeros).first((kBlock - in_member_ % kBlock) % kBlock));
  in_member_ = 0;
}

void TarWriter::write_header(const Header& header) {
  const auto block = [](const Header& from) {
    const auto seconds = static_cast<std::uint64_t>(std::max<std::int64_t>(from.mtime.seconds, 0));
    UstarBlock ustar;
    ustar.text(0, std::string_view(from.name).substr(0, kNameBytes));
    ustar.octal(100, 7, from.mode, kMax7Octal);
    ustar.octal(108, 7, from.uid, kMax7Octal);
    ustar.octal(116, 7, from.gid, kMax7Octal);
    ustar.octal(124, 11, from.size, kMax11Octal);
    ustar.octal(136, 11, seconds, kMax11Octal);
    ustar.text(156, std::string_view(&from.type, 1));
    ustar.text(157, std::string_view(from.link).substr(0, kNameBytes));
    ustar.octal(329, 7, from.device_major, kMax7Octal);
    ustar.octal(337, 7, from.device_minor, kMax7Octal);
    return ustar;
  };
  std::string records;
  if (header.name.size() > kNameBytes) records += record("path", header.name);
  if (header.link.size() > kNameBytes) records += record("linkpath", header.link);
  if (header.size > kMax11Octal) records += record("size", std::to_string(header.size));
  if (header.uid > kMax7Octal) records += record("uid", std::to_string(header.uid));
  if (header.gid > kMax7Octal) records += record("gid", std::to_string(header.gid));
  const bool plain_time = header.mtime.nanoseconds == 0 && header.mtime.seconds >= 0 &&
                          header.mtime.seconds <= static_cast<std::int64_t>(kMax11Octal);
  if (!plain_time) records += record("mtime", time_record(header.mtime));
  records += header.records;
  if (!records.empty()) {
    sink_(block({.name = short_name("PaxHeaders/", header.name), .type = 'x', .size = records.size()}).finish());
    write(std::as_bytes(std::span(records)));
    pad();
  }
  sink_(block(header).finish());
}

bool TarWriter::add(const FileTree::Entry& entry, FileReader& reader, Holes holes) {
  Header header{.name = entry.path.empty() ? "./" : entry.path,
                .mode = entry.metadata.mode,
                .uid = entry.metadata.uid,
                .gid = entry.metadata.gid,
                .mtime = entry.metadata.mtime,
                .device_major = entry.device_major,
                .device_minor = entry.device_minor};
  for (const auto& xattr : entry.metadata.xattrs) {
    header.records += record(fmt::format("SCHILY.xattr.{}", xattr.name), xattr.value);
  }
  switch (entry.type) {
    case FileType::Socket: return false;
    case FileType::Regular: add_data(header, entry, reader, holes); return true;
    case FileType::Directory:
      header.type = '5';
      if (!header.name.ends_with('/')) header.name += '/';
      break;
    case FileType::Symlink:
      header.type = '2';
      header.link = entry.target;
      break;
    case FileType::CharDevice: header.type = '3'; break;
    case FileType::BlockDevice: header.type = '4'; break;
    case FileType::Fifo: header.type = '6'; break;
  }
  write_header(header);
  return true;
}

void TarWriter::add_data(Header& header, const FileTree::Entry& entry, FileReader& reader, Holes holes) {
  const auto runs = reader.runs(entry);
  std::uint64_t hole_bytes = 0;
  for (const auto& run : runs) hole_bytes += run.hole ? run.length : 0;
  if (holes == Holes::Zeros || hole_bytes < kWorthwhileHoles) {
    header.size = entry.size;
    write_header(header);
    reader.read(entry, [&](std::span<const std::byte> bytes) { write(bytes); });
    return pad();
  }
  // The map comes before the data, in lines: number of runs, then offset and length of each. The last says where the
  // file ends.
  std::string map;
  std::uint64_t count = 0;
  std::uint64_t offset = 0;
  for (const auto& run : runs) {
    if (!run.hole) {
      map += fmt::format("{}\n{}\n", offset, run.length);
      ++count;
    }
    offset += run.length;
  }
  if (runs.back().hole) {
    map += fmt::format("{}\n0\n", entry.size);
    ++count;
  }
  map.insert(0, fmt::format("{}\n", count));
  map.resize((map.size() + kBlock - 1) / kBlock * kBlock);
  header.records += record("GNU.sparse.major", "1") + record("GNU.sparse.minor", "0") +
                    record("GNU.sparse.name", entry.path) + record("GNU.sparse.realsize", std::to_string(entry.size));
  header.name = short_name("GNUSparseFile.0/", entry.path);
  header.size = map.size() + entry.size - hole_bytes;
  write_header(header);
  write(std::as_bytes(std::span(map)));

  auto run = runs.begin();
  std::uint64_t left = run->length;
  reader.read(entry, [&](std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
      while (left == 0) left = (++run)->length;
      const auto part = bytes.first(std::min<std::uint64_t>(bytes.size(), left));
      if (!run->hole) write(part);
      left -= part.size();
      bytes = bytes.subspan(part.size());
    }
  });
  pad();
}

void TarWriter::add_link(const FileTree::Entry& entry, std::string_view to) {
  write_header({.name = entry.path,
                .type = '1',
                .mode = entry.metadata.mode,
                .uid = entry.metadata.uid,
                .gid = entry.metadata.gid,
                .mtime = entry.metadata.mtime,
                .link = std::string(to)});
}

void TarWriter::begin_bytes(std::string_view name, std::uint64_t size_bytes) {
  if (in_member_ != 0) pad();
  write_header({.name = std::string(name), .size = size_bytes});
}

void TarWriter::add_bytes(std::string_view name, std::string_view bytes) {
  begin_bytes(name, bytes.size());
  write(std::as_bytes(std::span(bytes.data(), bytes.size())));
  pad();
}

void TarWriter::finish() {
  if (in_member_ != 0) pad();
  sink_(std::vector<std::byte>(2 * kBlock));
}

void stream_tar(const Store& store, const std::vector<LayerRef>& layers, const ByteSink& sink, Events& events,
                std::stop_token stop) {
  const FileTree tree = load_tree(store, layers);
  FileReader reader(store, layers);
  TarWriter tar(sink);
  std::unordered_map<std::uint64_t, const FileTree::Entry*> first_names;
  Events::Progress progress{.items_total = tree.entries().size()};
  for (const auto& entry : tree.entries()) {
    if (stop.stop_requested()) throw Interrupted();
    if (entry.links > 1) {
      if (const auto [first, is_new] = first_names.emplace(entry.inode, &entry); !is_new) {
        tar.add_link(entry, first->second->path);
        continue;
      }
    }
    if (!tar.add(entry, reader, TarWriter::Holes::Keep)) {
      events.note(fmt::format("the socket /{} is not exported: tar has no form for it", printable(entry.path)));
    }
    progress.bytes += entry.size;
    if (++progress.items % kManyFiles == 0) events.progress(kExportStage, progress);
  }
  tar.finish();
}

}  // namespace blueprint::layers
