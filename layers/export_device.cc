#include "layers/export_device.h"

#include <algorithm>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "layers/export.h"

namespace blueprint::layers {
namespace {

/// Read by one job: some tens of frames.
constexpr std::uint64_t kChunkBytes = 2ULL << 20;

void stop_if_asked(const std::stop_token& stop) {
  if (stop.stop_requested()) throw Interrupted();
}

std::uint64_t data_bytes(const std::vector<BlockSource::Run>& runs) {
  std::uint64_t bytes = 0;
  for (const auto& run : runs) bytes += run.hole ? 0 : run.length;
  return bytes;
}

}  // namespace

void write_raw_file(const BlockSource& device, int fd, std::string_view what, ThreadPool& pool, Events& events,
                    std::stop_token stop) {
  if (::ftruncate(fd, static_cast<off_t>(device.device_bytes())) != 0) throw os_error(fmt::format("write {}", what));
  const auto runs = device.runs(0, device.device_bytes());
  Events::Progress progress{.bytes_total = data_bytes(runs)};
  TaskGroup tasks(pool);
  for (const auto& run : runs) {
    if (run.hole) continue;
    for (std::uint64_t offset = run.offset; offset < run.offset + run.length; offset += kChunkBytes) {
      stop_if_asked(stop);
      const std::uint64_t length = std::min(kChunkBytes, run.offset + run.length - offset);
      tasks.run([&device, fd, what, offset, length] {
        std::vector<std::byte> bytes(length);
        device.read(offset, bytes);
        pwrite_all(fd, bytes, offset, what);
      });
      tasks.wait_below(2 * pool.size());
      progress.bytes += length;
      events.progress(kExportStage, progress);
    }
  }
  tasks.wait();
}

void stream_device(const BlockSource& device, std::uint64_t offset, std::uint64_t length, const ByteSink& sink,
                   ThreadPool& pool, std::stop_token stop) {
  const std::size_t window = 2 * pool.size();
  std::vector<std::vector<std::byte>> chunks(window);
  for (std::uint64_t done = 0; done < length;) {
    stop_if_asked(stop);
    TaskGroup tasks(pool);
    std::size_t used = 0;
    for (; used < window && done < length; ++used) {
      auto& chunk = chunks[used];
      chunk.resize(std::min(kChunkBytes, length - done));
      tasks.run([&device, &chunk, from = offset + done] { device.read(from, chunk); });
      done += chunk.size();
    }
    tasks.wait();
    for (std::size_t i = 0; i < used; ++i) sink(chunks[i]);
  }
}

void stream_raw(const BlockSource& device, const ByteSink& sink, ThreadPool& pool, Events& events,
                std::stop_token stop) {
  const std::vector<std::byte> zeros(kChunkBytes);
  Events::Progress progress{.bytes_total = device.device_bytes()};
  for (const auto& run : device.runs(0, device.device_bytes())) {
    if (run.hole) {
      for (std::uint64_t left = run.length; left > 0;) {
        stop_if_asked(stop);
        const auto part = std::min(left, kChunkBytes);
        sink(std::span(zeros).first(part));
        left -= part;
      }
    } else {
      stream_device(device, run.offset, run.length, sink, pool, stop);
    }
    progress.bytes += run.length;
    events.progress(kExportStage, progress);
  }
}

}  // namespace blueprint::layers
