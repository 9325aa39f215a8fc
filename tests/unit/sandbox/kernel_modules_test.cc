#include "sandbox/kernel_modules.h"

#include <catch2/catch.hpp>

#include <cstring>
#include <map>

#include <elf.h>

#include "base/error.h"
#include "base/process.h"

namespace blueprint::sandbox {
namespace {

/// The smallest ELF file that has a .modinfo section.
std::string elf_module(std::string_view modinfo) {
  constexpr std::string_view kNames("\0.modinfo\0.shstrtab", 20);
  Elf64_Ehdr header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_shnum = 3;
  header.e_shstrndx = 2;
  header.e_shoff = sizeof(header) + modinfo.size() + kNames.size();
  Elf64_Shdr sections[3] = {};
  sections[1].sh_name = 1;
  sections[1].sh_type = SHT_PROGBITS;
  sections[1].sh_offset = sizeof(header);
  sections[1].sh_size = modinfo.size();
  sections[2].sh_name = 10;
  sections[2].sh_type = SHT_STRTAB;
  sections[2].sh_offset = sizeof(header) + modinfo.size();
  sections[2].sh_size = kNames.size();
  std::string bytes(reinterpret_cast<const char*>(&header), sizeof(header));
  bytes += modinfo;
  bytes += kNames;
  bytes.append(reinterpret_cast<const char*>(sections), sizeof(sections));
  return bytes;
}

std::string module_with(std::string_view depends, std::string_view soft = "") {
  std::string info = "license=GPL";
  info += '\0';
  info += "depends=" + std::string(depends);
  info += '\0';
  if (!soft.empty()) info += "softdep=" + std::string(soft) + '\0';
  return elf_module(info);
}

/// An image with files under usr/lib/modules/6.1.
ImageFile image_of(std::map<std::string, std::string> files) {
  return [files = std::move(files)](std::string_view path) -> std::optional<std::string> {
    constexpr std::string_view kRoot = "usr/lib/modules/6.1/";
    if (!path.starts_with(kRoot)) return std::nullopt;
    const auto found = files.find(std::string(path.substr(kRoot.size())));
    return found == files.end() ? std::nullopt : std::optional(found->second);
  };
}

std::vector<std::string> names_of(const std::vector<KernelModule>& modules) {
  std::vector<std::string> names;
  for (const auto& module : modules) names.push_back(module.name);
  return names;
}

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("modules come after what they depend on, each once, by modules.order alone") {
  const auto image =
      image_of({{"modules.order",
                 "kernel/a/virtio_blk.ko\nkernel/a/virtio.ko\nkernel/a/virtio_ring.ko\nkernel/a/virtio-pci.ko\n"},
                {"kernel/a/virtio_blk.ko", module_with("virtio_ring,virtio")},
                {"kernel/a/virtio-pci.ko", module_with("virtio,virtio_ring")},
                {"kernel/a/virtio.ko", module_with("virtio_ring")},
                {"kernel/a/virtio_ring.ko", module_with("")}});
  const std::vector<ModuleWish> wishes = {{"virtio_pci"}, {"virtio_blk"}};
  CHECK(names_of(collect_modules(image, "6.1", wishes)) == Names{"virtio_ring", "virtio", "virtio_pci", "virtio_blk"});
}

TEST_CASE("what is built in is left out, whether asked for or depended on") {
  const auto image = image_of({{"modules.builtin", "kernel/fs/ext4/ext4.ko\nkernel/v/virtio.ko\n"},
                               {"modules.dep", "kernel/v/virtio_blk.ko: kernel/v/virtio.ko\n"},
                               {"kernel/v/virtio_blk.ko", module_with("virtio")}});
  CHECK(names_of(collect_modules(image, "6.1", std::vector<ModuleWish>{{"ext4"}, {"virtio_blk"}})) ==
        Names{"virtio_blk"});
}

TEST_CASE("a soft dependency is loaded first when there is such a module, and missed by nobody when there is none") {
  const auto image = image_of({{"modules.order", "kernel/ext4.ko\nkernel/crc32c_generic.ko\n"},
                               {"kernel/ext4.ko", module_with("", GENERATE("pre: crc32c absent", "pre: crypto-crc32c",
                                                                           "pre: crypto-crc32c post: other"))},
                               {"kernel/crc32c_generic.ko", module_with("")}});
  CHECK(names_of(collect_modules(image, "6.1", std::vector<ModuleWish>{{"ext4"}})) == Names{"crc32c_generic", "ext4"});
}

TEST_CASE("modules that depend on each other do not make us go round for ever") {
  const auto image = image_of({{"modules.order", "kernel/a.ko\nkernel/b.ko\n"},
                               {"kernel/a.ko", module_with("b")},
                               {"kernel/b.ko", module_with("a")}});
  CHECK(names_of(collect_modules(image, "6.1", std::vector<ModuleWish>{{"a"}})) == Names{"b", "a"});
}

TEST_CASE("a required module that is missing is named, an optional one is not missed") {
  const auto image = image_of({{"modules.order", ""}});
  CHECK(collect_modules(image, "6.1", std::vector<ModuleWish>{{"virtio_rng", ModuleWish::Need::Optional}}).empty());
  try {
    (void)collect_modules(image, "6.1", std::vector<ModuleWish>{{"virtio_blk"}});
    FAIL("no error");
  } catch (const Error& error) {
    CHECK(error.first().code == "V004");
    CHECK(error.first().message == "the image's kernel 6.1 has no module 'virtio_blk', which a VM needs");
  }
}

TEST_CASE("compressed modules are found and decompressed") {
  const auto plain = module_with("");
  for (const auto& [program, suffix] : {std::pair{"xz", ".xz"}, {"zstd", ".zst"}, {"gzip", ".gz"}}) {
    const auto packed = run({.argv = {program, "-c"}}, plain);
    REQUIRE(packed.status.success());
    INFO(suffix);
    const auto image =
        image_of({{"modules.order", "kernel/a.ko\n"}, {std::string("kernel/a.ko") + suffix, packed.out}});
    const auto modules = collect_modules(image, "6.1", std::vector<ModuleWish>{{"a"}});
    REQUIRE(modules.size() == 1);
    CHECK(modules[0].bytes == plain);
  }
}

TEST_CASE("a damaged module is an error that names it, wherever it is cut") {
  const auto whole = module_with("virtio");
  for (std::size_t size = 0; size < whole.size(); ++size) {
    try {
      (void)read_module_info(std::string_view(whole).substr(0, size), "kernel/a.ko");
    } catch (const Error& error) {
      CHECK(error.first().code == "V005");
      CHECK(error.first().message.find("kernel/a.ko") != std::string::npos);
    }
  }
  CHECK_THROWS_AS(read_module_info(std::string_view(whole).substr(0, whole.size() - 1), "a"), Error);
  CHECK_THROWS_AS(decompress_module("no compression that we know", "a"), Error);
}

TEST_CASE("offsets in a module's headers that point anywhere are refused or harmless") {
  const auto whole = module_with("virtio");
  for (std::size_t at = 0; at < sizeof(Elf64_Ehdr); ++at) {
    for (const int value : {0x00, 0x7f, 0xff}) {
      auto damaged = whole;
      damaged[at] = static_cast<char>(value);
      try {
        (void)read_module_info(damaged, "a");
      } catch (const Error& error) {
        CHECK(error.first().code == "V005");
      }
    }
  }
}

}  // namespace blueprint::sandbox
