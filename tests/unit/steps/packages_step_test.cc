#include "builder/steps/packages_step.h"

#include <catch2/catch.hpp>

#include "builder/steps/files_step.h"

namespace blueprint::steps {

TEST_CASE("a layer of packages, or a base of them, takes much memory, and one of files does not") {
  CHECK(PackagesStep({}).memory() == Step::Memory::Much);
  CHECK(PackagesStep({.kind = PackagesStep::Inputs::Kind::Bootstrap}).memory() == Step::Memory::Much);
  CHECK(FilesStep(recipe::FilesStep{}).memory() == Step::Memory::Little);
}

}  // namespace blueprint::steps
