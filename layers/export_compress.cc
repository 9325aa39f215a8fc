// gzip by libarchive: an archive of format "raw" with one member, which is a plain compressed stream.

#include "layers/export_compress.h"

#include <exception>
#include <utility>

#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>

#include "base/error.h"

namespace blueprint::layers {

struct GzipStream::State {
  archive* stream = nullptr;
  ByteSink sink;
  std::exception_ptr failure;

  ~State() { archive_write_free(stream); }

  static la_ssize_t take(archive*, void* self, const void* bytes, std::size_t size) noexcept {
    auto* state = static_cast<State*>(self);
    // archive_write_free() flushes what was never finished; after a failure nobody wants that.
    if (state->failure || !state->sink) return -1;
    try {
      state->sink({static_cast<const std::byte*>(bytes), size});
      return static_cast<la_ssize_t>(size);
    } catch (...) {
      state->failure = std::current_exception();
      return -1;
    }
  }

  void check(la_ssize_t result) {
    if (failure) std::rethrow_exception(std::exchange(failure, nullptr));
    if (result >= ARCHIVE_OK) return;
    const char* words = archive_error_string(stream);
    throw bug(fmt::format("gzip failed: {}", words != nullptr ? words : "no reason given"));
  }
};

GzipStream::GzipStream(ByteSink sink) : state_(std::make_unique<State>()) {
  state_->sink = std::move(sink);
  state_->stream = archive_write_new();
  if (state_->stream == nullptr) throw std::bad_alloc();
  State& state = *state_;
  state.check(archive_write_set_format_raw(state.stream));
  state.check(archive_write_add_filter_gzip(state.stream));
  state.check(archive_write_set_options(state.stream, "gzip:!timestamp"));
  state.check(archive_write_set_bytes_per_block(state.stream, 0));
  state.check(archive_write_open(state.stream, &state, nullptr, State::take, nullptr));
  archive_entry* entry = archive_entry_new();
  archive_entry_set_filetype(entry, AE_IFREG);
  const int result = archive_write_header(state.stream, entry);
  archive_entry_free(entry);
  state.check(result);
}

GzipStream::~GzipStream() { state_->sink = nullptr; }

void GzipStream::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const la_ssize_t taken = archive_write_data(state_->stream, bytes.data(), bytes.size());
    state_->check(taken);
    bytes = bytes.subspan(static_cast<std::size_t>(taken));
  }
}

void GzipStream::finish() { state_->check(archive_write_close(state_->stream)); }

}  // namespace blueprint::layers
