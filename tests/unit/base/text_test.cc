#include "base/text.h"

#include <catch2/catch.hpp>

using namespace blueprint;
using Words = std::vector<std::string>;

TEST_CASE("Edit distance counts a swap of neighbours as one") {
  CHECK(edit_distance("", "abc") == 3);
  CHECK(edit_distance("same", "same") == 0);
  CHECK(edit_distance("kitten", "sitting") == 3);
  CHECK(edit_distance("packages", "pakcages") == 1);
  CHECK(edit_distance("pakages", "packages") == 1);
}

TEST_CASE("Near names are the nearest ones, nearest first, and none that is far") {
  const Words known = {"packages", "files", "package", "run", "copy", "services"};
  CHECK(near_names("pakages", known) == Words{"packages", "package"});
  CHECK(near_names("zzzzzz", known).empty());
  CHECK(near_names("packages", Words{"packages", "packages"}) == Words{"packages"});
  CHECK(near_names("curll", Words{"curl", "curls", "cull", "curly"}, 2).size() == 2);
  CHECK(near_names("ab", Words{"xy"}).empty());
}

TEST_CASE("Suggestions read as a question") {
  CHECK(did_you_mean(Words{}).empty());
  CHECK(did_you_mean(Words{"a"}) == "did you mean 'a'?");
  CHECK(did_you_mean(Words{"a", "b", "c"}) == "did you mean 'a', 'b' or 'c'?");
}

TEST_CASE("Sizes are read in binary units") {
  CHECK(parse_size("1024") == 1024);
  CHECK(parse_size("1B") == 1);
  CHECK(parse_size("512MiB") == 512ULL << 20);
  CHECK(parse_size("4GiB") == 4ULL << 30);
  CHECK(parse_size("20G") == 20ULL << 30);
  CHECK(parse_size("8k") == 8192);
  CHECK(parse_size("18446744073709551615") == 18446744073709551615ULL);
}

TEST_CASE("What is not a size, or does not fit, is refused") {
  for (const auto* text : {"", "G", "1.5G", "-1", "1 G", "1GiBs", "1X", "18446744073709551616", "16777216T", " 1"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_size(text));
  }
}

TEST_CASE("Sizes are shown with three digits") {
  CHECK(format_size(0) == "0 B");
  CHECK(format_size(1023) == "1023 B");
  CHECK(format_size(1024) == "1.00 KiB");
  CHECK(format_size(12'897'484) == "12.3 MiB");
  CHECK(format_size(180ULL << 20) == "180 MiB");
  CHECK(format_size((1ULL << 30) - 1) == "1.00 GiB");
}

TEST_CASE("Durations are shown short") {
  CHECK(format_seconds(0.8) == "0.80 s");
  CHECK(format_seconds(12.34) == "12.3 s");
  CHECK(format_seconds(99.96) == "1 min 40 s");
  CHECK(format_seconds(245) == "4 min 05 s");
}

TEST_CASE("A quoted word is one word to a shell") {
  CHECK(shell_quote("plain-1.0") == "plain-1.0");
  CHECK(shell_quote("") == "''");
  CHECK(shell_quote("two words") == "'two words'");
  CHECK(shell_quote("it's $HOME") == "'it'\\''s $HOME'");
}

TEST_CASE("Splitting keeps empty parts and joining undoes it") {
  CHECK(split("a,,b,", ',') == Words{"a", "", "b", ""});
  CHECK(split("", ',') == Words{""});
  CHECK(join(Words{"a", "", "b"}, ", ") == "a, , b");
  CHECK(join(Words{}, ",").empty());
  CHECK(trim("  \t a b \r\n") == "a b");
  CHECK(trim(" \n ").empty());
}

TEST_CASE("Foreign text cannot drive a terminal") {
  CHECK(printable("plain \xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80") == "plain \xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80");
  CHECK(printable("\x1b[31m\n\x7f") == "\\x1b[31m\\x0a\\x7f");
  CHECK(printable(std::string("a\0b", 3)) ==
        "a\\x00"
        "b");
  CHECK(printable("\xc2\x9b"
                  "31m") ==
        "\\xc2\\x9b"
        "31m");
}

TEST_CASE("Invalid UTF-8 is shown byte by byte") {
  CHECK(printable("\xff") == "\\xff");
  CHECK(printable("\xc3") == "\\xc3");           // cut short
  CHECK(printable("\xc0\xaf") == "\\xc0\\xaf");  // overlong
  CHECK(printable("\xe0\x80\xaf") == "\\xe0\\x80\\xaf");
  CHECK(printable("\xed\xa0\x80") == "\\xed\\xa0\\x80");  // surrogate
  CHECK(printable("\xf4\x90\x80\x80") == "\\xf4\\x90\\x80\\x80");
}
