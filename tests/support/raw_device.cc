#include "tests/support/raw_device.h"

#include <algorithm>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"

namespace blueprint::tests {

void write_raw(const layers::BlockSource& device, const std::filesystem::path& file) {
  const UniqueFd fd = open_file(file, O_WRONLY | O_CREAT | O_TRUNC);
  if (::ftruncate(fd.get(), static_cast<off_t>(device.device_bytes())) != 0)
    throw os_error("truncate " + file.string());
  std::vector<std::byte> buffer(1 << 20);
  for (const auto& run : device.runs(0, device.device_bytes())) {
    if (run.hole) continue;
    for (std::uint64_t done = 0; done < run.length;) {
      const auto part = std::span(buffer).first(std::min<std::uint64_t>(buffer.size(), run.length - done));
      device.read(run.offset + done, part);
      pwrite_all(fd.get(), part, run.offset + done, file.string());
      done += part.size();
    }
  }
}

}  // namespace blueprint::tests
