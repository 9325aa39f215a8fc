#include "layers/export.h"

#include <cerrno>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "layers/export_device.h"
#include "layers/export_oci.h"
#include "layers/export_tar.h"

namespace blueprint::layers {
namespace {

/// A device, a pipe or a directory: written to (or refused by open), where a file would be replaced by a new one.
bool is_special(const std::filesystem::path& output) {
  struct stat status {};
  return ::stat(output.c_str(), &status) == 0 && !S_ISREG(status.st_mode);
}

void write_stream(Store& store, const ImageRecord& image, const ExportRequest& request, const ByteSink& sink,
                  ThreadPool& pool, Events& events, std::stop_token stop) {
  switch (request.format) {
    case ExportFormat::Raw: return stream_raw(*open_device(store, image.layers), sink, pool, events, stop);
    case ExportFormat::Qcow2: return stream_qcow2(*open_device(store, image.layers), sink, pool, events, stop);
    case ExportFormat::Tar: return stream_tar(store, image.layers, sink, events, stop);
    case ExportFormat::Oci: return stream_oci(store, image, request.reference_name, sink, pool, events, stop);
  }
}

}  // namespace

std::optional<ExportFormat> parse_export_format(std::string_view name) {
  if (name == "raw") return ExportFormat::Raw;
  if (name == "qcow2") return ExportFormat::Qcow2;
  if (name == "tar") return ExportFormat::Tar;
  if (name == "oci") return ExportFormat::Oci;
  return std::nullopt;
}

void export_image(Store& store, const ImageRecord& image, const ExportRequest& request, ThreadPool& pool,
                  Events& events, std::stop_token stop) {
  events.started(kExportStage, "export");
  const auto sink_to = [](int fd, std::string what) -> ByteSink {
    return [fd, what = std::move(what)](std::span<const std::byte> bytes) { write_all(fd, bytes, what); };
  };
  if (request.output.empty()) {
    write_stream(store, image, request, sink_to(request.fd, "the export"), pool, events, stop);
  } else if (is_special(request.output)) {
    const UniqueFd fd = open_file(request.output, O_WRONLY);
    write_stream(store, image, request, sink_to(fd.get(), request.output.string()), pool, events, stop);
    if (::fsync(fd.get()) != 0 && errno != EINVAL && errno != EROFS)
      throw os_error(fmt::format("write {}", request.output.string()));
  } else {
    AtomicFile file(request.output);
    if (request.format == ExportFormat::Raw) {
      write_raw_file(*open_device(store, image.layers), file.fd(), request.output.string(), pool, events, stop);
    } else {
      write_stream(store, image, request, sink_to(file.fd(), request.output.string()), pool, events, stop);
    }
    // A copy of what the store has: whoever loses power runs the command again.
    file.commit(Durable::No);
  }
  events.finished(kExportStage, request.output.empty() ? "written" : request.output.string());
}

}  // namespace blueprint::layers
