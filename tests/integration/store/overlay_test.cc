// diff_upper and checkout_layer against the kernel's overlayfs: random changes are made through a real mount over
// checked-out layers; the layer that comes out, checked out again, must show the same merged tree and yield the same
// changes.

#include <random>
#include <set>

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <catch2/catch.hpp>

#include "base/error.h"
#include "base/file.h"
#include "base/root_dir.h"
#include "layers/diff_scan.h"
#include "layers/layer_writer.h"

namespace fs = std::filesystem;
using namespace blueprint;
using namespace blueprint::layers;

namespace {

constexpr std::int64_t kEpoch = 1'700'000'000;

/// A mount namespace of our own, so that no mount of ours outlives the test. False when we may not.
bool own_mounts() {
  static const bool done =
      ::unshare(CLONE_NEWNS) == 0 && ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
  return done;
}

class Overlay {
 public:
  /// `lower` parent first.
  Overlay(const std::vector<fs::path>& lower, const fs::path& upper, const fs::path& work, const fs::path& at)
      : at_(at) {
    std::string layers;
    for (auto path = lower.rbegin(); path != lower.rend(); ++path)
      layers += (layers.empty() ? "" : ":") + path->string();
    std::string options = "redirect_dir=off,metacopy=off,lowerdir=" + layers;
    // volatile: unmounting would otherwise wait for all that the host has to write to this disk.
    if (!upper.empty()) options += fmt::format(",volatile,upperdir={},workdir={}", upper.string(), work.string());
    if (::mount("overlay", at.c_str(), "overlay", 0, options.c_str()) != 0) throw os_error("mount overlay " + options);
  }
  ~Overlay() { ::umount2(at_.c_str(), 0); }
  Overlay(const Overlay&) = delete;
  Overlay& operator=(const Overlay&) = delete;

 private:
  fs::path at_;
};

/// All that can be seen of a tree, one line per name; times clamped.
std::vector<std::string> look_at(const fs::path& root) {
  ThreadPool pool(2);
  const RootDir directory(root.string());
  std::vector<std::string> lines;
  for (const auto& file : scan_upper(directory, {}, pool)) {
    const Metadata& m = file.metadata;
    const auto time = std::min(m.mtime, Timestamp{.seconds = kEpoch});
    std::string line = fmt::format("{} type {} mode {:o} {}:{} time {}.{} size {} target {} dev {}:{}", file.path,
                                   static_cast<int>(file.type), m.mode, m.uid, m.gid,
                                   file.path.empty() ? 0 : time.seconds, file.path.empty() ? 0 : time.nanoseconds,
                                   file.size, file.target, file.device_major, file.device_minor);
    for (const auto& xattr : m.xattrs) line += fmt::format(" {}={}", xattr.name, sha256(xattr.value).short_hex());
    if (file.type == FileType::Regular) line += " " + sha256(directory.read_file(file.path)).hex();
    lines.push_back(std::move(line));
  }
  return lines;
}

/// Makes random changes to a directory. Operations that do not apply (a rename that overlayfs refuses) are passed over.
class Vandal {
 public:
  Vandal(fs::path root, std::mt19937& random) : root_(std::move(root)), random_(random) {}

  void act() {
    collect();
    const fs::path some = any();
    const fs::path fresh = directory_of_any() / fmt::format("n{}", number(40));
    switch (number(17)) {
      case 0:
      case 1:
      case 2: write(fresh, contents()); break;
      case 3: ::mkdir(fresh.c_str(), 0755); break;
      case 4: ::symlink(std::string(1 + number(200), 't').c_str(), fresh.c_str()); break;
      case 5: ::link(some.c_str(), fresh.c_str()); break;
      case 6: ::rename(some.c_str(), fresh.c_str()); break;
      case 7:
        if (some != root_) remove_tree(some);
        break;
      case 8: ::chmod(some.c_str(), static_cast<mode_t>(number(010000)) | 0700U); break;
      case 9: ::lchown(some.c_str(), number(100'000), number(100'000)); break;
      case 10: ::lsetxattr(some.c_str(), "user.mark", contents().data(), 1 + number(100), 0); break;
      case 11: append(some); break;
      case 12: touch(some); break;
      case 13: ::mkfifo(fresh.c_str(), 0644); break;
      case 14: ::mknod(fresh.c_str(), S_IFBLK | 0600, makedev(7, number(300))); break;
      case 15: replace(some); break;
      default: sparse(fresh); break;
    }
  }

