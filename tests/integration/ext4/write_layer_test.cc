// What write_layer promises beyond a right file system: what it stores, what it refuses, what it leaves behind.

#include <catch2/catch.hpp>

#include <algorithm>
#include <fstream>
#include <random>

#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/process.h"
#include "layers/content_digest.h"
#include "layers/data_digest.h"
#include "layers/layer_writer.h"
#include "layers/store.h"
#include "tests/support/raw_device.h"

using namespace blueprint;
using namespace blueprint::layers;

namespace {

PlannedChange put_file(const std::string& path, std::string bytes) {
  PlannedChange planned;
  planned.change.path = path;
  planned.change.metadata.mode = 0644;
  planned.change.size = bytes.size();
  planned.source = MemoryFile{std::move(bytes)};
  return planned;
}

PlannedChange put_directory(const std::string& path) {
  PlannedChange planned;
  planned.change.path = path;
  planned.change.type = FileType::Directory;
  planned.change.metadata.mode = 0755;
  return planned;
}

PlannedChange set_metadata(const std::string& path, std::uint32_t uid) {
  PlannedChange planned;
  planned.change.kind = ChangeKind::Metadata;
  planned.change.path = path;
  planned.change.metadata.mode = 0600;
  planned.change.metadata.uid = uid;
  return planned;
}

PlannedChange remove_path(const std::string& path) {
  PlannedChange planned;
  planned.change.kind = ChangeKind::Remove;
  planned.change.path = path;
  return planned;
}

std::string noise(std::size_t size, unsigned seed) {
  std::mt19937_64 random(seed);
  std::string bytes(size, '\0');
  for (char& c : bytes) c = static_cast<char>(random());
  return bytes;
}

struct Fixture {
  TempDir work;
  Store store{work.path() / "store"};
  ThreadPool pool{2};
  NoEvents events;
  WriteOptions options{.name = "test", .epoch = 1000, .device_bytes = 256ULL << 20};
  std::vector<LayerRef> image;

  WriteResult write(std::vector<PlannedChange> changes) {
    const WriteResult result = write_layer(store, image, std::move(changes), options, pool, events, {});
    image.push_back(result.layer);
    return result;
  }
  std::string code_of(std::vector<PlannedChange> changes) {
    try {
      write(std::move(changes));
    } catch (const Error& error) {
      return error.first().code;
    }
    return "no error";
  }
  [[nodiscard]] std::filesystem::path raw() {
    write_raw_device();
    return work.path() / "raw";
  }
  void write_raw_device() { tests::write_raw(*open_device(store, image), work.path() / "raw"); }
  void require_clean() {
    const Finished fsck = run({.argv = {"e2fsck", "-fn", raw().string()}});
    INFO(fsck.out);
    REQUIRE(fsck.status.success());
  }
  std::string debugfs(const std::string& request) {
    return run({.argv = {"debugfs", "-R", request, raw().string()}}).out;
  }
  [[nodiscard]] const LayerIndex& index() { return *store.layer_index(image.back().digest); }
};

}  // namespace

TEST_CASE("a change of owner stores inode blocks and no data") {
  Fixture f;
  f.write({put_directory("d"), put_file("d/large", noise(5 << 20, 1)), put_file("d/small", "x")});
  const WriteResult result = f.write({set_metadata("d/large", 70000), set_metadata("d/small", 70000)});
  CHECK(result.data_bytes == 0);
  CHECK(result.layer.size_bytes < 4096);
  std::uint64_t blocks = 0;
  for (const Extent& extent : f.index().extents) blocks += extent.blocks;
  CHECK(blocks == 1);
  f.require_clean();
  CHECK(f.debugfs("stat /d/large").find("User: 70000") != std::string::npos);
}

TEST_CASE("a layer that changes nothing has no extents and the parent's content digest") {
  Fixture f;
  f.write({put_file("a", "x")});
  PlannedChange same;
  same.change.kind = ChangeKind::Metadata;
  same.change.path = "a";
  same.change.metadata.mode = 0644;
  const WriteResult result = f.write({same});
  CHECK(f.index().extents.empty());
  CHECK(result.layer.content_digest == f.image.front().content_digest);
}

TEST_CASE("the bytes of a removed or replaced file cannot be found on the device") {
  Fixture f;
  const std::string secret = "the secret that must go away";
  f.write({put_directory("d"), put_file("d/removed", secret + noise(9000, 1)),
           put_file("replaced", secret + noise(300000, 2))});
  f.write({remove_path("d"), put_file("replaced", "short")});
  f.require_clean();
  const std::string raw = read_file(f.work.path() / "raw");
  CHECK(raw.find(secret) == std::string::npos);
  CHECK(raw.find("removed") == std::string::npos);
}

