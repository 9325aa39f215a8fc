#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace blueprint {

/// A SHA-256 digest. Written `sha256:` and 64 lower-case hexadecimal digits, as OCI does.
struct Digest {
  std::array<std::uint8_t, 32> bytes{};

  auto operator<=>(const Digest&) const = default;

  [[nodiscard]] std::string hex() const;
  /// "sha256:…"
  [[nodiscard]] std::string to_string() const;
  /// The first 12 hexadecimal digits, for people.
  [[nodiscard]] std::string short_hex() const;

  /// Parses "sha256:…"; nothing when `text` is anything else.
  [[nodiscard]] static std::optional<Digest> parse(std::string_view text);
  [[nodiscard]] static std::optional<Digest> parse_hex(std::string_view hex);
};

/// Incremental SHA-256 (OpenSSL EVP, which uses SHA-NI where the processor has it). Not thread-safe; reusable after
/// finish().
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;

  Sha256& update(std::span<const std::byte> bytes);
  Sha256& update(std::string_view text);
  /// The digest of all that was given since construction or the last finish(); goes on.
  [[nodiscard]] Digest so_far() const;
  /// The same; starts over.
  [[nodiscard]] Digest finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

[[nodiscard]] Digest sha256(std::span<const std::byte> bytes);
[[nodiscard]] Digest sha256(std::string_view text);

/// Hash for unordered containers: a digest is already uniformly distributed.
struct DigestHash {
  std::size_t operator()(const Digest& digest) const noexcept;
};

}  // namespace blueprint
