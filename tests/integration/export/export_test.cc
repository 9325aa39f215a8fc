// An image served by nbdkit with our plugin, read by other people's clients.

#include <algorithm>
#include <catch2/catch.hpp>
#include <csignal>
#include <future>
#include <random>

#include <sys/stat.h>

#include "base/file.h"
#include "base/json.h"
#include "base/process.h"
#include "base/thread_pool.h"
#include "layers/content_digest.h"
#include "layers/export_server.h"
#include "layers/store.h"
#include "tests/unit/layers/memory_blobs.h"
#include "tests/unit/layers/message.h"

using namespace blueprint;
using namespace blueprint::layers;
using blueprint::layers::testing::BlobBuilder;
using blueprint::layers::testing::message_of;

namespace {

namespace fs = std::filesystem;

/// A store with one image of two layers whose device is known byte by byte: mostly holes, some data, some data made
/// holes again.
struct Exported {
  TempDir directory;
  Store store{directory.path() / "store"};
  std::vector<LayerRef> layers;
  std::string device = std::string(70 << 20, '\0');
  Digest content_digest;

  Exported() {
    std::mt19937 random(3);
    SpanTree spans;
    for (int layer = 0; layer < 2; ++layer) {
      BlobBuilder builder;
      builder.index.device_bytes = device.size();
      for (std::size_t block = 7 + random() % 50; block + 32 < device.size() / kBlockSize;
           block += 40 + random() % 2000) {
        if (layer == 1 && random() % 4 != 0) continue;
        const auto blocks = static_cast<std::uint32_t>(1 + random() % 32);
        std::string data(blocks * kBlockSize, '\0');
        Extent extent{block, blocks, Extent::kZero, 0};
        if (layer == 0 || random() % 2 == 0) {
          for (char& byte : data) byte = static_cast<char>('a' + random() % 5);
          extent.frame = builder.add_frame(data);
        }
        device.replace(block * kBlockSize, data.size(), data);
        builder.index.extents.push_back(extent);
      }
      for (std::size_t span = 0; span < device.size() / kSpanBytes; ++span) {
        const auto bytes = std::as_bytes(std::span(device)).subspan(span * kSpanBytes, kSpanBytes);
        if (const Digest leaf = span_digest(bytes); leaf != spans.get(span)) {
          spans.set(span, leaf);
          builder.index.spans.push_back({span, leaf});
        }
      }
      content_digest = builder.index.content_digest = spans.root(device.size());
      layers.push_back(LayerRef{.digest = store.add_blob(builder.blob()), .content_digest = content_digest});
    }
  }

  [[nodiscard]] ExportServer serve(const std::string& name = "serve") const {
    const fs::path place = directory.path() / name;
    fs::create_directories(place);
    return ExportServer({.store = store.root(), .layers = layers, .directory = place});
  }
};

bool missing(std::string_view program) {
  if (find_program(program)) return false;
  WARN("skipped: " << program << " is not installed");
  return true;
}

Finished succeed(std::vector<std::string> argv) {
  Finished finished = run({.argv = std::move(argv)});
  INFO(finished.err);
  REQUIRE(finished.status.success());
  return finished;
}

}  // namespace

TEST_CASE("nbdcopy gets the device byte by byte and its holes stay holes") {
  if (missing("nbdkit") || missing("nbdcopy")) return;
  const Exported exported;
  const ExportServer server = exported.serve();
  const fs::path raw = exported.directory.path() / "raw";
  succeed({"nbdcopy", server.uri(), raw.string()});
  CHECK(read_file(raw) == exported.device);
  struct stat status {};
  REQUIRE(::stat(raw.c_str(), &status) == 0);
  CHECK(static_cast<std::size_t>(status.st_blocks) * 512 < exported.device.size() / 4);
}

TEST_CASE("block status tells holes and data as they are") {
  if (missing("nbdkit") || missing("nbdinfo")) return;
  const Exported exported;
  const ExportServer server = exported.serve();
  const auto expected = open_device(exported.store, exported.layers)->runs(0, exported.device.size());
  const Json map = parse_json(succeed({"nbdinfo", "--map", "--json", server.uri()}).out, "nbdinfo");
  REQUIRE(map.size() == expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    INFO("extent " << i);
    CHECK(map[i]["offset"] == expected[i].offset);
    CHECK(map[i]["length"] == expected[i].length);
    CHECK(map[i]["type"] == (expected[i].hole ? 3 : 0));
  }
}

TEST_CASE("the export says that it is read-only, may have many connections, and which block size it likes") {
  if (missing("nbdkit") || missing("nbdinfo")) return;
  const Exported exported;
  const ExportServer server = exported.serve();
  const Json described = parse_json(succeed({"nbdinfo", "--json", server.uri()}).out, "nbdinfo")["exports"][0];
  CHECK(described["export-size"] == exported.device.size());
  CHECK(described["is_read_only"] == true);
  CHECK(described["can_multi_conn"] == true);
  CHECK(described["can_cache"] == true);
  CHECK(described["block_size_preferred"] == 4096);
}

