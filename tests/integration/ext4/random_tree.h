#pragma once

#include <cstdint>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

namespace blueprint::tests {

/// Changes a directory at random through the kernel: every kind of file, odd names, holes, hard links, owners, xattrs,
/// bulk changes of one directory, files that become directories and back. The same seed does the same.
class RandomTree {
 public:
  RandomTree(std::filesystem::path root, std::uint64_t seed);

  void change(int steps);

 private:
  using Path = std::filesystem::path;
  [[nodiscard]] std::uint64_t below(std::uint64_t limit) { return random_() % limit; }
  [[nodiscard]] std::string name();
  [[nodiscard]] std::string bytes(std::size_t size);
  [[nodiscard]] std::vector<Path> find(bool (*wanted)(const std::filesystem::directory_entry&));
  [[nodiscard]] Path any_directory();
  [[nodiscard]] Path new_path();
  [[nodiscard]] Path any_file();

  void step();
  void make_file(const Path& path);
  void make_sparse_file(const Path& path);
  void edit_file(const Path& path);
  void make_special(const Path& path);
  void change_metadata(const Path& path);
  void set_xattrs(const Path& path);
  void fill(const Path& directory);
  void thin_out(const Path& directory);
  void stamp(const Path& path);

  Path root_;
  std::mt19937_64 random_;
};

}  // namespace blueprint::tests
