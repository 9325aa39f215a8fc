#include "layers/file_reader.h"

#include <catch2/catch.hpp>

#include "base/file.h"
#include "tests/unit/layers/memory_blobs.h"
#include "tests/unit/layers/message.h"

using namespace blueprint;
using namespace blueprint::layers;
using blueprint::layers::testing::BlobBuilder;
using blueprint::layers::testing::message_of;

namespace {

std::string blocks_of(char byte, std::size_t blocks) { return std::string(blocks * kBlockSize, byte); }

Change file(std::string path, std::uint64_t size, std::vector<DataPiece> pieces) {
  Change change;
  change.path = std::move(path);
  change.size = size;
  change.pieces = std::move(pieces);
  return change;
}

/// Two layers: "one" and "sparse" in the first; in the second "cited", whose data is the first layer's, and a link to
/// "sparse".
struct Image {
  TempDir directory;
  Store store{directory.path() / "store"};
  std::vector<LayerRef> layers;

  Image() {
    BlobBuilder first;
    const std::uint32_t letters = first.add_frame(blocks_of('a', 1) + blocks_of('b', 1) + blocks_of('c', 1));
    const std::uint32_t tail = first.add_frame("tail" + std::string(kBlockSize - 4, '\0'));
    first.index.changes = {
        file("empty", 0, {}), file("one", 5000, {{letters, 1, 2}}),
        file("sparse", 3 * kBlockSize + 4, {{letters, 0, 1}, {DataPiece::kHole, 0, 2}, {tail, 0, 1}})};
    add(first.blob());

    BlobBuilder second;
    second.index.blobs = {layers[0].digest};
    Frame frame = store.layer_index(layers[0].digest)->frames[letters];
    frame.blob = 1;
    second.index.frames = {frame};
    Change link;
    link.path = "link";
    link.link_to = "sparse";
    Change directory_change;
    directory_change.path = "zdir";
    directory_change.type = FileType::Directory;
    second.index.changes = {file("cited", kBlockSize, {{0, 2, 1}}), link, directory_change};
    add(second.blob());
  }

  void add(const std::string& blob) { layers.push_back({.digest = store.add_blob(blob)}); }

  [[nodiscard]] std::string read(std::string_view path) const {
    const FileTree tree = load_tree(store, layers);
    return read_file(store, layers, *tree.find(path));
  }
};

}  // namespace

TEST_CASE("a file reads as the pieces of frames that it is made of, cut to its size") {
  const Image image;
  CHECK(image.read("empty").empty());
  CHECK(image.read("one") == blocks_of('b', 1) + std::string(5000 - kBlockSize, 'c'));
  CHECK(image.read("sparse") == blocks_of('a', 1) + blocks_of('\0', 2) + "tail");
}

TEST_CASE("a hard link and a file of cited frames read from the blob that has the data") {
  const Image image;
  CHECK(image.read("link") == image.read("sparse"));
  CHECK(image.read("cited") == blocks_of('c', 1));
}

TEST_CASE("the runs of a file tell its holes") {
  const Image image;
  const FileTree tree = load_tree(image.store, image.layers);
  const auto runs = FileReader(image.store, image.layers).runs(*tree.find("link"));
  REQUIRE(runs.size() == 3);
  CHECK((runs[0].length == kBlockSize && !runs[0].hole));
  CHECK((runs[1].length == 2 * kBlockSize && runs[1].hole));
  CHECK((runs[2].length == 4 && !runs[2].hole));
}

TEST_CASE("what is no regular file cannot be read as one") {
  const Image image;
  CHECK(message_of([&] { return image.read("zdir"); }) == "/zdir is no regular file in the image [L005]");
}

TEST_CASE("an entry of another image is refused") {
  const Image image;
  FileTree::Entry entry = *load_tree(image.store, image.layers).find("one");
  const std::string start = "the layers of the image do not fit each other: /one: ";
  entry.data_path = "two";
  CHECK(message_of([&] { return read_file(image.store, image.layers, entry); }) ==
        start + "its layer does not have its data [L004]");
  entry.data_layer = 7;
  CHECK(message_of([&] { return read_file(image.store, image.layers, entry); }) ==
        start + "its layer is not one of the image [L004]");
}

TEST_CASE("damaged data of a file is an error and never returned") {
  const Image image;
  const auto path = image.store.blob_path(image.layers[0].digest);
  const Frame frame = image.store.layer_index(image.layers[0].digest)->frames[0];
  std::string bytes = read_file(path);
  bytes[frame.offset + frame.compressed_size - 3] ^= 16;
  write_file_atomic(path, bytes);
  CHECK(message_of([&] {
          return image.read("one");
        }).find("blob " + image.layers[0].digest.to_string() + " is damaged at offset 0: ") == 0);
}
