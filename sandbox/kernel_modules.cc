// Which modules a kernel needs to find its root disk, and in which order.
//
// The order comes from the modules themselves (`depends=` in .modinfo), because modules.dep is made by depmod when a
// package is configured and an image may be without it. Paths come from modules.dep where it is, else from
// modules.order, which every kernel package ships; modules.builtin says what needs no file. Distributions compress
// modules (.ko.zst, .ko.xz, .ko.gz); they are decompressed here, on the host, so that the agent carries no
// decompressor.

#include "sandbox/kernel_modules.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <set>

#include <archive.h>
#include <elf.h>
#include <fmt/format.h>

#include "base/text.h"
#include "sandbox/errors.h"

namespace blueprint::sandbox {
namespace {

constexpr std::size_t kMaxModuleBytes = 64U << 20;

/// The kernel takes '-' and '_' in module names for the same.
std::string normal_name(std::string_view name) {
  std::string normal(name);
  std::replace(normal.begin(), normal.end(), '-', '_');
  return normal;
}

/// "kernel/fs/ext4/ext4.ko.zst" → "ext4"
std::string name_of(std::string_view path) {
  const auto slash = path.rfind('/');
  const auto file = slash == std::string_view::npos ? path : path.substr(slash + 1);
  return normal_name(file.substr(0, file.find(".ko")));
}

class Collector {
 public:
  Collector(const ImageFile& image_file, std::string_view kernel_version);
  void add(const std::string& name, ModuleWish::Need need);
  std::vector<KernelModule> take() { return std::move(modules_); }

 private:
  std::optional<std::string> read(std::string_view path) const;
  std::optional<std::pair<std::string, std::string>> read_module(const std::string& path) const;

  const ImageFile& image_file_;
  std::string version_;
  std::map<std::string, std::string> paths_;
  std::set<std::string> builtin_;
  std::set<std::string> seen_;
  std::vector<KernelModule> modules_;
};

Collector::Collector(const ImageFile& image_file, std::string_view kernel_version)
    : image_file_(image_file), version_(kernel_version) {
  for (const auto& line : split(read("modules.builtin").value_or(""), '\n')) builtin_.insert(name_of(trim(line)));
  auto list = read("modules.dep");
  if (!list || list->empty()) list = read("modules.order");
  for (const auto& line : split(list.value_or(""), '\n')) {
    const auto path = trim(std::string_view(line).substr(0, line.find(':')));
    if (!path.empty()) paths_.emplace(name_of(path), path);
  }
}

std::optional<std::string> Collector::read(std::string_view path) const {
  for (const std::string_view root : {"usr/lib/modules", "lib/modules"}) {
    if (auto bytes = image_file_(fmt::format("{}/{}/{}", root, version_, path))) return bytes;
  }
  return std::nullopt;
}

std::optional<std::pair<std::string, std::string>> Collector::read_module(const std::string& path) const {
  // modules.order leaves out how the file is compressed.
  for (const std::string_view suffix : {"", ".zst", ".xz", ".gz"}) {
    const auto full = fmt::format("{}{}", path, suffix);
    if (auto bytes = read(full)) return std::pair{full, std::move(*bytes)};
  }
  return std::nullopt;
}

void Collector::add(const std::string& wanted, ModuleWish::Need need) {
  const auto name = normal_name(wanted);
  if (!seen_.insert(name).second || builtin_.contains(name)) return;
  const auto path = paths_.find(name);
  auto file = path == paths_.end() ? std::nullopt : read_module(path->second);
  if (!file) {
    if (need == ModuleWish::Need::Required) throw module_missing(name, version_);
    return;
  }
  auto bytes = decompress_module(std::move(file->second), file->first);
  const auto info = read_module_info(bytes, file->first);
  for (const std::string_view soft : info.soft_depends) {
    // Usually an alias of an algorithm: "crypto-crc32c", whose plain implementation is crc32c_generic. Aliases proper
    // are known only to depmod's files, which may be missing.
    constexpr std::string_view kAlgorithm = "crypto_";
    const auto plain = soft.starts_with(kAlgorithm) ? soft.substr(kAlgorithm.size()) : soft;
    add(std::string(plain), ModuleWish::Need::Optional);
    add(std::string(plain) + "_generic", ModuleWish::Need::Optional);
  }
  for (const auto& dependency : info.depends) add(dependency, ModuleWish::Need::Required);
  modules_.push_back({.name = name, .bytes = std::move(bytes)});
}

struct ArchiveCloser {
  void operator()(archive* reader) const { archive_read_free(reader); }
};

/// The bytes of section .modinfo; empty when there is none. Throws when the file is no little-endian ELF64 file.
std::string_view find_modinfo(std::string_view bytes, std::string_view path) {
  const auto fail = [&](std::string_view why) { return module_damaged(path, why); };
  Elf64_Ehdr header;
  if (bytes.size() < sizeof(header)) throw fail("it is too short");
  std::memcpy(&header, bytes.data(), sizeof(header));
  if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_ident[EI_CLASS] != ELFCLASS64) {
    throw fail("it is not a 64-bit ELF file");
  }
  const auto section = [&](std::uint64_t index) {
    Elf64_Shdr found;
    if (header.e_shoff > bytes.size() || (bytes.size() - header.e_shoff) / sizeof(found) <= index) {
      throw fail("its section table lies outside of it");
    }
    std::memcpy(&found, bytes.data() + header.e_shoff + index * sizeof(found), sizeof(found));
    return found;
  };
  const auto content = [&](const Elf64_Shdr& found) {
    if (found.sh_offset > bytes.size() || bytes.size() - found.sh_offset < found.sh_size)
      throw fail("a section lies outside of it");
    return bytes.substr(found.sh_offset, found.sh_size);
  };
  const auto names = content(section(header.e_shstrndx));
  for (std::uint64_t i = 0; i < header.e_shnum; ++i) {
    const auto candidate = section(i);
    if (candidate.sh_name >= names.size() || candidate.sh_type == SHT_NOBITS) continue;
    const auto name = names.substr(candidate.sh_name);
    if (name.substr(0, name.find('\0')) == ".modinfo") return content(candidate);
  }
  return {};
}

}  // namespace

