#include "base/base64.h"

#include <catch2/catch.hpp>

using namespace blueprint;

TEST_CASE("base64 is that of RFC 4648, section 10") {
  const std::pair<const char*, const char*> vectors[] = {{"", ""},
                                                         {"f", "Zg=="},
                                                         {"fo", "Zm8="},
                                                         {"foo", "Zm9v"},
                                                         {"foob", "Zm9vYg=="},
                                                         {"fooba", "Zm9vYmE="},
                                                         {"foobar", "Zm9vYmFy"}};
  for (const auto& [bytes, text] : vectors) {
    CHECK(encode_base64(bytes) == text);
    CHECK(decode_base64(text) == bytes);
  }
  const std::string all("\0\xff\x80 \n", 5);
  CHECK(decode_base64(encode_base64(all)) == all);
  CHECK(decode_base64("Zm8") == "fo");  // without padding
}

TEST_CASE("what is no base64 is refused") {
  for (const char* text : {"Z", "Zg=a", "Zm9v!", "Zm 9v", "Zh==", "Zm9vZ"}) CHECK_FALSE(decode_base64(text));
}
