#include "layers/ext4/block_ranges.h"

#include <catch2/catch.hpp>

using blueprint::layers::ext4::BlockRange;
using blueprint::layers::ext4::BlockRanges;

TEST_CASE("ranges that touch or overlap become one") {
  BlockRanges set;
  set.add(10, 5);
  set.add(20, 5);
  set.add(15, 5);
  CHECK(set.ranges() == std::vector<BlockRange>{{10, 15}});
  set.add(5, 100);
  CHECK(set.ranges() == std::vector<BlockRange>{{5, 100}});
}

TEST_CASE("removing from the middle of a range leaves its ends") {
  BlockRanges set;
  set.add(0, 10);
  set.add(20, 10);
  set.remove(5, 20);
  CHECK(set.ranges() == std::vector<BlockRange>{{0, 5}, {25, 5}});
  CHECK(set.contains(4));
  CHECK_FALSE(set.contains(5));
  CHECK_FALSE(set.contains(24));
  CHECK(set.contains(25));
}
