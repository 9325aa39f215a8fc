#include "layers/cite_repack.h"

#include <vector>

#include "layers/blob_reader.h"
#include "layers/frame_loader.h"

namespace blueprint::layers {

Repacked repack(BlobWriter& draft, const Store& store, const std::unordered_set<Digest, DigestHash>& needed) {
  const std::vector<Digest> blobs = draft.blobs();
  std::vector<std::uint64_t> used(blobs.size() + 1);
  for (const Frame& frame : draft.frames()) used[frame.blob] += frame.compressed_size;

  const BlobFiles files(store.root() / "blobs" / "sha256");
  std::vector<bool> copy(blobs.size() + 1);
  for (std::size_t i = 0; i < blobs.size(); ++i) {
    if (needed.contains(blobs[i])) continue;
    const std::uint64_t size = files.size_bytes(blobs[i]);
    copy[i + 1] = (size - used[i + 1]) * 100 > size * kMaxDeadPercent;
  }

  const FrameLoader loader(files);
  std::vector<std::byte> bytes;
  std::vector<std::byte> compressed;
  Repacked result;
  for (std::uint32_t number = 0; number < draft.frames().size(); ++number) {
    const Frame frame = draft.frames()[number];
    if (!copy[frame.blob]) continue;
    const Digest& blob = blobs[frame.blob - 1];
    bytes.resize(frame.size);
    loader.load(blob, frame, bytes);
    compressed.resize(frame.compressed_size);
    files.read(blob, frame.offset, compressed);
    draft.absorb(number, compressed);
    result.copied_bytes += compressed.size();
  }
  if (result.copied_bytes > 0) result.numbers = draft.renumber();
  return result;
}

}  // namespace blueprint::layers
