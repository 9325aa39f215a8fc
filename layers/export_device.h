#pragma once

#include <functional>
#include <stop_token>
#include <string_view>

#include "base/events.h"
#include "base/thread_pool.h"
#include "layers/block_source.h"

namespace blueprint::layers {

/// The stage under which export reports.
inline constexpr std::string_view kExportStage = "export";

/// Takes the bytes of an export in order.
using ByteSink = std::function<void(std::span<const std::byte>)>;

/// Reads [offset, offset + length) of a device ahead, on the threads of `pool`, and gives it to `sink` in order.
void stream_device(const BlockSource& device, std::uint64_t offset, std::uint64_t length, const ByteSink& sink,
                   ThreadPool& pool, std::stop_token stop);

/// The whole device, zeros for holes, to something that cannot seek.
void stream_raw(const BlockSource& device, const ByteSink& sink, ThreadPool& pool, Events& events,
                std::stop_token stop);

/// A qcow2 (version 3) image of the device. Written front to back: where everything will lie is known from the device's
/// holes.
void stream_qcow2(const BlockSource& device, const ByteSink& sink, ThreadPool& pool, Events& events,
                  std::stop_token stop);

}  // namespace blueprint::layers