TEST_CASE("metadata set through one name of a file is seen through the other") {
  Fixture f;
  PlannedChange link = put_file("b", "");
  link.change.link_to = "a";
  link.source = NoData();
  f.write({put_file("a", "x"), link});
  f.write({set_metadata("b", 4711)});
  f.require_clean();
  CHECK(f.debugfs("stat /a").find("User:  4711") != std::string::npos);
  CHECK(f.debugfs("stat /a").find("Links: 2") != std::string::npos);
}

TEST_CASE("a file of more than 4 GiB with holes takes a few blocks") {
  Fixture f;
  const auto source = f.work.path() / "sparse";
  std::ofstream(source) << "begin";
  REQUIRE(::truncate(source.c_str(), (5LL << 30) - 3) == 0);
  std::ofstream(source, std::ios::app) << "end";
  PlannedChange planned = put_file("sparse", "");
  planned.change.size = 5ULL << 30;
  planned.source = HostFile{source.string()};
  f.write({planned});
  f.require_clean();
  CHECK(f.debugfs("stat /sparse").find("Size: 5368709120") != std::string::npos);
  CHECK(f.debugfs("stat /sparse").find("Blockcount: 16\n") != std::string::npos);  // the first block and the last
}

TEST_CASE("zeros are a hole whether or not the host keeps them as one") {
  Fixture f;
  std::string bytes = noise(1 << 20, 3);
  std::fill(bytes.begin() + (128 << 10), bytes.begin() + (512 << 10), '\0');
  f.write({put_file("zeros", bytes)});
  f.require_clean();
  CHECK(f.debugfs("stat /zeros").find("Blockcount: 1280") != std::string::npos);  // 640 KiB in units of 512 bytes
}

// The last 6 blocks are a piece of their own: too few zeros for a hole, even where the host knows them to be one.
TEST_CASE("a short hole at the end of a large file is none, whether or not the host keeps it") {
  Fixture f;
  const std::string data = noise(kMaxFrameSize, 1);
  const std::uint64_t size = 4 * std::uint64_t{kMaxFrameSize} + 24195;
  const std::filesystem::path host = f.work.path() / "sparse";
  write_file_atomic(host, data);
  std::filesystem::resize_file(host, size);
  PlannedChange sparse = put_file("file", "");
  sparse.change.size = size;
  sparse.source = HostFile{host.string()};
  const WriteResult by_host = f.write({sparse});
  CHECK(f.debugfs("stat /file").find("Blockcount: 1072") != std::string::npos);  // 128 + 6 blocks
  f.image.clear();
  const WriteResult by_bytes = f.write({put_file("file", data + std::string(size - data.size(), '\0'))});
  CHECK(by_host.layer.content_digest == by_bytes.layer.content_digest);
}

TEST_CASE("changes that do not fit their parent are refused with the path") {
  Fixture f;
  f.write({put_file("file", "x"), put_directory("directory")});
  CHECK(f.code_of({put_file("file/below", "x")}) == "L022");
  CHECK(f.code_of({put_file("absent/below", "x")}) == "L022");
  CHECK(f.code_of({set_metadata("absent", 1)}) == "L022");
  CHECK(f.code_of({set_metadata("directory", 1)}) == "L022");
  PlannedChange link = put_file("link", "");
  link.change.link_to = "absent";
  CHECK(f.code_of({link}) == "L022");
  CHECK(f.code_of({put_file("../escape", "x")}) == "L032");
}

TEST_CASE("a device that is too small is an error, and so is a source that changed") {
  Fixture f;
  CHECK(f.code_of({put_file("large", noise(300 << 20, 1))}) == "L021");
  PlannedChange planned = put_file("a", "x");
  const auto source = f.work.path() / "source";
  std::ofstream(source) << "longer than one byte";
  planned.source = HostFile{source.string()};
  CHECK(f.code_of({planned}) == "L030");
  PlannedChange stored = put_file("a", "x");
  f.write({put_file("b", "x")});
  stored.source = StoredFile{f.image.back().digest, "absent"};
  CHECK(f.code_of({stored}) == "L031");
}

TEST_CASE("a layer that is stopped or fails leaves nothing in the store") {
  Fixture f;
  std::stop_source stop;
  stop.request_stop();
  CHECK_THROWS_AS(static_cast<void>(write_layer(f.store, {}, {put_file("a", noise(1 << 20, 1))}, f.options, f.pool,
                                                f.events, stop.get_token())),
                  Interrupted);
  CHECK(f.code_of({put_file("absent/below", "x")}) == "L022");
  CHECK(std::filesystem::is_empty(f.store.tmp()));
  CHECK(std::filesystem::is_empty(f.store.root() / "blobs" / "sha256"));
}

