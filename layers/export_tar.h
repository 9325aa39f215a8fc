#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "layers/export_device.h"
#include "layers/file_reader.h"
#include "layers/file_tree.h"

namespace blueprint::layers {

/// Writes a tar archive (POSIX pax interchange format) member by member. Bytes depend on the members only.
class TarWriter {
 public:
  explicit TarWriter(ByteSink sink) : sink_(std::move(sink)) {}

  enum class Holes {
    Keep,   ///< as GNU.sparse 1.0, which GNU tar and Go read
    Zeros,  ///< for readers that know plain pax only
  };
  /// Adds a file of an image under its path; `reader` gives the bytes of regular files. Sockets have no form in tar:
  /// false, and nothing is written.
  bool add(const FileTree::Entry& entry, FileReader& reader, Holes holes);
  /// Adds another name of a member that was added before.
  void add_link(const FileTree::Entry& entry, std::string_view to);
  /// Adds a regular file with these bytes, mode 0644, owned by root, of the time 0.
  void add_bytes(std::string_view name, std::string_view bytes);
  /// The same for a file of which the bytes follow by write(), exactly `size_bytes` of them, before the next member.
  void begin_bytes(std::string_view name, std::uint64_t size_bytes);
  void write(std::span<const std::byte> bytes);
  /// The end of the archive. No member may follow.
  void finish();

 private:
  struct Header;
  void write_header(const Header& header);
  void pad();
  void add_data(Header& header, const FileTree::Entry& entry, FileReader& reader, Holes holes);

  ByteSink sink_;
  std::uint64_t in_member_ = 0;  ///< bytes of the member's data so far
};

/// All files of an image, "./" first. Notes what tar cannot hold.
void stream_tar(const Store& store, const std::vector<LayerRef>& layers, const ByteSink& sink, Events& events,
                std::stop_token stop);

}  // namespace blueprint::layers