 private:
  unsigned number(unsigned below) { return std::uniform_int_distribution<unsigned>(0, below - 1)(random_); }

  std::string contents() {
    const unsigned sizes[] = {0, 1, 100, 4096, 5000, 70'000, 300'000};
    return std::string(sizes[number(7)], static_cast<char>('a' + number(26))) + std::to_string(number(5));
  }

  void collect() {
    all_.clear();
    directories_ = {root_};
    for (const auto& entry : fs::recursive_directory_iterator(root_)) {
      all_.push_back(entry.path());
      if (entry.is_directory() && !entry.is_symlink()) directories_.push_back(entry.path());
    }
    // The order of a directory is the file system's business; the seed alone decides here.
    std::sort(all_.begin(), all_.end());
    std::sort(directories_.begin(), directories_.end());
  }
  fs::path any() { return all_.empty() ? root_ : all_[number(static_cast<unsigned>(all_.size()))]; }
  fs::path directory_of_any() { return directories_[number(static_cast<unsigned>(directories_.size()))]; }

  static void write(const fs::path& path, const std::string& bytes) {
    const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0644));
    if (fd) (void)!::write(fd.get(), bytes.data(), bytes.size());
  }
  void append(const fs::path& path) {
    struct stat status {};
    if (::lstat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return;
    const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC));
    const std::string bytes = contents();
    if (fd) (void)!::write(fd.get(), bytes.data(), bytes.size());
  }
  void touch(const fs::path& path) {
    const timespec time{.tv_sec = kEpoch - number(1000), .tv_nsec = number(1'000'000)};
    const timespec times[2] = {time, time};
    ::utimensat(AT_FDCWD, path.c_str(), times, AT_SYMLINK_NOFOLLOW);
  }
  void replace(const fs::path& path) {
    if (path == root_) return;
    const bool was_directory = fs::is_directory(fs::symlink_status(path));
    remove_tree(path);
    if (was_directory && number(2) == 0) {
      write(path, contents());
    } else {
      ::mkdir(path.c_str(), 0750);
      write(path / "inside", contents());
    }
  }
  void sparse(const fs::path& path) {
    const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0644));
    if (!fd) return;
    (void)!::pwrite(fd.get(), "data", 4, 4096 * (1 + number(100)));
    ::ftruncate(fd.get(), 4096 * 200 + number(4096));
  }

  fs::path root_;
  std::mt19937& random_;
  std::vector<fs::path> all_;
  std::vector<fs::path> directories_;
};

/// What diff_upper can say of a change: without frames.
std::vector<Change> said(const std::vector<PlannedChange>& planned, const FileTree& after) {
  std::vector<Change> changes;
  for (const auto& entry : planned) {
    Change change = entry.change;
    change.data_digest = {};
    if (change.kind == ChangeKind::Put && change.type == FileType::Regular) {
      if (const auto* entry_after = after.find(change.path)) change.data_digest = entry_after->data_digest;
    }
    changes.push_back(std::move(change));
  }
  return changes;
}

std::vector<std::string> describe(const std::vector<Change>& changes) {
  std::vector<std::string> lines;
  for (const auto& c : changes) {
    lines.push_back(fmt::format("kind {} {} type {} mode {:o} {}:{} {}.{} xattrs {} link {} size {} {}",
                                static_cast<int>(c.kind), c.path, static_cast<int>(c.type), c.metadata.mode,
                                c.metadata.uid, c.metadata.gid, c.metadata.mtime.seconds, c.metadata.mtime.nanoseconds,
                                c.metadata.xattrs.size(), c.link_to, c.size, c.data_digest.short_hex()));
  }
  return lines;
}

