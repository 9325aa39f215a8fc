#include "layers/export.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include <catch2/catch.hpp>

#include "base/error.h"
#include "base/json.h"
#include "base/process.h"
#include "base/root_dir.h"
#include "base/text.h"
#include "layers/diff_scan.h"
#include "tests/integration/store/image_fixture.h"

namespace fs = std::filesystem;
using namespace blueprint;
using namespace blueprint::layers;

namespace {

/// One line per name, with all that an archive should carry.
std::vector<std::string> look_at(const fs::path& root) {
  ThreadPool pool(2);
  const RootDir directory(root.string());
  std::vector<std::string> lines;
  std::map<std::uint64_t, std::string> first_names;
  for (const auto& file : scan_upper(directory, {}, pool)) {
    const Metadata& m = file.metadata;
    std::string line = fmt::format("{} type {} mode {:o} {}:{} time {}.{} size {} target {} dev {}:{}", file.path,
                                   static_cast<int>(file.type), m.mode, m.uid, m.gid, m.mtime.seconds,
                                   m.mtime.nanoseconds, file.size, file.target, file.device_major, file.device_minor);
    for (const auto& xattr : m.xattrs) line += fmt::format(" {}={}", xattr.name, sha256(xattr.value).short_hex());
    if (file.type == FileType::Regular) {
      line += " " + sha256(directory.read_file(file.path)).hex();
      if (file.links > 1) line += " same as " + first_names.emplace(file.inode, file.path).first->second;
    }
    lines.push_back(std::move(line));
  }
  return lines;
}

std::string capability() {
  return std::string("\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", 20);
}

/// An image with one of everything, in three layers.
struct Fixture : TestStore {
  std::vector<LayerRef> layers;
  Digest image;

