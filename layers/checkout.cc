// What a layer changed, as a directory that overlayfs takes for one of its lower layers.
//
// In a lower layer every name is complete: a file whose mode changed has its data too, a directory that is only on the
// way to a change has its own metadata, and all names of a hard-linked file are there when one is. So the names to
// write are: those that the layer put or changed, all other names of their inodes, and every directory above. Names
// that are gone are whiteouts (character devices 0/0); a directory that is new in this layer is opaque, as the kernel
// makes it.
//
// Order: directories (path order); all else in parallel, a batch of neighbours per job, so that small files that share
// a frame decode it once; hard links; last, from the deepest on, what makes directories final, as writing into them
// changes their times.

#include <algorithm>
#include <cerrno>
#include <map>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/root_dir.h"
#include "base/text.h"
#include "layers/checkout_select.h"
#include "layers/file_reader.h"
#include "layers/layer_writer.h"

namespace blueprint::layers {
namespace {

using Entry = FileTree::Entry;

constexpr std::size_t kBatchFiles = 256;
constexpr std::uint64_t kBatchBytes = 8ULL << 20;

std::vector<std::shared_ptr<const LayerIndex>> indices_of(const Store& store, const std::vector<LayerRef>& layers) {
  std::vector<std::shared_ptr<const LayerIndex>> indices;
  for (const auto& layer : layers) indices.push_back(store.layer_index(layer.digest));
  return indices;
}

void check(int result, std::string_view action, const Entry& entry) {
  if (result != 0) throw os_error(fmt::format("{} {}", action, printable(entry.path)));
}

/// Owner first: changing it clears setuid bits and capabilities. Times last.
void apply_metadata(int directory, const std::string& name, const Entry& entry) {
  const Metadata& metadata = entry.metadata;
  check(::fchownat(directory, name.c_str(), metadata.uid, metadata.gid, AT_SYMLINK_NOFOLLOW), "set the owner of",
        entry);
  if (entry.type != FileType::Symlink) {
    check(::fchmodat(directory, name.c_str(), metadata.mode, 0), "set the mode of", entry);
  }
  if (!metadata.xattrs.empty()) {
    const std::string place = fmt::format("/proc/self/fd/{}/{}", directory, name);
    for (const auto& xattr : metadata.xattrs) {
      const int result = ::lsetxattr(place.c_str(), xattr.name.c_str(), xattr.value.data(), xattr.value.size(), 0);
      check(result, fmt::format("set xattr {} of", printable(xattr.name)), entry);
    }
  }
  const timespec time{.tv_sec = metadata.mtime.seconds, .tv_nsec = static_cast<long>(metadata.mtime.nanoseconds)};
  const timespec times[2] = {time, time};
  check(::utimensat(directory, name.c_str(), times, AT_SYMLINK_NOFOLLOW), "set the time of", entry);
}

mode_t node_type(FileType type) {
  switch (type) {
    case FileType::CharDevice: return S_IFCHR;
    case FileType::BlockDevice: return S_IFBLK;
    case FileType::Fifo: return S_IFIFO;
    case FileType::Socket: return S_IFSOCK;
    default: throw bug("not a special file");
  }
}

class Checkout {
 public:
  Checkout(const Store& store, const std::vector<LayerRef>& layers, std::size_t which, const std::string& directory,
           ThreadPool& pool)
      : root_(directory),
        before_(tree_of(indices_of(store, layers), which)),
        after_(tree_of(indices_of(store, layers), which + 1)),
        first_layer_(which == 0),
        store_(store),
        layers_(layers),
        pool_(pool) {
    select(*store.layer_index(layers[which].digest));
  }

  void run() {
    for (const Entry* entry : directories_) make_directory(*entry);
    write_files();
    for (const auto& [first, other] : links_) {
      const auto from = root_.place(first->path);
      const auto to = root_.place(other->path);
      check(::linkat(from.directory.get(), from.name.c_str(), to.directory.get(), to.name.c_str(), 0), "link", *other);
    }
    for (const auto& path : whiteouts_) {
      const auto place = root_.place(path);
      if (::mknodat(place.directory.get(), place.name.c_str(), S_IFCHR, 0) != 0) {
        throw os_error(fmt::format("create a whiteout for {}", printable(path)));
      }
    }
    for (auto entry = directories_.rbegin(); entry != directories_.rend(); ++entry) finish_directory(**entry);
  }

 private:
  void select(const LayerIndex& index) {
    LayerFiles files = layer_files(index, before_, after_);
    whiteouts_ = std::move(files.removed);
    sort_out(files.present);
  }

