#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace blueprint::test {

/// A member of a tar archive, exactly as given: names and types are not checked, so that archives can be hostile.
struct TarMember {
  std::string name;
  std::string content;
  char type =
      '0';  ///< '0' file, '1' hard link, '2' symlink, '3' character device, '4' block device, '5' directory, '6' fifo
  std::string link;
  std::uint32_t mode = 0644;
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::string user = "root";
  std::string group = "root";
  std::int64_t mtime = 1600000000;
};

[[nodiscard]] TarMember directory(std::string name, std::uint32_t mode = 0755);
[[nodiscard]] TarMember file(std::string name, std::string content, std::uint32_t mode = 0644);
[[nodiscard]] TarMember symlink(std::string name, std::string target);
[[nodiscard]] TarMember hard_link(std::string name, std::string target);

[[nodiscard]] std::string tar_bytes(const std::vector<TarMember>& members);
[[nodiscard]] std::string ar_bytes(const std::vector<std::pair<std::string, std::string>>& members);

/// A .deb in the making.
struct TestDeb {
  std::string name = "sample";
  std::string version = "1.0";
  std::string architecture = "all";
  std::string fields;  ///< more lines of the control file, each with its newline
  std::vector<std::pair<std::string, std::string>>
      scripts;  ///< ("postinst", "#!/bin/sh …"), also "conffiles", "triggers", …
  std::vector<TarMember> members;
  std::string compressor;  ///< "", "gzip", "xz" or "zstd": the program that compresses data.tar
  [[nodiscard]] std::string bytes() const;
};

}  // namespace blueprint::test
