#include "layers/frame_loader.h"

#include "base/error.h"
#include "layers/errors.h"

namespace blueprint::layers {

/// A load's turn, and the tools for it. A load that throws leaves none behind: that is rare, and new ones are made
/// then.
class FrameLoader::Turn {
 public:
  explicit Turn(const FrameLoader& loader) : loader_(loader) {
    std::unique_lock lock(loader_.mutex_);
    loader_.turn_.wait(lock, [&] { return loader_.at_once_ < kMostAtOnce; });
    ++loader_.at_once_;
    if (loader_.idle_.empty()) return;
    tools_ = std::move(loader_.idle_.back());
    loader_.idle_.pop_back();
  }
  ~Turn() {
    const std::lock_guard lock(loader_.mutex_);
    --loader_.at_once_;
    loader_.turn_.notify_one();
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

  Tools& tools() {
    if (!tools_) tools_ = std::make_unique<Tools>();
    return *tools_;
  }
  void keep_tools() {
    const std::lock_guard lock(loader_.mutex_);
    loader_.idle_.push_back(std::move(tools_));
  }

 private:
  const FrameLoader& loader_;
  std::unique_ptr<Tools> tools_;
};

void FrameLoader::load(const Digest& blob, const Frame& frame, std::span<std::byte> out) const {
  if (out.size() != frame.size) throw bug("a frame is loaded into a buffer of another size");
  Turn turn(*this);
  Tools& tools = turn.tools();
  tools.compressed.resize(frame.compressed_size);
  blobs_.read(blob, frame.offset, tools.compressed);
  if (!tools.zstd.decompress(tools.compressed, out)) {
    throw damaged_frame(blob, frame.offset, "the frame does not decompress");
  }
  if (sha256(out) != frame.digest)
    throw damaged_frame(blob, frame.offset, "the frame's data does not match its digest");
  turn.keep_tools();
}

}  // namespace blueprint::layers
