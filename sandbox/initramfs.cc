#include "sandbox/initramfs.h"

#include <fmt/format.h>
#include <sys/stat.h>

namespace blueprint::sandbox {
namespace {

void pad(std::string& bytes, std::size_t alignment) {
  bytes.resize((bytes.size() + alignment - 1) / alignment * alignment);
}

}  // namespace

void CpioWriter::entry(std::string_view path, std::uint32_t mode, std::string_view content, std::uint32_t major,
                       std::uint32_t minor) {
  const std::uint32_t links = S_ISDIR(mode) ? 2 : 1;
  bytes_ += "070701";
  const std::uint32_t fields[] = {inode_++,
                                  mode,
                                  0,
                                  0,
                                  links,
                                  0,
                                  static_cast<std::uint32_t>(content.size()),
                                  0,
                                  0,
                                  major,
                                  minor,
                                  static_cast<std::uint32_t>(path.size() + 1),
                                  0};
  for (const auto field : fields) bytes_ += fmt::format("{:08X}", field);
  bytes_ += path;
  bytes_ += '\0';
  pad(bytes_, 4);
  bytes_ += content;
  pad(bytes_, 4);
}

void CpioWriter::directory(std::string_view path) { entry(path, S_IFDIR | 0755, {}, 0, 0); }

void CpioWriter::file(std::string_view path, std::uint32_t permissions, std::string_view content) {
  entry(path, S_IFREG | permissions, content, 0, 0);
}

void CpioWriter::character_device(std::string_view path, std::uint32_t major, std::uint32_t minor) {
  entry(path, S_IFCHR | 0600, {}, major, minor);
}

std::string CpioWriter::finish() {
  entry("TRAILER!!!", 0, {}, 0, 0);
  pad(bytes_, 512);
  return std::move(bytes_);
}

std::string make_initramfs(std::string_view agent, std::span<const KernelModule> modules) {
  CpioWriter writer;
  writer.directory("dev");
  // Before devtmpfs is mounted, this is where the first process' output goes.
  writer.character_device("dev/console", 5, 1);
  writer.file("init", 0755, agent);
  writer.directory("modules");
  std::string list;
  for (const auto& module : modules) list += fmt::format("{}.ko\n", module.name);
  writer.file("modules/list", 0644, list);
  for (const auto& module : modules) writer.file(fmt::format("modules/{}.ko", module.name), 0644, module.bytes);
  return writer.finish();
}

}  // namespace blueprint::sandbox
