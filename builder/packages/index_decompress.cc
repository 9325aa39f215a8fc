#include "builder/packages/index_decompress.h"

#include <memory>

#include <archive.h>
#include <archive_entry.h>

#include "builder/packages/errors.h"

namespace blueprint::packages {

void decompress_index(std::span<const std::byte> bytes, std::uint64_t max_bytes, std::string_view what,
                      const std::function<void(std::span<const std::byte>)>& sink) {
  const std::unique_ptr<archive, int (*)(archive*)> reader(archive_read_new(), archive_read_free);
  const auto check = [&](int result) {
    if (result < ARCHIVE_WARN) throw damaged_index(what, archive_error_string(reader.get()));
  };
  check(archive_read_support_filter_xz(reader.get()));
  check(archive_read_support_filter_zstd(reader.get()));
  check(archive_read_support_filter_gzip(reader.get()));
  check(archive_read_support_format_raw(reader.get()));
  check(archive_read_support_format_empty(reader.get()));  // an empty pocket has an empty index
  check(archive_read_open_memory(reader.get(), bytes.data(), bytes.size()));
  archive_entry* entry = nullptr;
  const int header = archive_read_next_header(reader.get(), &entry);
  if (header == ARCHIVE_EOF) return;  // an empty file
  check(header);
  std::uint64_t total = 0;
  while (true) {
    const void* data = nullptr;
    std::size_t size = 0;
    la_int64_t offset = 0;
    const int result = archive_read_data_block(reader.get(), &data, &size, &offset);
    if (result == ARCHIVE_EOF) return;
    check(result);
    total += size;
    if (total > max_bytes) throw damaged_index(what, "it is longer than its Release file says");
    sink({static_cast<const std::byte*>(data), size});
  }
}

}  // namespace blueprint::packages