  void sort_out(const std::vector<const Entry*>& selected) {
    std::map<std::uint64_t, const Entry*> first_names;
    for (const Entry* entry : selected) {
      if (entry->type == FileType::Directory) {
        directories_.push_back(entry);
      } else if (entry->links == 1) {
        others_.push_back(entry);
      } else if (const auto [first, is_new] = first_names.emplace(entry->inode, entry); is_new) {
        others_.push_back(entry);
      } else {
        links_.emplace_back(first->second, entry);
      }
    }
  }

  void make_directory(const Entry& entry) {
    if (entry.path.empty()) return;
    const auto place = root_.place(entry.path);
    check(::mkdirat(place.directory.get(), place.name.c_str(), 0700), "create", entry);
  }

  void finish_directory(const Entry& entry) {
    const bool is_root = entry.path.empty();
    const RootDir::Place place =
        is_root ? RootDir::Place{root_.open("", O_RDONLY | O_DIRECTORY), "."} : root_.place(entry.path);
    const Entry* before = before_.find(entry.path);
    if (!first_layer_ && !is_root && (before == nullptr || before->type != FileType::Directory)) {
      const std::string path = fmt::format("/proc/self/fd/{}/{}", place.directory.get(), place.name);
      check(::lsetxattr(path.c_str(), "trusted.overlay.opaque", "y", 1, 0), "set xattr trusted.overlay.opaque of",
            entry);
    }
    apply_metadata(place.directory.get(), place.name, entry);
  }

  void write_files() {
    TaskGroup tasks(pool_);
    for (std::size_t begin = 0; begin < others_.size();) {
      std::size_t end = begin;
      std::uint64_t bytes = 0;
      while (end < others_.size() && end - begin < kBatchFiles && bytes < kBatchBytes) bytes += others_[end++]->size;
      tasks.run([this, batch = std::span(others_).subspan(begin, end - begin)] {
        FileReader reader(store_, layers_);
        for (const Entry* entry : batch) write_file(*entry, reader);
      });
      begin = end;
    }
    tasks.wait();
  }

  void write_file(const Entry& entry, FileReader& reader) {
    const auto place = root_.place(entry.path);
    const int directory = place.directory.get();
    const char* name = place.name.c_str();
    if (entry.type == FileType::Regular) {
      const UniqueFd fd(::openat(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
      if (!fd) throw os_error(fmt::format("create {}", printable(entry.path)));
      write_data(fd.get(), entry, reader);
    } else if (entry.type == FileType::Symlink) {
      check(::symlinkat(entry.target.c_str(), directory, name), "create", entry);
    } else {
      const dev_t device = makedev(entry.device_major, entry.device_minor);
      check(::mknodat(directory, name, node_type(entry.type) | 0600U, device), "create", entry);
    }
    apply_metadata(directory, place.name, entry);
  }

  /// Holes stay holes: their zeros are passed over.
  static void write_data(int fd, const Entry& entry, FileReader& reader) {
    const auto runs = reader.runs(entry);
    auto run = runs.begin();
    std::uint64_t left_in_run = runs.empty() ? 0 : run->length;
    std::uint64_t offset = 0;
    reader.read(entry, [&](std::span<const std::byte> bytes) {
      while (!bytes.empty()) {
        while (left_in_run == 0) left_in_run = (++run)->length;
        const auto part = bytes.first(std::min<std::uint64_t>(bytes.size(), left_in_run));
        if (!run->hole) pwrite_all(fd, part, offset, printable(entry.path));
        offset += part.size();
        left_in_run -= part.size();
        bytes = bytes.subspan(part.size());
      }
    });
    if (!runs.empty() && runs.back().hole) check(::ftruncate(fd, static_cast<off_t>(entry.size)), "write", entry);
  }

  const RootDir root_;
  const FileTree before_;
  const FileTree after_;
  const bool first_layer_;
  const Store& store_;
  const std::vector<LayerRef> layers_;
  ThreadPool& pool_;
  std::vector<std::string> whiteouts_;
  std::vector<const Entry*> directories_;  ///< in path order
  std::vector<const Entry*> others_;       ///< the first names of what is no directory, in path order
  std::vector<std::pair<const Entry*, const Entry*>> links_;  ///< (first name, another name)
};

}  // namespace

void checkout_layer(const Store& store, const std::vector<LayerRef>& layers, std::size_t which,
                    const std::string& directory, ThreadPool& pool) {
  Checkout(store, layers, which, directory, pool).run();
}

}  // namespace blueprint::layers