  Fixture() {
    PlannedChange ping = put_file("bin/ping", noise(30'000, 1), 0755);
    ping.change.metadata.xattrs = {{"security.capability", capability()}, {"user.note", "n"}};
    PlannedChange big_owner = put_file("home/file", "mine", 0640);
    big_owner.change.metadata.uid = 4'000'000'000U;
    big_owner.change.metadata.gid = 70'000;
    big_owner.change.metadata.mtime = {.seconds = 1'600'000'000, .nanoseconds = 123'456'789};
    PlannedChange old = put_file("home/old", "before 1970");
    old.change.metadata.mtime = {.seconds = -2, .nanoseconds = 250'000'000};
    PlannedChange device = put("dev-null", FileType::CharDevice, 0666);
    device.change.device_major = 1;
    device.change.device_minor = 3;
    std::string sparse(1 << 20, '\0');
    sparse.replace(500'000, 4, "data");
    const std::string long_name(200, 'n');
    layers.push_back(add_layer(
        {},
        {put_directory(""), put_directory("bin"), put_directory("home", 01777), std::move(ping), std::move(big_owner),
         std::move(old), std::move(device), put("pipe", FileType::Fifo, 0600), put_file("sparse", sparse),
         put_file("empty", ""), put_file(long_name, "long"), put_symlink("link", std::string(300, 't')),
         put_file("home/a", "linked"), put_link("home/b", "home/a"), put_file("\xff\xfe\xe9", "bytes"),
         put_directory("gone"), put_file("gone/file", "x"), put_file("setuid", "s", 04755)},
        "base"));
    layers.push_back(add_layer(
        layers, {remove_path("gone"), put_file("bin/tool", noise(200'000, 2), 0755), put_file("home/old", "newer")},
        "tools"));
    layers.push_back(add_layer(layers, {put_link("home/c", "home/a"), remove_path("empty")}, "links"));
    image = put_image("hello", layers, {.env = {{"LANG", "C.UTF-8"}}, .user = "root", .labels = {{"team", "x"}}});
  }

  fs::path exported(ExportFormat format, const std::string& name = "out") {
    const fs::path file = dir.path() / name;
    export_image(store, store.load_image(image), {.format = format, .output = file, .reference_name = "hello:latest"},
                 pool, events, {});
    return file;
  }
  /// What the same export to a pipe gives.
  std::string piped(ExportFormat format) {
    const fs::path file = dir.path() / "piped";
    const UniqueFd fd = open_file(file, O_WRONLY | O_CREAT | O_TRUNC);
    export_image(store, store.load_image(image), {.format = format, .fd = fd.get(), .reference_name = "hello:latest"},
                 pool, events, {});
    return blueprint::read_file(file);
  }
  fs::path make(const std::string& name) const {
    fs::create_directory(dir.path() / name);
    return dir.path() / name;
  }
  /// The files of the image, written out by checking out a layer that has everything.
  fs::path reference_tree() {
    std::vector<fs::path> lower;
    const fs::path flat = make("flat");
    checkout_layer(store, layers, 0, flat.string(), pool);
    for (std::size_t i = 1; i < layers.size(); ++i) {
      const fs::path layer = make("layer" + std::to_string(i));
      checkout_layer(store, layers, i, layer.string(), pool);
      merge(layer, flat);
    }
    return flat;
  }

 private:
  /// Lays a checked-out layer over a tree as overlayfs would show it.
  static void merge(const fs::path& layer, const fs::path& flat) {
    ThreadPool pool(1);
    for (const auto& file : scan_upper(RootDir(layer.string()), {}, pool)) {
      if (file.type != FileType::Directory) remove_tree(flat / file.path);
    }
    const Finished copied =
        run({.argv = {"tar", "-C", layer.string(), "--xattrs", "--xattrs-include=*", "-cf", "-", "."}});
    REQUIRE(copied.status.success());
    const Finished laid =
        run({.argv = {"tar", "-C", flat.string(), "--xattrs", "--xattrs-include=*", "-xpf", "-"}}, copied.out);
    REQUIRE(laid.status.success());
    for (const auto& file : scan_upper(RootDir(flat.string()), {}, pool)) {
      if (!file.whiteout) continue;
      const fs::path parent = (flat / file.path).parent_path();
      struct stat status {};
      REQUIRE(::stat(parent.c_str(), &status) == 0);
      fs::remove(flat / file.path);
      const timespec times[2] = {status.st_mtim, status.st_mtim};
      REQUIRE(::utimensat(AT_FDCWD, parent.c_str(), times, 0) == 0);
    }
  }
};

Finished run_ok(std::vector<std::string> argv) {
  Finished finished = run({.argv = std::move(argv)});
  CAPTURE(finished.err, finished.out);
  REQUIRE(finished.status.success());
  return finished;
}

std::string difference(const std::vector<std::string>& left, const std::vector<std::string>& right) {
  std::string text;
  for (const auto& line : left) text += std::ranges::count(right, line) != 0 ? "" : "- " + line + "\n";
  for (const auto& line : right) text += std::ranges::count(left, line) != 0 ? "" : "+ " + line + "\n";
  return text;
}

}  // namespace

TEST_CASE("a raw export is the device, and sparse") {
  Fixture f;
  const fs::path raw = f.exported(ExportFormat::Raw);
  const auto device = open_device(f.store, f.layers);
  CHECK(fs::file_size(raw) == device->device_bytes());
  struct stat status {};
  REQUIRE(::stat(raw.c_str(), &status) == 0);
  CHECK(status.st_blocks * 512 < 8 << 20);
  const UniqueFd fd = open_file(raw, O_RDONLY);
  std::vector<std::byte> ours(1 << 20);
  std::vector<std::byte> written(1 << 20);
  for (std::uint64_t offset = 0; offset < device->device_bytes(); offset += ours.size()) {
    device->read(offset, ours);
    pread_all(fd.get(), written, offset, "raw");
    REQUIRE((ours == written));
  }
  run_ok({"e2fsck", "-fn", raw.string()});
  CHECK(sha256(f.piped(ExportFormat::Raw)) == sha256(blueprint::read_file(raw)));
}

TEST_CASE("qemu-img finds a qcow2 export whole and equal to the device") {
  if (!find_program("qemu-img")) {
    WARN("skipped: qemu-img is not installed (package qemu-utils)");
    return;
  }
  Fixture f;
  const fs::path raw = f.exported(ExportFormat::Raw, "raw");
  const fs::path qcow2 = f.exported(ExportFormat::Qcow2, "qcow2");
  run_ok({"qemu-img", "check", "-f", "qcow2", qcow2.string()});
  run_ok({"qemu-img", "compare", "-f", "qcow2", "-F", "raw", qcow2.string(), raw.string()});
  CHECK(fs::file_size(qcow2) < 16 << 20);
  CHECK(sha256(f.piped(ExportFormat::Qcow2)) == sha256(blueprint::read_file(qcow2)));
}

TEST_CASE("GNU tar unpacks a tar export into the files of the image") {
  Fixture f;
  const fs::path tar = f.exported(ExportFormat::Tar);
  const fs::path out = f.make("unpacked");
  const Finished unpacked = run_ok({"tar", "-C", out.string(), "--numeric-owner", "--same-owner", "--xattrs",
                                    "--xattrs-include=*", "-xpf", tar.string()});
  CHECK(unpacked.err.empty());
  CHECK(difference(look_at(f.reference_tree()), look_at(out)) == "");
  struct stat status {};
  REQUIRE(::stat((out / "sparse").c_str(), &status) == 0);
  CHECK(status.st_blocks * 512 < 100'000);
  CHECK(sha256(f.piped(ExportFormat::Tar)) == sha256(blueprint::read_file(tar)));
}

TEST_CASE("a tar export names its members in order and each once") {
  Fixture f;
  const Finished list = run_ok({"tar", "--quoting-style=escape", "-tf", f.exported(ExportFormat::Tar).string()});
  CHECK(list.out.starts_with("./\nbin/\nbin/ping\nbin/tool\ndev-null\nhome/\nhome/a\nhome/b\nhome/c\n"));
}

TEST_CASE("an OCI export is an image that skopeo reads, layer by layer the same files") {
  if (!find_program("skopeo")) {
    WARN("skipped: skopeo is not installed");
    return;
  }
  Fixture f;
  const fs::path archive = f.exported(ExportFormat::Oci, "image.tar");
  const Finished config = run_ok({"skopeo", "inspect", "--config", "oci-archive:" + archive.string()});
  const Json json = parse_json(config.out, "config");
  CHECK(json["config"]["Env"][0] == "LANG=C.UTF-8");
  CHECK(json["rootfs"]["diff_ids"].size() == 3);
  CHECK(json["created"] == "2023-11-14T22:13:20Z");

  // skopeo verifies every digest, the layers' diff_ids included, when it copies with another compression.
  const fs::path copy = f.make("copy");
  run_ok({"skopeo", "copy", "--insecure-policy", "--dest-decompress",
          "oci-archive:" + archive.string() + ":hello:latest", "dir:" + copy.string()});
  const Json manifest = parse_json(blueprint::read_file(copy / "manifest.json"), "manifest");
  const fs::path root = f.make("rootfs");
  for (const auto& layer : manifest["layers"]) {
    const std::string file = copy / layer["digest"].get<std::string>().substr(7);
    const Finished names = run_ok({"tar", "--quoting-style=escape", "-tf", file});
    for (const auto& name : split(trim(names.out), '\n')) {
      const std::size_t at = name.rfind(".wh.");
      if (at != std::string::npos) remove_tree(root / (name.substr(0, at) + name.substr(at + 4)));
    }
    run_ok({"tar", "-C", root.string(), "--exclude=.wh.*", "--numeric-owner", "--same-owner", "--xattrs",
            "--xattrs-include=*", "-xpf", file});
  }
  auto expected = look_at(f.reference_tree());
  auto found = look_at(root);
  expected.erase(expected.begin());  // the root directory is the runtime's
  found.erase(found.begin());
  CHECK(difference(expected, found) == "");
}

TEST_CASE("an export is a function of the image") {
  Fixture first;
  Fixture second;
  for (const auto format : {ExportFormat::Qcow2, ExportFormat::Tar, ExportFormat::Oci}) {
    CHECK(sha256(blueprint::read_file(first.exported(format))) ==
          sha256(blueprint::read_file(second.exported(format))));
  }
}

TEST_CASE("an export that is stopped leaves no file") {
  Fixture f;
  std::stop_source stop;
  stop.request_stop();
  for (const auto format : {ExportFormat::Raw, ExportFormat::Qcow2, ExportFormat::Tar, ExportFormat::Oci}) {
    bool interrupted = false;
    try {
      export_image(f.store, f.store.load_image(f.image), {.format = format, .output = f.dir.path() / "stopped"}, f.pool,
                   f.events, stop.get_token());
    } catch (const Interrupted&) {
      interrupted = true;
    }
    CHECK(interrupted);
    CHECK(!fs::exists(f.dir.path() / "stopped"));
  }
}

TEST_CASE("OCI tools read the store itself") {
  if (!find_program("skopeo")) {
    WARN("skipped: skopeo is not installed");
    return;
  }
  Fixture f;
  const std::string reference = "oci:" + f.store.root().string() + ":hello:latest";
  const Finished raw = run_ok({"skopeo", "inspect", "--raw", reference});
  CHECK(sha256(raw.out) == f.image);
  const fs::path copy = f.make("copied");
  run_ok({"skopeo", "copy", "--insecure-policy", "--preserve-digests", reference,
          "oci:" + copy.string() + ":hello:latest"});
  Store other(copy);
  CHECK(other.load_image(f.image).layers == f.layers);
}
