#include "registry_client/http.h"

#include <catch2/catch.hpp>

#include "registry_client/http_errors.h"

using namespace blueprint::registry_client;

TEST_CASE("a URL is shown without user, password and query") {
  CHECK(redact_url("https://example.org/a/b") == "https://example.org/a/b");
  CHECK(redact_url("https://joe:s3cret@example.org/a") == "https://example.org/a");
  CHECK(redact_url("https://joe:p@ss@example.org/a@b") == "https://example.org/a@b");
  CHECK(redact_url("https://example.org/a?X-Signature=abc") == "https://example.org/a?…");
  CHECK(redact_url("https://token@example.org") == "https://example.org");
  CHECK(redact_url("file:///srv/mirror") == "file:///srv/mirror");
}

TEST_CASE("joining a URL puts one slash between and encodes what a URL cannot hold") {
  CHECK(join_url("http://h/debian/", "/dists/x") == "http://h/debian/dists/x");
  CHECK(join_url("http://h/debian", "pool/g++-12_12.2.0-14_amd64.deb") ==
        "http://h/debian/pool/g%2B%2B-12_12.2.0-14_amd64.deb");
  CHECK(join_url("http://h", "a b%3a~c") == "http://h/a%20b%253a~c");
}

TEST_CASE("names of headers are found whatever their case") {
  const HttpResponse response{.status = 200, .headers = {{"Content-Type", "a"}, {"ETag", "b"}}};
  CHECK(response.header("etag") == "b");
  CHECK(response.header("CONTENT-TYPE") == "a");
  CHECK_FALSE(response.header("content").has_value());
}

TEST_CASE("errors of transfers name the URL without its credentials") {
  const auto error = cannot_reach("https://joe:s3cret@example.org/x", "could not resolve host");
  CHECK(error.first().code == "N001");
  CHECK(error.exit_code() == 5);
  CHECK(error.first().message == "cannot reach https://example.org/x: could not resolve host");
}
