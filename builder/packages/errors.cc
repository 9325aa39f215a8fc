#include "builder/packages/errors.h"

#include <algorithm>
#include <cctype>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "base/text.h"
#include "registry_client/http.h"

namespace blueprint::packages {
using registry_client::redact_url;
namespace {

Error make(ErrorKind kind, std::string code, std::string message, std::vector<std::string> hints = {}) {
  return Error({.kind = kind, .code = std::move(code), .message = std::move(message), .hints = std::move(hints)});
}

Error at(const SourceSpan& where, std::string code, std::string message, std::vector<std::string> hints = {}) {
  Diagnostic diagnostic{
      .kind = ErrorKind::Recipe, .code = std::move(code), .message = std::move(message), .hints = std::move(hints)};
  if (!where.file.empty()) diagnostic.where = where;
  return Error(std::move(diagnostic));
}

constexpr const char* kMirrorMayBeWrong =
    "if another mirror works, this one is broken or something between it and you changes files: set --mirror";

}  // namespace

std::string format_time(std::int64_t seconds) {
  return fmt::format("{:%Y-%m-%d %H:%M:%S} UTC", fmt::gmtime(static_cast<std::time_t>(seconds)));
}

Error unknown_mirror(std::string_view name) {
  std::string variable = "BLUEPRINT_MIRROR_";
  for (const char c : name) variable += c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return make(ErrorKind::Recipe, "P001", fmt::format("no mirror is known for '{}'", name),
              {fmt::format("say where it is: --mirror {}=URL, or {}=URL in the environment", name, variable),
               "a directory works too: file:///srv/mirror"});
}

Error bad_snapshot(std::string_view text) {
  return make(ErrorKind::Recipe, "P002", fmt::format("'{}' is not the time of a snapshot", printable(text)),
              {"write it as 20260801T000000Z"});
}

Error unknown_pocket(std::string_view pocket, const SourceSpan& where) {
  const std::vector<std::string> known = {"release", "updates", "security", "backports", "proposed"};
  const auto near = near_names(pocket, known);
  return at(where, "P003", fmt::format("unknown pocket '{}'", printable(pocket)),
            {near.empty() ? fmt::format("pockets are {}", join(known, ", ")) : did_you_mean(near)});
}

Error keyring_missing(std::string_view distribution, std::string_view path) {
  return make(ErrorKind::Machine, "P010",
              fmt::format("the keys of {} are not on this machine: {} is missing", distribution, path),
              {fmt::format("install them with: apt-get install {}",
                           distribution == "ubuntu" ? "ubuntu-keyring (ubuntu-archive-keyring on Debian)"
                                                    : std::string(distribution) + "-archive-keyring"),
               "or name a keyring in the recipe: distribution: {keyring: keys.gpg}"});
}

Error keyring_not_found(std::string_view path, const SourceSpan& where) {
  return at(
      where, "P011", fmt::format("the keyring {} cannot be used: it is missing or not an OpenPGP keyring", path),
      {"put the repository's public key (binary or armoured) there; a relative path starts at the recipe's directory"});
}

Error release_expired(std::string_view url, std::int64_t valid_until, std::int64_t now) {
  return make(
      ErrorKind::Network, "P012",
      fmt::format("{} expired on {} and now it is {}", redact_url(url), format_time(valid_until), format_time(now)),
      {"the mirror is no longer updated, or somebody plays back an old one: use another mirror",
       "if the clock of this machine is wrong, set it; for a dated copy of the archive use distribution: {snapshot: "
       "…}"});
}

Error bad_release(std::string_view url, std::string_view reason) {
  return make(ErrorKind::Network, "P013", fmt::format("{} cannot be understood: {}", redact_url(url), reason));
}

Error wrong_suite(std::string_view url, std::string_view asked, std::string_view found) {
  return make(ErrorKind::Network, "P014",
              fmt::format("{} describes the suite '{}', not '{}'", redact_url(url), printable(found), printable(asked)),
              {"the mirror answers with the file of another suite: use another mirror"});
}

Error no_such_suite(std::string_view url, std::string_view suite, const SourceSpan& where) {
  return at(where, "P015",
            fmt::format("the mirror has no suite '{}': {} is not there", printable(suite), redact_url(url)),
            {"check release and pockets of the recipe's distribution, and the mirror's URL"});
}

Error bad_signature(std::string_view url, std::string_view key) {
  return make(ErrorKind::Network, "P020",
              fmt::format("{} has a wrong signature by key {}", redact_url(url), printable(key)), {kMirrorMayBeWrong});
}

Error unknown_key_signed(std::string_view url, std::string_view key, std::string_view keyring) {
  return make(
      ErrorKind::Network, "P021",
      fmt::format("{} is signed by key {}, which is not in {}", redact_url(url), printable(key), keyring),
      {"if that key is the right one, add it to a keyring and name it in the recipe; if not, use another mirror",
       "a newer release of the distribution may need a newer version of its keyring package"});
}

Error expired_key(std::string_view url, std::string_view key, std::string_view keyring) {
  return make(ErrorKind::Network, "P022",
              fmt::format("{} is signed by key {}, which has expired in {}", redact_url(url), printable(key), keyring),
              {"upgrade the keyring package of the distribution"});
}

Error signed_by_another(std::string_view url, std::string_view wanted, std::string_view signer,
                        const SourceSpan& where) {
  const std::string message =
      !signer.empty() && wanted.ends_with(signer)
          ? fmt::format("{} is signed by the key {}, which is in no keyring of this machine", redact_url(url), wanted)
          : fmt::format("{} is signed by key {}, not by {} that the recipe names", redact_url(url), printable(signer),
                        wanted);
  return at(where, "P025", message,
            {"the key must be in a keyring of this machine: put it, as NAME.gpg or armoured as NAME.asc, into "
             "/etc/apt/keyrings",
             "if the repository has a new key and you trust it, name that one's fingerprint in the recipe"});
}

Error not_signed(std::string_view url, std::string_view messages) {
  auto error = make(ErrorKind::Network, "P023", fmt::format("{} is not signed", redact_url(url)), {kMirrorMayBeWrong});
  for (const auto& line : split(messages, '\n')) {
    if (line.starts_with("gpgv: ")) error.add_context(printable(line));
  }
  return error;
}

Error revoked_key(std::string_view url, std::string_view key) {
  return make(ErrorKind::Network, "P024",
              fmt::format("{} is signed by key {}, which was revoked", redact_url(url), printable(key)));
}

Error no_such_component(std::string_view url, std::string_view component, std::string_view architecture,
                        const std::vector<std::string>& offered, const SourceSpan& where) {
  return at(
      where, "P030",
      fmt::format("{} lists no packages of component '{}' for {}", redact_url(url), printable(component), architecture),
      {fmt::format("it has the components {}", join(offered, ", "))});
}

Error index_mismatch(std::string_view url, const Digest& expected, const Digest& got) {
  return make(ErrorKind::Network, "P031",
              fmt::format("{} is not the file that its signed Release names: expected SHA-256 {}, got {}",
                          redact_url(url), expected.hex(), got.hex()),
              {"the mirror may be in the middle of an update: try again in a few minutes", kMirrorMayBeWrong});
}

Error index_not_cached(std::string_view url) {
  return make(ErrorKind::Network, "P032", fmt::format("{} is needed and the build is offline", redact_url(url)),
              {"run once without --offline, or build from the lock, which needs no index"});
}

Error damaged_index(std::string_view url, std::string_view reason) {
  return make(ErrorKind::Network, "P033",
              fmt::format("{} cannot be decompressed: {}", redact_url(url), printable(reason)));
}

Error solver_broke(std::string_view reason, std::string_view output) {
  auto error = make(ErrorKind::Machine, "P040", fmt::format("the package solver broke down: {}", reason));
  for (const auto& line : split(output, '\n')) {
    if (!line.empty()) error.add_context(printable(line));
  }
  return error;
}

Error solver_missing(const std::vector<std::string>& places) {
  return make(ErrorKind::Machine, "P041",
              fmt::format("the program blueprint-solve is not installed: looked at {}", join(places, " and ")),
              {"install blueprint again: 'make install' puts it into libexec/blueprint"});
}

Error deb_gone(std::string_view package, std::string_view url) {
  return make(
      ErrorKind::Network, "P050",
      fmt::format("the archive no longer has {}: {} is not there", package, redact_url(url)),
      {"'blueprint lock --update' takes the version that the archive has now",
       "to build this very lock, use a mirror that keeps old versions, or a snapshot: distribution: {snapshot: …}"});
}

Error deb_mismatch(std::string_view package, std::string_view url, const Digest& expected, const Digest& got) {
  return make(ErrorKind::Network, "P051",
              fmt::format("the download of {} is not what the lock names: {} has SHA-256 {}, expected {}", package,
                          redact_url(url), got.hex(), expected.hex()),
              {kMirrorMayBeWrong});
}

Error debs_missing_offline(const std::vector<std::string>& files) {
  constexpr std::size_t kShown = 10;
  auto error = make(ErrorKind::Network, "P052",
                    fmt::format("{} {} not in the store and the build is offline", files.size(),
                                files.size() == 1 ? "package is" : "packages are"),
                    {"run once without --offline to download them"});
  for (std::size_t i = 0; i < files.size() && i < kShown; ++i) error.add_context("missing: " + files[i]);
  if (files.size() > kShown) error.add_context(fmt::format("and {} more", files.size() - kShown));
  return error;
}

}  // namespace blueprint::packages
