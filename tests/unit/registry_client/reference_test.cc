#include "registry_client/reference.h"

#include <string>

#include <catch2/catch.hpp>

#include "base/error.h"
#include "registry_client/endpoint.h"

using namespace blueprint;
using namespace blueprint::registry_client;
using Catch::Contains;

namespace {

const std::string kHex(64, 'a');

std::string refusal(const std::string& text) {
  try {
    return "taken: " + parse_reference(text).to_string();
  } catch (const Error& error) {
    CHECK(error.first().kind == ErrorKind::Recipe);
    return render(error.first());
  }
}

}  // namespace

TEST_CASE("a reference names host, repository, tag and digest") {
  const Reference plain = parse_reference("registry.example/acme/base:1.2");
  CHECK(plain == Reference{.host = "registry.example", .repository = "acme/base", .tag = "1.2", .digest = {}});
  const Reference pinned = parse_reference("registry.example:5000/a@sha256:" + kHex);
  CHECK(pinned.host == "registry.example:5000");
  CHECK(pinned.tag.empty());
  CHECK(pinned.digest->hex() == kHex);
  const Reference both = parse_reference("localhost/a__b/c-----d/e.f_g:V_1.0-x@sha256:" + kHex);
  CHECK(both.tag == "V_1.0-x");
  CHECK(both.to_string() == "localhost/a__b/c-----d/e.f_g:V_1.0-x@sha256:" + kHex);
  CHECK(parse_reference("[::1]:5000/a").host == "[::1]:5000");
  CHECK(parse_reference("127.0.0.1:1/a").tag == "latest");
}

TEST_CASE("Docker Hub is known by its names, and its plain images lie in library") {
  for (const char* text : {"docker.io/debian:12", "index.docker.io/debian:12", "docker.io/library/debian:12"})
    CHECK(parse_reference(text).to_string() == "docker.io/library/debian:12");
  CHECK(parse_reference("docker.io/acme/tool").to_string() == "docker.io/acme/tool:latest");
}

TEST_CASE("a reference that is none says what is wrong with it") {
  CHECK(refusal("debian:12") ==
        "error: 'debian:12' is no image of a registry: it does not begin with the host of a registry [N020]\n"
        "hint: a host has a '.' or a port, or is localhost: registry.example/NAME, or docker.io/library/NAME\n");
  CHECK_THAT(refusal("acme/base"), Contains("does not begin with the host"));
  CHECK_THAT(refusal("registry.example/Acme/base"), Contains("'Acme' is no word of a name") && Contains("lower case"));
  CHECK_THAT(refusal("registry.example/a//b"), Contains("a word between its slashes is empty"));
  CHECK_THAT(refusal("registry.example/"), Contains("a word between its slashes is empty"));
  for (const char* name : {"a..b", "-a", "a-", "a___b", "a._b", "../x", "a b", "a\nb"})
    CHECK_THAT(refusal(std::string("registry.example/") + name), Contains("is no word of a name"));
  for (const char* host : {"a..b", "-a.b", "a.b:0", "a.b:65536", "a.b:x", "a.b:", "a_b.c", "[::1", "[x]:1", "user@a.b"})
    CHECK_THAT(refusal(std::string(host) + "/a"), Contains("is no host") || Contains("is no digest"));
  CHECK_THAT(refusal("registry.example/a:"), Contains("'' is no tag"));
  CHECK_THAT(refusal("registry.example/a:.x"), Contains("'.x' is no tag"));
  CHECK_THAT(refusal("registry.example/a:" + std::string(129, 'x')), Contains("is no tag"));
  CHECK_THAT(refusal("registry.example/a@sha512:" + kHex), Contains("is no digest"));
  CHECK_THAT(refusal("registry.example/a@sha256:123"), Contains("64 hexadecimal digits"));
  CHECK_THAT(refusal("registry.example/" + std::string(250, 'a')), Contains("longer than 255 characters"));
  CHECK_THAT(refusal("registry.example/\x1b[31m"), Contains("\\x1b"));
}

TEST_CASE("a first word with a dot or a port names a registry") {
  for (const char* text : {"registry.example/a", "host:5000/a", "localhost/a"}) CHECK(names_registry(text));
  for (const char* text : {"debian", "debian:12", "acme/base:1.2", "registry.example"})
    CHECK_FALSE(names_registry(text));
}

TEST_CASE("a registry is reached by TLS unless it is this machine or the site says otherwise") {
  CHECK(endpoint_of("registry.example:5000", {}) == Endpoint{"https://registry.example:5000", "registry.example:5000"});
  CHECK(endpoint_of("docker.io", {}) == Endpoint{"https://registry-1.docker.io", "docker.io"});
  for (const char* host : {"localhost:5000", "127.0.0.1", "127.1.2.3:80", "[::1]:5000"})
    CHECK(endpoint_of(host, {}).url == "http://" + std::string(host));
  for (const char* host : {"127.0.0.1.registry.example", "127.registry.example", "localhost.example:80", "128.0.0.1"})
    CHECK(endpoint_of(host, {}).url == "https://" + std::string(host));
  CHECK(endpoint_of("registry.example", {{"registry.example", "http://registry.example/"}}) ==
        Endpoint{"http://registry.example", "registry.example"});
  // The credentials for Docker Hub are not for a mirror of it.
  CHECK(endpoint_of("docker.io", {{"docker.io", "https://mirror.example/hub"}}) ==
        Endpoint{"https://mirror.example/hub", "mirror.example"});
  CHECK_THROWS_WITH(endpoint_of("a.example", {{"a.example", "ftp://x"}}), Contains("[N005]"));
  CHECK(authority_of("https://me:pw@Registry.example:5000/x@y") == "registry.example:5000");
}
