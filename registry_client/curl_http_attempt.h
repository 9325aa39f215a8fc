#pragma once

#include <cstdint>
#include <exception>
#include <optional>
#include <string>

#include <curl/curl.h>

#include "registry_client/http.h"

// Private to the curl client.

namespace blueprint::registry_client {

/// What is known about a transfer across its attempts.
struct TransferState {
  HttpTransfer* transfer = nullptr;
  std::uint64_t delivered_bytes = 0;         ///< given to the sink, counted from the start of what was asked for
  std::uint64_t kept_bytes = 0;              ///< delivered_bytes when the last attempt broke off
  bool resumable = false;                    ///< the server said that it serves ranges
  std::string validator;                     ///< strong ETag or Last-Modified of the first response; may be empty
  std::optional<std::uint64_t> total_bytes;  ///< of the whole resource
  int attempts = 0;
  int fruitless = 0;  ///< attempts in a row that brought nothing that could be kept
};

/// One try of a transfer: owns an easy handle, its header list and what the callbacks need. Address-stable: curl keeps
/// a pointer to it.
class Attempt {
 public:
  Attempt(CURL* easy, const HttpOptions& options, TransferState& state);
  ~Attempt();
  Attempt(const Attempt&) = delete;
  Attempt& operator=(const Attempt&) = delete;

  [[nodiscard]] CURL* easy() const { return easy_; }
  [[nodiscard]] TransferState& state() const { return state_; }
  /// What a sink or source threw, or our own refusal of the body.
  [[nodiscard]] std::exception_ptr failure() const { return failure_; }
  [[nodiscard]] const char* error_text() const { return error_; }
  /// Finishes a transfer that curl calls complete: status, effective URL, begin() for an empty body.
  void complete();
  /// The server answered the resumed range with something that does not fit: start again from the first byte.
  [[nodiscard]] bool must_restart() const { return must_restart_; }

 private:
  void set_up(const HttpOptions& options);
  void set_up_body();
  void set_up_headers();
  void on_header(std::string_view line);
  void on_body(std::span<const std::byte> bytes);
  void begin_body();
  void note_resumability();

  static std::size_t header_callback(char* data, std::size_t size, std::size_t count, void* self) noexcept;
  static std::size_t body_callback(char* data, std::size_t size, std::size_t count, void* self) noexcept;
  static std::size_t read_callback(char* data, std::size_t size, std::size_t count, void* self) noexcept;
  static int seek_callback(void* self, curl_off_t offset, int origin) noexcept;

  CURL* easy_;
  curl_slist* headers_ = nullptr;
  TransferState& state_;
  HttpResponse response_;
  bool reading_ = false;  ///< of the request's body
  bool begun_ = false;    ///< the response's body
  bool must_restart_ = false;
  std::exception_ptr failure_;
  char error_[CURL_ERROR_SIZE] = {};
};

}  // namespace blueprint::registry_client
