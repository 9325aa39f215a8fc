#include "layers/frame_loader.h"

#include "base/error.h"
#include "layers/errors.h"

namespace blueprint::layers {

void FrameLoader::load(const Digest& blob, const Frame& frame, std::span<std::byte> out) const {
  if (out.size() != frame.size) throw bug("a frame is loaded into a buffer of another size");
  auto tools = take_tools();
  tools->compressed.resize(frame.compressed_size);
  blobs_.read(blob, frame.offset, tools->compressed);
  const bool decoded = tools->zstd.decompress(tools->compressed, out);
  give_back(std::move(tools));  // not on a throw above: rare, and a new one is made then
  if (!decoded) throw damaged_frame(blob, frame.offset, "the frame does not decompress");
  if (sha256(out) != frame.digest)
    throw damaged_frame(blob, frame.offset, "the frame's data does not match its digest");
}

std::unique_ptr<FrameLoader::Tools> FrameLoader::take_tools() const {
  {
    const std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      auto tools = std::move(idle_.back());
      idle_.pop_back();
      return tools;
    }
  }
  return std::make_unique<Tools>();
}

void FrameLoader::give_back(std::unique_ptr<Tools> tools) const {
  const std::lock_guard lock(mutex_);
  idle_.push_back(std::move(tools));
}

}  // namespace blueprint::layers
