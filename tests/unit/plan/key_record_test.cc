#include "builder/plan/key_record.h"

#include <catch2/catch.hpp>

#include "base/error.h"

using blueprint::plan::explain_difference;
using blueprint::plan::KeyRecord;

namespace {

KeyRecord record(std::initializer_list<KeyRecord::Field> fields) {
  KeyRecord made("web", "tools");
  for (const auto& field : fields) made.add(field.name, field.value);
  return made;
}

}  // namespace

TEST_CASE("no separator can make two records alike") {
  CHECK(record({{"a", "b c"}}).digest() != record({{"a b", "c"}}).digest());
  CHECK(record({{"a", ""}, {"", "b"}}).digest() != record({{"a", ""}}).digest());
  CHECK(record({{"ab", "c"}}).digest() != record({{"a", "bc"}}).digest());
}

TEST_CASE("the names of recipe and layer are not part of a key") {
  KeyRecord other("api", "renamed");
  other.add("kind", "run");
  CHECK(other.digest() == record({{"kind", "run"}}).digest());
}

TEST_CASE("a record survives JSON") {
  const KeyRecord before = record({{"kind", "run"}, {"script", "echo \"hi\"\n\ttab"}});
  CHECK(KeyRecord::from_json(before.to_json()) == before);
}

TEST_CASE("a damaged record is an error of the store") {
  CHECK_THROWS_WITH(KeyRecord::from_json("{}"), Catch::Contains("S022"));
  CHECK_THROWS_WITH(KeyRecord::from_json("{"), Catch::Contains("S020"));
}

TEST_CASE("a difference names changed, new and gone fields, with digests cut short") {
  const std::string old_digest = "sha256:" + std::string(64, 'a');
  const std::string new_digest = "sha256:" + std::string(64, 'b');
  const auto lines =
      explain_difference(record({{"package curl", "7.88.1-10+deb12u8"}, {"file etc/motd", old_digest}, {"x", "1"}}),
                         record({{"package curl", "7.88.1-10+deb12u9"}, {"file etc/motd", new_digest}, {"y", "2"}}));
  REQUIRE(lines.size() == 4);
  CHECK(lines[0] == "package curl 7.88.1-10+deb12u8 → 7.88.1-10+deb12u9");
  CHECK(lines[1] == "file etc/motd sha256:aaaaaaaaaaaa → sha256:bbbbbbbbbbbb");
  CHECK(lines[2] == "y is new: 2");
  CHECK(lines[3] == "x is gone");
}

TEST_CASE("a long difference is cut with a count") {
  KeyRecord before;
  KeyRecord now;
  for (int i = 0; i < 20; ++i) now.add("field " + std::to_string(i), "v");
  const auto lines = explain_difference(before, now, 3);
  REQUIRE(lines.size() == 4);
  CHECK(lines.back() == "and 17 more");
}

TEST_CASE("equal records differ in nothing") {
  CHECK(explain_difference(record({{"a", "b"}}), record({{"a", "b"}})).empty());
}