/// The lines that only one of them has; empty when they are equal.
std::string difference(const std::vector<std::string>& left, const std::vector<std::string>& right) {
  const std::set<std::string> in_left(left.begin(), left.end());
  const std::set<std::string> in_right(right.begin(), right.end());
  std::string text;
  for (const auto& line : in_left) text += in_right.contains(line) ? "" : "- " + line + "\n";
  for (const auto& line : in_right) text += in_left.contains(line) ? "" : "+ " + line + "\n";
  return text;
}

/// An image that grows layer by layer, and its layers' checkouts.
class Image {
 public:
  explicit Image(const fs::path& directory) : directory_(directory), store_(directory / "store") {}

  FileTree tree() const { return load_tree(store_, layers_); }
  const std::vector<fs::path>& checkouts() const { return checkouts_; }
  fs::path make(std::string_view name) const {
    const fs::path path = directory_ / fmt::format("{}{}", name, layers_.size());
    fs::create_directory(path);
    fs::permissions(path, fs::perms(0755));
    return path;
  }

  std::vector<PlannedChange> diff(const fs::path& upper, const FileTree& parent) {
    return diff_upper(upper.string(), parent, {.epoch = kEpoch}, {}, pool_);
  }

  void add_layer(const std::vector<PlannedChange>& changes) {
    NoEvents events;
    layers_.push_back(write_layer(store_, layers_, changes,
                                  {.name = "layer", .epoch = kEpoch, .device_bytes = 128ULL << 20}, pool_, events, {})
                          .layer);
    checkouts_.push_back(make("checkout"));
    checkout_layer(store_, layers_, layers_.size() - 1, checkouts_.back().string(), pool_);
  }

 private:
  fs::path directory_;
  Store store_;
  ThreadPool pool_{2};
  std::vector<LayerRef> layers_;
  std::vector<fs::path> checkouts_;
};

void grow(Image& image, std::mt19937& random) {
  const FileTree parent = image.tree();
  const fs::path upper = image.make("upper");
  const fs::path merged = image.make("merged");
  std::vector<std::string> seen;
  const bool first = image.checkouts().empty();
  {
    std::optional<Overlay> overlay;
    if (!first) overlay.emplace(image.checkouts(), upper, image.make("work"), merged);
    Vandal vandal(first ? upper : merged, random);
    const int actions = first ? 60 : 25;
    for (int i = 0; i < actions; ++i) vandal.act();
    if (first) {  // the root directory of a new image is root's, whatever the builder's directory is
      REQUIRE(::chown(upper.c_str(), 0, 0) == 0);
      fs::permissions(upper, fs::perms(0755));
    }
    seen = look_at(first ? upper : merged);
  }
  const auto changes = image.diff(upper, parent);
  image.add_layer(changes);

  const FileTree after = image.tree();
  const auto again = image.diff(image.checkouts().back(), parent);
  CHECK(difference(describe(said(changes, after)), describe(said(again, after))) == "");
  if (first) {
    CHECK(difference(seen, look_at(image.checkouts().front())) == "");
    return;
  }
  const Overlay overlay(image.checkouts(), {}, {}, merged);
  CHECK(difference(seen, look_at(merged)) == "");
  CHECK(image.diff(merged, after).empty());
}

}  // namespace

TEST_CASE("layers checked out under the kernel's overlay show what a step saw") {
  if (::geteuid() != 0 || !own_mounts()) {
    WARN("skipped: mounting an overlay needs root and CAP_SYS_ADMIN");
    return;
  }
  const char* wanted = std::getenv("BLUEPRINT_TEST_SEED");
  const unsigned first_seed = wanted != nullptr ? static_cast<unsigned>(std::atoi(wanted)) : 1;
  const unsigned count = wanted != nullptr ? 1 : 12;
  for (unsigned seed = first_seed; seed < first_seed + count; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    const TempDir dir;
    Image image(dir.path());
    for (int layer = 0; layer < 5; ++layer) {
      CAPTURE(layer);
      grow(image, random);
    }
  }
}