std::string decompress_module(std::string bytes, std::string_view path) {
  if (bytes.starts_with(ELFMAG)) return bytes;
  const std::unique_ptr<archive, ArchiveCloser> reader(archive_read_new());
  archive_read_support_format_raw(reader.get());
  for (const auto support :
       {archive_read_support_filter_xz, archive_read_support_filter_zstd, archive_read_support_filter_gzip}) {
    support(reader.get());
  }
  archive_entry* entry = nullptr;
  const auto fail = [&] {
    const char* why = archive_error_string(reader.get());
    return module_damaged(path, why == nullptr ? "it cannot be decompressed" : why);
  };
  if (archive_read_open_memory(reader.get(), bytes.data(), bytes.size()) != ARCHIVE_OK) throw fail();
  if (archive_read_next_header(reader.get(), &entry) != ARCHIVE_OK) throw fail();
  std::string plain;
  char buffer[65536];
  while (true) {
    const auto got = archive_read_data(reader.get(), buffer, sizeof(buffer));
    if (got < 0) throw fail();
    if (got == 0) break;
    plain.append(buffer, static_cast<std::size_t>(got));
    if (plain.size() > kMaxModuleBytes) throw module_damaged(path, "it is larger than 64 MiB");
  }
  if (!plain.starts_with(ELFMAG))
    throw module_damaged(path, "it is no ELF file, nor one compressed with xz, zstd or gzip");
  return plain;
}

ModuleInfo read_module_info(std::string_view bytes, std::string_view path) {
  ModuleInfo info;
  for (const auto& pair : split(find_modinfo(bytes, path), '\0')) {
    constexpr std::string_view kDepends = "depends=";
    constexpr std::string_view kSoft = "softdep=pre:";
    if (pair.starts_with(kDepends)) {
      for (const auto& name : split(std::string_view(pair).substr(kDepends.size()), ',')) {
        if (!name.empty()) info.depends.push_back(normal_name(name));
      }
    } else if (pair.starts_with(kSoft)) {
      const auto names = std::string_view(pair).substr(kSoft.size());
      for (const auto& name : split(names.substr(0, names.find("post:")), ' ')) {
        if (!name.empty()) info.soft_depends.push_back(normal_name(name));
      }
    }
  }
  return info;
}

std::vector<KernelModule> collect_modules(const ImageFile& image_file, std::string_view kernel_version,
                                          std::span<const ModuleWish> wishes) {
  Collector collector(image_file, kernel_version);
  for (const auto& wish : wishes) collector.add(wish.name, wish.need);
  return collector.take();
}

}  // namespace blueprint::sandbox
