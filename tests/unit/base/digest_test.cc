#include "base/digest.h"

#include <string>
#include <unordered_set>

#include <catch2/catch.hpp>

using namespace blueprint;

// The vectors of FIPS 180-4.
constexpr auto kEmpty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
constexpr auto kAbc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
constexpr auto kMillionTimesA = "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";

TEST_CASE("SHA-256 gives the digests of the standard") {
  CHECK(sha256("").hex() == kEmpty);
  CHECK(sha256("abc").hex() == kAbc);
  CHECK(sha256(std::string(1'000'000, 'a')).hex() == kMillionTimesA);
}

TEST_CASE("Bytes given in pieces hash as the whole, and the hasher starts over") {
  Sha256 hasher;
  for (int i = 0; i < 1000; ++i) hasher.update(std::string(1000, 'a'));
  CHECK(hasher.finish().hex() == kMillionTimesA);
  CHECK(hasher.finish().hex() == kEmpty);
  CHECK(hasher.update("a").update("bc").finish().hex() == kAbc);
}

TEST_CASE("A digest is written as sha256: and its digits, and read back") {
  const Digest digest = sha256("abc");
  CHECK(digest.to_string() == std::string("sha256:") + kAbc);
  CHECK(digest.short_hex() == "ba7816bf8f01");
  CHECK(Digest::parse(digest.to_string()) == digest);
  CHECK(Digest::parse_hex(kAbc) == digest);
}

TEST_CASE("Anything but the canonical text of a digest is refused") {
  const std::string hex = kAbc;
  CHECK_FALSE(Digest::parse(hex));
  CHECK_FALSE(Digest::parse("sha512:" + hex));
  CHECK_FALSE(Digest::parse("SHA256:" + hex));
  CHECK_FALSE(Digest::parse("sha256:" + hex + "0"));
  CHECK_FALSE(Digest::parse("sha256:" + hex.substr(1)));
  CHECK_FALSE(Digest::parse("sha256:" + hex.substr(1) + "G"));
  CHECK_FALSE(Digest::parse("sha256:BA" + hex.substr(2)));
  CHECK_FALSE(Digest::parse("sha256:../" + hex.substr(3)));
  CHECK_FALSE(Digest::parse(""));
}

TEST_CASE("Digests are ordered as their digits and may be keys") {
  CHECK((sha256("abc") < sha256("")) == (std::string(kAbc) < kEmpty));
  std::unordered_set<Digest, DigestHash> set{sha256("a"), sha256("b"), sha256("a")};
  CHECK(set.size() == 2);
  CHECK(set.contains(sha256("b")));
}
