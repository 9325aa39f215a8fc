#include "registry_client/credentials.h"

#include <catch2/catch.hpp>

#include "base/base64.h"
#include "base/error.h"

using namespace blueprint;
using namespace blueprint::registry_client;
using Catch::Contains;

namespace {

std::string auth(const std::string& pair) { return R"({"auth": ")" + encode_base64(pair) + R"("})"; }

CredentialFile file(const std::string& auths) {
  return parse_credential_file(R"({"auths": {)" + auths + R"(}, "credHelpers": {"gcr.example": "gcloud",
    "https://index.docker.io/v1/": "desktop"}, "credsStore": "secretservice"})",
                               "config.json");
}

std::string user_for(const CredentialFile& file, const char* host, const char* repository) {
  const Credential* found = find_entry(file, host, repository);
  return found == nullptr ? "nobody" : found->user;
}

}  // namespace

TEST_CASE("an entry is found by host, and one for a part of it goes before") {
  const auto found =
      file(R"("registry.example": )" + auth("joe:a:b") + R"(, "registry.example/acme": )" + auth("acme:x") +
           R"(, "https://old.example/v1/": )" + auth("old:x") + R"(, "slash.example/": )" + auth("slash:x"));
  CHECK(user_for(found, "registry.example", "other/base") == "joe");
  CHECK(find_entry(found, "registry.example", "x")->password.reveal() == "a:b");
  CHECK(user_for(found, "registry.example", "acme/base/deep") == "acme");
  CHECK(user_for(found, "registry.example", "acmeist/base") == "joe");
  CHECK(user_for(found, "registry.example:5000", "acme/base") == "nobody");
  CHECK(user_for(found, "old.example", "x") == "old");
  CHECK(user_for(found, "slash.example", "x") == "slash");
}

TEST_CASE("Docker Hub is known by its address of old") {
  CHECK(user_for(file(R"("https://index.docker.io/v1/": )" + auth("hub:x")), "docker.io", "library/debian") == "hub");
  CHECK(user_for(file(R"("docker.io": )" + auth("new:x")), "docker.io", "library/debian") == "new");
  CHECK(helper_server("docker.io") == "https://index.docker.io/v1/");
  CHECK(helper_server("registry.example:5000") == "registry.example:5000");
}

TEST_CASE("entries may hold plain words or an identity token, and empty ones say nothing") {
  const auto found = file(R"("a.example": {"username": "u", "password": "p"}, "b.example": {"identitytoken": "t"},
    "c.example": {}, "d.example": 3)");
  CHECK(find_entry(found, "a.example", "x")->password.reveal() == "p");
  CHECK(find_entry(found, "b.example", "x")->identity_token.reveal() == "t");
  CHECK(find_entry(found, "c.example", "x") == nullptr);
  CHECK(find_entry(found, "d.example", "x") == nullptr);
}

TEST_CASE("helpers are for one host or for all") {
  const auto found = file("");
  CHECK(find_helper(found, "gcr.example", HelperFor::ThisHost) == "gcloud");
  CHECK(find_helper(found, "docker.io", HelperFor::ThisHost) == "desktop");
  CHECK(find_helper(found, "registry.example", HelperFor::ThisHost).empty());
  CHECK(find_helper(found, "registry.example", HelperFor::AllHosts) == "secretservice");
  CHECK(find_helper({}, "registry.example", HelperFor::AllHosts).empty());
}

TEST_CASE("what a helper says is a password or an identity token") {
  CHECK(parse_helper_output(R"({"ServerURL": "x", "Username": "joe", "Secret": "s3cret"})", "h") ==
        Credential{.user = "joe", .password = Secret("s3cret"), .identity_token = {}});
  CHECK(parse_helper_output(R"({"Username": "<token>", "Secret": "t"})", "h") ==
        Credential{.user = {}, .password = {}, .identity_token = Secret("t")});
  CHECK_THROWS_WITH(parse_helper_output("oops", "docker-credential-x"),
                    Contains("docker-credential-x") && Contains("[N028]"));
}

TEST_CASE("a file that cannot be read is named, and nothing in it is shown") {
  for (const std::string text :
       {"s3cret", R"({"auths": {"a.example": {"auth": "!s3cret!"}}})",
        R"({"auths": {"a.example": {"auth": "czNjcmV0"}}})", R"({"credsStore": "../s3cret"})"}) {
    try {
      static_cast<void>(parse_credential_file(text, "/home/joe/.docker/config.json"));
      FAIL("taken: " << text);
    } catch (const Error& error) {
      CHECK(error.exit_code() == 2);
      CHECK_THAT(error.what(), Contains("/home/joe/.docker/config.json") && Contains("[N028]") && !Contains("s3cret"));
    }
  }
}