TEST_CASE("qemu-img makes a qcow2 of the data only, equal to the device") {
  if (missing("nbdkit") || missing("qemu-img")) return;
  const Exported exported;
  const ExportServer server = exported.serve();
  const fs::path raw = exported.directory.path() / "raw";
  const fs::path qcow2 = exported.directory.path() / "qcow2";
  write_file_atomic(raw, exported.device);
  const std::string source = "nbd+unix:///?socket=" + server.socket().string();
  succeed({"qemu-img", "convert", "-f", "raw", "-O", "qcow2", source, qcow2.string()});
  succeed({"qemu-img", "compare", "-f", "raw", "-F", "qcow2", raw.string(), qcow2.string()});
  CHECK(fs::file_size(qcow2) < exported.device.size() / 4);
}

TEST_CASE("the content digest of the exported file is that of the layers, by an independent script") {
  if (missing("nbdkit") || missing("nbdcopy") || missing("python3")) return;
  const Exported exported;
  const ExportServer server = exported.serve();
  const fs::path raw = exported.directory.path() / "raw";
  succeed({"nbdcopy", server.uri(), raw.string()});
  const std::string script = std::string(BLUEPRINT_SOURCE_DIR) + "/tests/verify_content_digest.py";
  CHECK(succeed({"python3", script, raw.string()}).out == exported.content_digest.to_string() + "\n");
  ThreadPool pool(2);
  CHECK(compute_content_digest(*open_device(exported.store, exported.layers), pool) == exported.content_digest);
}

TEST_CASE("a damaged frame is an error at the client and named in the log") {
  if (missing("nbdkit") || missing("nbdcopy")) return;
  const Exported exported;
  const Digest blob = exported.layers[0].digest;
  const auto frames = exported.store.layer_index(blob)->frames;
  const Frame& frame = frames[frames.size() / 2];
  const fs::path path = exported.store.blob_path(blob);
  std::string bytes = read_file(path);
  bytes[frame.offset + frame.compressed_size / 2] ^= 4;
  write_file_atomic(path, bytes);

  const ExportServer server = exported.serve();
  const fs::path raw = exported.directory.path() / "raw";
  const Finished copy = run({.argv = {"nbdcopy", server.uri(), raw.string()}});
  CHECK_FALSE(copy.status.success());
  CHECK(copy.err.find("Input/output error") != std::string::npos);
  CHECK(server.log().find("blob " + blob.to_string() + " is damaged at offset " + std::to_string(frame.offset)) !=
        std::string::npos);
}

TEST_CASE("the server ends with its object") {
  if (missing("nbdkit") || missing("nbdinfo")) return;
  const Exported exported;
  std::string uri;
  {
    ExportServer server = exported.serve();
    uri = server.uri();
    succeed({"nbdinfo", "--size", uri});
  }
  CHECK_FALSE(run({.argv = {"nbdinfo", "--size", uri}}).status.success());
}

TEST_CASE("a watch tells of a server that was killed, and of no other") {
  if (missing("nbdkit")) return;
  const Exported exported;
  const ExportServer server = exported.serve();
  std::promise<void> gone;
  {
    const ExportWatch early(server, [&] { gone.set_value(); });
  }
  const ExportWatch watch(server, [&] { gone.set_value(); });
  ::kill(server.pid(), SIGKILL);
  CHECK(gone.get_future().wait_for(std::chrono::seconds(20)) == std::future_status::ready);
}

TEST_CASE("two servers of one image run side by side, and one starts again where one was killed") {
  if (missing("nbdkit") || missing("nbdinfo")) return;
  const Exported exported;
  const ExportServer first = exported.serve("a");
  const ExportServer second = exported.serve("b");
  succeed({"nbdinfo", "--size", first.uri()});
  succeed({"nbdinfo", "--size", second.uri()});
  write_file_atomic(exported.directory.path() / "left-over", "");
  fs::create_directories(exported.directory.path() / "c");
  fs::copy_file(exported.directory.path() / "left-over", exported.directory.path() / "c/nbd.sock");
  const ExportServer third = exported.serve("c");
  succeed({"nbdinfo", "--size", third.uri()});
}

TEST_CASE("a server that cannot open its image says why") {
  if (missing("nbdkit")) return;
  TempDir directory;
  const Store store(directory.path() / "store");
  const std::vector<LayerRef> layers{LayerRef{.digest = sha256("absent")}};
  const std::string message = message_of(
      [&] { return ExportServer({.store = store.root(), .layers = layers, .directory = directory.path()}).uri(); });
  CHECK(message.find("nbdkit cannot serve the image:") == 0);
  CHECK(message.find("[S010]") != std::string::npos);
  CHECK(message.find(sha256("absent").to_string()) != std::string::npos);
  CHECK(message_of([&] {
          return ExportServer({.store = store.root(), .directory = directory.path(), .plugin = "/nowhere.so"}).uri();
        }) == "the nbdkit plugin of blueprint is missing: /nowhere.so [L007]");
}

TEST_CASE("zstd -d of a layer blob yields its delta data") {
  if (missing("zstd")) return;
  const Exported exported;
  for (const LayerRef& layer : exported.layers) {
    const Finished finished = succeed({"zstd", "-d", "-c", exported.store.blob_path(layer.digest).string()});
    std::size_t offset = 0;
    for (const Frame& frame : exported.store.layer_index(layer.digest)->frames) {
      REQUIRE(offset + frame.size <= finished.out.size());
      CHECK(sha256(std::string_view(finished.out).substr(offset, frame.size)) == frame.digest);
      offset += frame.size;
    }
    CHECK(offset == finished.out.size());
  }
}
