#include "builder/steps/input_digests.h"

#include <chrono>

#include <fcntl.h>
#include <fmt/format.h>

#include "base/encoding.h"
#include "base/error.h"
#include "base/file.h"
#include "layers/data_digest.h"

namespace blueprint::steps {
namespace {

constexpr std::string_view kMagic = "blueprint inputs 1\n";

std::int64_t nanoseconds(const timespec& time) { return time.tv_sec * 1'000'000'000LL + time.tv_nsec; }

}  // namespace

void InputDigests::load() {
  if (loaded_) return;
  loaded_ = true;
  const auto text = read_file_if_exists(file_);
  if (!text || !text->starts_with(kMagic)) return;
  ByteReader reader(std::as_bytes(std::span(text->data(), text->size())).subspan(kMagic.size()));
  while (reader.left() > 0) {
    std::string path(reader.string());
    Entry entry{.device = reader.varint(), .inode = reader.varint(), .size = reader.varint()};
    entry.mtime_ns = reader.signed_varint();
    entry.ctime_ns = reader.signed_varint();
    const auto digest = reader.raw(entry.digest.bytes.size());
    if (!reader.ok()) break;
    std::copy(digest.begin(), digest.end(), reinterpret_cast<std::byte*>(entry.digest.bytes.data()));
    entries_.insert_or_assign(std::move(path), entry);
  }
}

Digest InputDigests::file(const std::string& path, const struct stat& status) {
  const std::string key = std::filesystem::absolute(path).lexically_normal().string();
  Entry entry{.device = status.st_dev,
              .inode = status.st_ino,
              .size = static_cast<std::uint64_t>(status.st_size),
              .mtime_ns = nanoseconds(status.st_mtim),
              .ctime_ns = nanoseconds(status.st_ctim)};
  {
    const std::lock_guard lock(mutex_);
    load();
    if (const auto found = entries_.find(key); found != entries_.end()) {
      const Entry& known = found->second;
      if (known.device == entry.device && known.inode == entry.inode && known.size == entry.size &&
          known.mtime_ns == entry.mtime_ns && known.ctime_ns == entry.ctime_ns) {
        return known.digest;
      }
    }
  }
  const auto now =
      std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch());
  const UniqueFd fd = open_file(path, O_RDONLY | O_NOFOLLOW);
  std::uint64_t size = 0;
  entry.digest = layers::data_digest_of_fd(fd.get(), size, path);
  if (size != entry.size) {
    throw Error({.kind = ErrorKind::Recipe,
                 .code = "R112",
                 .message = fmt::format("'{}' changed while it was read", path),
                 .hints = {"build again when nothing writes to it"}});
  }
  constexpr std::int64_t kRacyNanoseconds = 2'000'000'000;
  if (std::max(entry.mtime_ns, entry.ctime_ns) + kRacyNanoseconds < now.count()) {
    const std::lock_guard lock(mutex_);
    entries_.insert_or_assign(key, entry);
    changed_ = true;
  }
  return entry.digest;
}

void InputDigests::save() {
  const std::lock_guard lock(mutex_);
  if (!changed_) return;
  ByteWriter writer;
  writer.raw(kMagic);
  for (const auto& [path, entry] : entries_) {
    writer.string(path);
    writer.varint(entry.device);
    writer.varint(entry.inode);
    writer.varint(entry.size);
    writer.signed_varint(entry.mtime_ns);
    writer.signed_varint(entry.ctime_ns);
    writer.raw(std::as_bytes(std::span(entry.digest.bytes)));
  }
  AtomicFile file(file_);
  write_all(file.fd(), writer.bytes(), file_.string());
  file.commit(Durable::No);
  changed_ = false;
}

}  // namespace blueprint::steps
