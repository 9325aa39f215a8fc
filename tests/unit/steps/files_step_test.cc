#include "builder/steps/files_step.h"

#include <catch2/catch.hpp>

using namespace blueprint;

namespace {

plan::KeyRecord key_of(recipe::FilesStep files) {
  plan::KeyRecord record;
  steps::FilesStep(std::move(files)).add_key_fields(record);
  return record;
}

recipe::FilesStep one_file(std::string content, std::uint32_t mode) {
  recipe::InlineFile file;
  file.path.value = "/etc/motd";
  file.content = std::move(content);
  file.mode = mode;
  return {{file}};
}

}  // namespace

TEST_CASE("the key of a files layer depends on content, mode and owner") {
  const auto before = key_of(one_file("a", 0644)).digest();
  CHECK(key_of(one_file("a", 0644)).digest() == before);
  CHECK(key_of(one_file("b", 0644)).digest() != before);
  CHECK(key_of(one_file("a", 0600)).digest() != before);
  auto owned = one_file("a", 0644);
  owned.files[0].owner.value = "web";
  CHECK(key_of(owned).digest() != before);
}

TEST_CASE("the key of a files layer does not depend on where the recipe says it") {
  auto moved = one_file("a", 0644);
  moved.files[0].path.where = {.file = "elsewhere.yaml", .line = 99};
  CHECK(key_of(moved).digest() == key_of(one_file("a", 0644)).digest());
}