TEST_CASE("a previous build is cited when most of it is needed, and copied from when little is") {
  Fixture f;
  std::vector<PlannedChange> files;
  for (unsigned i = 0; i < 10; ++i) files.push_back(put_file("f" + std::to_string(i), noise(200000, i)));
  const WriteResult before = f.write(files);
  f.image.clear();
  f.options.cite = {before.layer.digest};

  files[3] = put_file("f3", noise(200000, 99));
  const WriteResult most = f.write(files);
  CHECK(f.index().blobs == std::vector<Digest>{before.layer.digest});
  CHECK(most.layer.size_bytes < 250000);

  f.image.clear();
  const WriteResult little = f.write({files[0], files[1]});
  CHECK(f.index().blobs.empty());
  CHECK(little.layer.size_bytes > 400000);
  f.require_clean();
}

TEST_CASE("data that is in two files of a layer is stored once, holes and all, whatever the number of threads") {
  const std::string packed = noise(100000, 1);
  const std::string large = noise(3 * kMaxFrameSize + 777, 2);
  const std::string sparse = noise(20000, 3) + std::string(200000, '\0') + noise(20000, 4);
  const std::string other = noise(100000, 5);  // as large as the first, and another file
  const auto changes = [&] {
    return std::vector<PlannedChange>{
        put_directory("a"),           put_file("a/large", large),   put_file("a/packed", packed),
        put_file("a/sparse", sparse), put_directory("b"),           put_file("b/large", large),
        put_file("b/other", other),   put_file("b/packed", packed), put_file("b/sparse", sparse)};
  };
  Fixture f;
  const WriteResult result = f.write(changes());
  CHECK(result.stored_bytes < packed.size() + large.size() + 40000 + other.size() + 40000);
  f.require_clean();
  for (const std::string directory : {"/a", "/b"}) {
    CHECK(f.debugfs("cat " + directory + "/packed") == packed);
    CHECK(f.debugfs("cat " + directory + "/large") == large);
    CHECK(f.debugfs("cat " + directory + "/sparse") == sparse);
  }
  CHECK(f.debugfs("cat /b/other") == other);
  CHECK(f.debugfs("stat /b/sparse").find("Blockcount: 88") != std::string::npos);  // of 512 bytes
  CHECK(compute_content_digest(*open_device(f.store, f.image), f.pool) == result.layer.content_digest);

  ThreadPool one(1);
  CHECK(write_layer(f.store, {}, changes(), f.options, one, f.events, {}).layer.digest == result.layer.digest);
}

TEST_CASE("a file that changes after it was compared is refused") {
  Fixture f;
  const std::string bytes = noise(100000, 1);
  const std::filesystem::path host = f.work.path() / "file";
  write_file_atomic(host, noise(100000, 2));
  PlannedChange changed = put_file("b", bytes);
  changed.change.data_digest = data_digest(bytes);
  changed.source = HostFile{host.string()};
  CHECK(f.code_of({put_file("a", bytes), changed}) == "L030");
}

TEST_CASE("a new version of one small file stores that file and not its neighbours") {
  Fixture f;
  std::vector<PlannedChange> files;
  for (unsigned i = 0; i < 200; ++i) files.push_back(put_file("small" + std::to_string(i), noise(3000, i)));
  const WriteResult before = f.write(files);
  f.image.clear();
  f.options.cite = {before.layer.digest};
  files[77] = put_file(files[77].change.path, noise(3000, 1234));
  const WriteResult after = f.write(files);
  CHECK(after.layer.size_bytes < before.layer.size_bytes / 10);
  f.require_clean();
}

// The source does not exist any more: whoever opened it would fail.
TEST_CASE("files whose digests are known are put on a changed parent without being read") {
  Fixture f;
  const std::string small = noise(5000, 1);
  const std::string large = noise(3 * kMaxFrameSize + 777, 2);
  f.write({put_file("base", noise(100000, 3))});
  const WriteResult first = f.write({put_directory("opt"), put_file("opt/large", large), put_file("opt/small", small)});

  f.image.clear();
  f.write({put_file("base", noise(150000, 4))});
  f.options.cite = {first.layer.digest};
  std::vector<PlannedChange> again = {put_directory("opt"), put_file("opt/large", large), put_file("opt/small", small)};
  for (PlannedChange& planned : again) {
    if (planned.change.type != FileType::Regular) continue;
    planned.change.data_digest = data_digest(std::get<MemoryFile>(planned.source).bytes);
    planned.source = HostFile{f.work.path() / "absent"};
  }
  const WriteResult second = f.write(std::move(again));
  CHECK(second.layer.size_bytes < 8192);
  f.require_clean();
  CHECK(f.debugfs("cat /opt/small") == small);
  CHECK(f.debugfs("cat /opt/large") == large);
}
