// Trust in a repository comes from gpgv and one keyring. Our own code parses none of the OpenPGP format: gpgv is asked
// to write out the text that the signature covers, and only that text is read afterwards, so bytes smuggled in around a
// signature are never seen. What gpgv found is read from its status lines (doc/DETAILS of GnuPG), not from its messages
// or exit code: the exit code is also non-zero when one of several signatures is by a key that we do not have, which is
// common and harmless.

#include "builder/packages/repository_signature.h"

#include <algorithm>
#include <optional>
#include <vector>

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "base/process.h"
#include "base/text.h"
#include "builder/packages/errors.h"

namespace blueprint::packages {
namespace fs = std::filesystem;
namespace {

struct Verdict {
  std::vector<std::string> good;  ///< fingerprints of the primary keys of valid signatures
  std::string expired;            ///< the same, but key or signature has expired
  std::string bad;
  std::string unknown;  ///< key id that is not in the keyring
  std::string revoked;
  bool any = false;
};

/// VALIDSIG <fpr> <date> <timestamp> <expire> <version> <reserved> <pubkey> <hash> <class> <primary fpr>
std::string primary_fingerprint(const std::vector<std::string>& words) {
  return words.size() > 11 ? words[11] : words.size() > 2 ? words[2] : "";
}

Verdict parse_status(std::string_view text) {
  Verdict verdict;
  // A signature's lines come together: its GOODSIG or EXPKEYSIG line, then VALIDSIG with the fingerprint.
  std::string kind;
  for (const auto& line : split(text, '\n')) {
    if (!line.starts_with("[GNUPG:] ")) continue;
    const auto words = split(line, ' ');
    const std::string& word = words.at(1);
    const std::string key = words.size() > 2 ? words[2] : "";
    if (word == "NEWSIG") kind.clear();
    if (word == "GOODSIG" || word == "EXPKEYSIG" || word == "EXPSIG" || word == "REVKEYSIG" || word == "BADSIG" ||
        word == "NO_PUBKEY" || word == "ERRSIG") {
      kind = word;
      verdict.any = true;
    }
    if (word == "BADSIG") verdict.bad = key;
    if (word == "NO_PUBKEY") verdict.unknown = key;
    if (word == "REVKEYSIG") verdict.revoked = key;
    if (word == "VALIDSIG" && kind == "GOODSIG") verdict.good.push_back(primary_fingerprint(words));
    if (word == "VALIDSIG" && (kind == "EXPKEYSIG" || kind == "EXPSIG")) verdict.expired = primary_fingerprint(words);
  }
  return verdict;
}

/// Whether the recipe asks for a certain key, and the text is signed, but not with it.
bool is_by_another(const Verdict& verdict, const RepositorySource& source) {
  if (source.fingerprint.empty() || verdict.expired == source.fingerprint) return false;
  return std::find(verdict.good.begin(), verdict.good.end(), source.fingerprint) == verdict.good.end();
}

/// The fingerprint that vouches for the text; throws when none does.
std::string judge(const Verdict& verdict, const RepositorySource& source, std::string_view url,
                  std::string_view messages) {
  const std::string keyring =
      source.fingerprint.empty() ? source.keyrings.front().string() : "the keyrings of this machine";
  if (!verdict.bad.empty()) throw bad_signature(url, verdict.bad);
  if (verdict.any && is_by_another(verdict, source)) {
    throw signed_by_another(url, source.fingerprint, verdict.good.empty() ? verdict.unknown : verdict.good.back(),
                            source.where);
  }
  if (!source.fingerprint.empty() && !verdict.good.empty()) return source.fingerprint;
  if (!verdict.good.empty()) return verdict.good.back();
  if (!verdict.revoked.empty()) throw revoked_key(url, verdict.revoked);
  if (!verdict.expired.empty()) {
    // Keys of a dated copy have often expired since; what they signed was right then.
    if (!source.snapshot.empty()) return verdict.expired;
    throw expired_key(url, verdict.expired, keyring);
  }
  if (!verdict.unknown.empty()) throw unknown_key_signed(url, verdict.unknown, keyring);
  throw not_signed(url, messages);
}

std::optional<std::string> decode_base64(std::string_view text) {
  std::string out;
  std::uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    int value = -1;
    if (c >= 'A' && c <= 'Z') value = c - 'A';
    if (c >= 'a' && c <= 'z') value = c - 'a' + 26;
    if (c >= '0' && c <= '9') value = c - '0' + 52;
    if (c == '+') value = 62;
    if (c == '/') value = 63;
    if (c == '=' || c == '\n' || c == '\r') continue;
    if (value < 0) return std::nullopt;
    bits = bits << 6 | static_cast<std::uint32_t>(value);
    count += 6;
    if (count >= 8) {
      count -= 8;
      out += static_cast<char>(bits >> count & 0xff);
    }
  }
  return out;
}

/// gpgv reads only binary keyrings; repositories hand out armoured ones.
std::string dearmor(const std::string& text, const fs::path& keyring, const RepositorySource& source) {
  std::string body;
  enum class Place { Outside, Headers, Data } place = Place::Outside;
  std::string out;
  for (const auto& raw : split(text, '\n')) {
    const auto line = trim(raw);
    if (line.starts_with("-----BEGIN PGP PUBLIC KEY BLOCK")) {
      place = Place::Headers;
      body.clear();
    } else if (line.starts_with("-----END PGP") && place == Place::Data) {
      const auto bytes = decode_base64(body);
      if (!bytes) throw keyring_not_found(keyring.string(), source.where);
      out += *bytes;
      place = Place::Outside;
    } else if (place == Place::Headers && line.empty()) {
      place = Place::Data;
    } else if (place == Place::Data && !line.starts_with('=')) {  // '=' begins the checksum line
      body += line;
    }
  }
  return out;
}

/// The keyrings in the form that gpgv reads: themselves, or binary copies in `scratch`.
std::vector<std::string> keyring_arguments(const RepositorySource& source, const fs::path& scratch) {
  std::vector<std::string> arguments;
  for (const auto& keyring : source.keyrings) {
    const std::string text = read_file(keyring);
    fs::path binary = fs::absolute(keyring);
    if (text.find("-----BEGIN PGP") != std::string::npos) {
      binary = scratch / fmt::format("keyring-{}.gpg", arguments.size());
      AtomicFile file(binary);
      file.write(dearmor(text, keyring, source));
      file.commit(Durable::No);
    }
    arguments.insert(arguments.end(), {"--keyring", binary.string()});
  }
  return arguments;
}

/// Runs gpgv; stdout is the signed text when `arguments` ask for it.
VerifiedText run_gpgv(const std::vector<std::string>& arguments, const RepositorySource& source, std::string_view url,
                      const fs::path& scratch, const std::stop_token& stop) {
  Command command{.argv = {require_program("gpgv", "gpgv").string(), "--homedir", scratch.string(), "--status-fd", "2",
                           "--ignore-time-conflict", "--weak-digest", "SHA1", "--weak-digest", "RIPEMD160"},
                  .environment = std::vector<std::string>{"LC_ALL=C", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"}};
  const auto keyrings = keyring_arguments(source, scratch);
  command.argv.insert(command.argv.end(), keyrings.begin(), keyrings.end());
  command.argv.insert(command.argv.end(), arguments.begin(), arguments.end());
  const Finished finished = run(command, {}, stop);
  return {.text = finished.out, .fingerprint = judge(parse_status(finished.err), source, url, finished.err)};
}

}  // namespace

VerifiedText verify_inrelease(std::string_view inrelease, const RepositorySource& source, const fs::path& scratch,
                              std::stop_token stop) {
  const TempDir directory(scratch, "gpgv-");
  const fs::path file = directory.path() / "InRelease";
  AtomicFile copy(file);
  copy.write(inrelease);
  copy.commit(Durable::No);
  auto verified =
      run_gpgv({"--output", "-", file.string()}, source, source.release_url("InRelease"), directory.path(), stop);
  if (verified.text.empty()) throw not_signed(source.release_url("InRelease"), "");
  return verified;
}

VerifiedText verify_detached(std::string_view release, std::string_view signature, const RepositorySource& source,
                             const fs::path& scratch, std::stop_token stop) {
  const TempDir directory(scratch, "gpgv-");
  const fs::path file = directory.path() / "Release";
  const fs::path detached = directory.path() / "Release.gpg";
  for (const auto& [path, text] : {std::pair{file, release}, std::pair{detached, signature}}) {
    AtomicFile copy(path);
    copy.write(text);
    copy.commit(Durable::No);
  }
  auto verified =
      run_gpgv({detached.string(), file.string()}, source, source.release_url("Release"), directory.path(), stop);
  verified.text = release;
  return verified;
}

}  // namespace blueprint::packages
