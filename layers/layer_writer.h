#pragma once

#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "base/digest.h"
#include "base/events.h"
#include "base/thread_pool.h"
#include "layers/changeset.h"
#include "layers/image.h"
#include "layers/store.h"
#include "layers/time_clamp.h"

namespace blueprint::layers {

struct WriteOptions {
  std::string name;                          ///< of the layer, for LayerRef and events
  std::int64_t epoch = 0;                    ///< every time in the file system is clamped to it; 0 = 1970
  std::uint64_t device_bytes = 16ULL << 30;  ///< of a new file system (no parent); a multiple of 128 MiB
  std::vector<Digest> cite;  ///< layers whose frames may be cited besides the parents': a previous build
};

struct WriteResult {
  LayerRef layer;
  std::uint64_t device_bytes = 0;
  std::uint64_t data_bytes = 0;    ///< file data put by the changes, before compression
  std::uint64_t stored_bytes = 0;  ///< frames stored in the new blob
  std::uint64_t cited_bytes = 0;   ///< uncompressed bytes that are cited instead of stored
};

/// Applies `changes` to the device of `parent` (empty = a new ext4 file system) and stores the delta as a layer blob.
///
/// Nothing is mounted and no privilege is needed. Same parent and same changes give the same bytes, whatever the number
/// of threads. Memory is bounded whatever the size of the files. Nothing is visible in the store before the blob is
/// complete. A frame that the parents or `options.cite` have is cited and not stored again (cite_repack.h says up to
/// which dead weight).
///
/// Throws Error L020 (a parent that cannot be continued), L021 (the device is full), L022 (a change that does not fit
/// its parent, such as a file put below a file), L023 (what ext4 cannot hold), L030 (a file that changed while it was
/// read), L031 (a StoredFile that is not there), each naming the path; os_error, such as for a full disk; Interrupted.
/// Call it from no job of `pool`: it waits for jobs of its own.
[[nodiscard]] WriteResult write_layer(Store& store, const std::vector<LayerRef>& parent,
                                      std::vector<PlannedChange> changes, const WriteOptions& options, ThreadPool& pool,
                                      Events& events, std::stop_token stop);

/// The changes that turn `parent` into what overlayfs shows for `upper` over it: whiteouts (0/0 character devices)
/// become Remove, opaque directories remove what they hide, a copied-up file whose bytes are the parent's becomes
/// Metadata. Times are what `times` makes of them; overlay's own xattrs are dropped. `skip` lists paths (and all below)
/// that are not part of the layer.
[[nodiscard]] std::vector<PlannedChange> diff_upper(const std::string& upper, const FileTree& parent,
                                                    const TimeClamp& times, const std::vector<std::string>& skip,
                                                    ThreadPool& pool);

/// Writes what a layer changed into `directory` in overlayfs' form, to serve as a lower directory. Needs root for
/// owners, devices and trusted.* xattrs.
void checkout_layer(const Store& store, const std::vector<LayerRef>& layers, std::size_t which,
                    const std::string& directory, ThreadPool& pool);

}  // namespace blueprint::layers
