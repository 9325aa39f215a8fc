#pragma once

#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/events.h"
#include "base/thread_pool.h"
#include "layers/block_source.h"
#include "layers/image.h"
#include "layers/store.h"

namespace blueprint::layers {

enum class ExportFormat {
  Raw,    ///< the device; holes stay holes in a file and are zeros in a pipe
  Qcow2,  ///< the device for QEMU, without compression
  Tar,    ///< the files: pax, sorted, numeric owners, xattrs, hard links, sparse files
  Oci,    ///< an OCI archive (a tar of an image layout) of a container image: one tar+gzip per layer, with whiteouts
};

/// "raw", "qcow2", "tar", "oci".
[[nodiscard]] std::optional<ExportFormat> parse_export_format(std::string_view name);

struct ExportRequest {
  ExportFormat format = ExportFormat::Raw;
  std::filesystem::path output;  ///< appears complete or not at all; empty = write to `fd`
  int fd = -1;                   ///< borrowed: a pipe or file, written from its position on
  std::string reference_name;    ///< Oci: org.opencontainers.image.ref.name, such as "hello:latest"; may be empty
};

/// Writes an image in a format of others. The same image gives the same bytes. Throws what reading the image throws,
/// os_error naming the output; Interrupted.
void export_image(Store& store, const ImageRecord& image, const ExportRequest& request, ThreadPool& pool,
                  Events& events, std::stop_token stop);

/// The device as bytes from the start of `fd`, a new regular file that becomes as long as the device and sparse where
/// it has holes.
void write_raw_file(const BlockSource& device, int fd, std::string_view what, ThreadPool& pool, Events& events,
                    std::stop_token stop);

}  // namespace blueprint::layers
