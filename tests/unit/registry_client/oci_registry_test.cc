#include "registry_client/oci_registry.h"

#include <atomic>
#include <mutex>

#include <fmt/format.h>
#include <catch2/catch.hpp>

#include "base/error.h"
#include "base/text.h"
#include "tests/unit/registry_client/loopback_server.h"

using namespace blueprint;
using namespace blueprint::registry_client;
using test::LoopbackServer;
using test::Reply;
using test::ServerRequest;
using namespace std::chrono_literals;
using Catch::Contains;

namespace {

constexpr const char* kManifestType = "application/vnd.oci.image.manifest.v1+json";
const std::string kManifest = R"({"schemaVersion": 2, "config": {}, "layers": []})";
const std::string kSecret = "s3cret";

std::unique_ptr<Http> quick_http() {
  HttpOptions options;
  options.backoff = 1ms;
  options.max_backoff = 20ms;
  options.attempts = 3;
  return make_curl_http(options);
}

class Collect final : public BodySink {
 public:
  void begin(const HttpResponse&, std::uint64_t offset) override { text.resize(offset); }
  void write(std::span<const std::byte> bytes) override {
    text.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  std::string text;
};

/// A registry whose answers a test chooses, the repository acme/base on it, and a client.
struct Fixture {
  explicit Fixture(LoopbackServer::Handler handler, FindCredential find = {},
                   Clock clock = std::chrono::steady_clock::now)
      : server(std::move(handler)),
        http(quick_http()),
        registry(*http, {.endpoints = {}, .find_credential = std::move(find), .proxy = {}, .no_proxy = {}},
                 std::move(clock)) {}

  [[nodiscard]] Reference reference(const std::string& rest = ":1") const {
    return parse_reference(server.url("/acme/base").substr(std::string("http://").size()) + rest);
  }
  std::string fetch(const std::string& blob) {
    Collect sink;
    const BlobRequest request{.blob = {.media_type = {}, .digest = sha256(blob), .size_bytes = blob.size()},
                              .sink = &sink};
    bool done = false;
    registry.fetch_blobs(reference(), {&request, 1}, {}, [&](const BlobRequest&) { done = true; });
    CHECK(done);
    return sink.text;
  }

  LoopbackServer server;
  std::unique_ptr<Http> http;
  OciRegistry registry;
};

FindCredential joe(std::string password = kSecret) {
  return [password = std::move(password)](const std::string&, const std::string&) {
    return CredentialLookup{.credential = Credential{.user = "joe", .password = Secret(password), .identity_token = {}},
                            .looked_in = "/home/joe/.docker/config.json"};
  };
}

std::string header_of(const ServerRequest& request, const std::string& name) {
  const auto found = request.headers.find(name);
  return found == request.headers.end() ? std::string() : found->second;
}

void send_manifest(Reply& reply, const std::string& text = kManifest, const std::string& type = kManifestType,
                   const std::string& headers = {}) {
  reply.send(200, text, "Content-Type: " + type + "\r\n" + headers);
}

template <typename Function>
std::string failure(Function function) {
  try {
    function();
    return "no failure";
  } catch (const Error& error) {
    CHECK(error.exit_code() == 5);
    const std::string text = render(error.first());
    CHECK_THAT(text, !Contains(kSecret));
    return text;
  }
}

std::string manifest_failure(Fixture& fixture, const std::string& rest = ":1") {
  return failure([&] { static_cast<void>(fixture.registry.fetch_manifest(fixture.reference(rest), {})); });
}

}  // namespace

TEST_CASE("a manifest is fetched by tag or digest and is known by its own digest") {
  Fixture f([](const ServerRequest& request, Reply& reply) {
    CHECK_THAT(header_of(request, "accept"),
               Contains(kManifestType) && Contains("application/vnd.docker.distribution.manifest.list.v2+json"));
    CHECK_FALSE(request.headers.contains("authorization"));
    CHECK((request.path == "/v2/acme/base/manifests/1" ||
           request.path == "/v2/acme/base/manifests/" + sha256(kManifest).to_string()));
    send_manifest(reply, kManifest, std::string(kManifestType) + "; charset=utf-8");
  });
  const Manifest manifest = f.registry.fetch_manifest(f.reference(), {});
  CHECK(manifest.text == kManifest);
  CHECK(manifest.digest == sha256(kManifest));
  CHECK(manifest.media_type == kManifestType);
  CHECK(f.registry.fetch_manifest(f.reference("@" + sha256(kManifest).to_string()), {}).text == kManifest);
  const Descriptor listed{.media_type = kManifestType, .digest = sha256(kManifest), .size_bytes = kManifest.size() + 1};
  CHECK_THAT(failure([&] { static_cast<void>(f.registry.fetch_manifest(f.reference(), listed, {})); }),
             Contains(fmt::format("what came: {} bytes, not {}", kManifest.size(), kManifest.size() + 1)));
}

TEST_CASE("a manifest that is not what was asked for is refused, whatever the registry says of it") {
  std::string body = kManifest;
  std::string type = kManifestType;
  std::string headers;
  Fixture f([&](const ServerRequest&, Reply& reply) { send_manifest(reply, body, type, headers); });
  const std::string other = sha256("other").to_string();
  headers = "Docker-Content-Digest: " + other + "\r\n";
  const auto lie = manifest_failure(f, "@" + other);
  CHECK_THAT(lie, Contains("127.0.0.1:") && Contains("did not send what " + other + " names [N023]") &&
                      Contains("what came: " + sha256(kManifest).to_string()));
  CHECK_THAT(manifest_failure(f), Contains("[N023]"));  // by tag: it contradicts itself
  headers.clear();
  type = "text/html";
  CHECK_THAT(manifest_failure(f), Contains("it is of the media type 'text/html' [N025]"));
  type = kManifestType;
  body = R"({"mediaType": "application/vnd.docker.distribution.manifest.v1+prettyjws"})";
  CHECK_THAT(manifest_failure(f), Contains("manifest.v1+prettyjws' [N025]"));
  body = R"({"manifests": [], "layers": []})";
  CHECK_THAT(manifest_failure(f), Contains("an index and a manifest at once [N025]"));
  body = "[1]";
  CHECK_THAT(manifest_failure(f), Contains("it is no JSON object [N025]"));
  body = std::string((4 << 20) + 1, ' ');
  CHECK_THAT(manifest_failure(f), Contains("is larger than 4.00 MiB [N026]"));
}

TEST_CASE("blobs are fetched side by side, and each is verified") {
  std::map<std::string, std::string> blobs;
  for (int i = 0; i < 20; ++i) blobs[sha256(std::to_string(i)).to_string()] = std::to_string(i);
  blobs[sha256("").to_string()] = "";
  Fixture f([&](const ServerRequest& request, Reply& reply) { reply.send(200, blobs.at(request.path.substr(20))); });
  std::vector<Collect> sinks(blobs.size());
  std::vector<BlobRequest> requests;
  for (const auto& [digest, text] : blobs) {
    requests.push_back({.blob = {.media_type = {}, .digest = sha256(text), .size_bytes = text.size()},
                        .sink = &sinks[requests.size()]});
  }
  std::size_t done = 0;
  f.registry.fetch_blobs(f.reference(), requests, {}, [&](const BlobRequest& request) {
    ++done;
    CHECK(sha256(static_cast<Collect*>(request.sink)->text) == request.blob.digest);
  });
  CHECK(done == blobs.size());
}

TEST_CASE("a blob with other bytes, fewer or more of them is refused by name, and the others are kept") {
  std::string body;
  Fixture f([&](const ServerRequest& request, Reply& reply) {
    reply.send(200, request.path.ends_with(sha256("good").hex()) ? "good" : body);
  });
  const auto fetch_two = [&](const std::string& sent) {
    body = sent;
    Collect bad;
    Collect good;
    const std::vector<BlobRequest> requests{
        {.blob = {.media_type = {}, .digest = sha256("12345"), .size_bytes = 5}, .sink = &bad},
        {.blob = {.media_type = {}, .digest = sha256("good"), .size_bytes = 4}, .sink = &good}};
    std::vector<std::string> done;
    const auto text = failure([&] {
      f.registry.fetch_blobs(f.reference(), requests, {},
                             [&](const BlobRequest& request) { done.push_back(request.blob.digest.hex()); });
    });
    CHECK(done == std::vector{sha256("good").hex()});
    CHECK_THAT(text, Contains("did not send what " + sha256("12345").to_string() + " names [N023]"));
    return text;
  };
  CHECK_THAT(fetch_two("12346"), Contains("what came: " + sha256("12346").to_string()));
  CHECK_THAT(fetch_two("1234"), Contains("what came: 4 of 5 bytes"));
  CHECK_THAT(fetch_two("123456"), Contains("what came: more than its 5 bytes"));
}

TEST_CASE("a blob whose transfer breaks is resumed and is still verified as a whole") {
  std::vector<std::string> ranges;
  Fixture f([&](const ServerRequest& request, Reply& reply) {
    ranges.push_back(header_of(request, "range"));
    if (ranges.size() > 1) return reply.send(206, "67890", "Content-Range: bytes 5-9/10\r\n");
    reply.raw("HTTP/1.1 200 X\r\nContent-Length: 10\r\nAccept-Ranges: bytes\r\nETag: \"e\"\r\n\r\n12345");
    reply.cut();
  });
  CHECK(f.fetch("1234567890") == "1234567890");
  CHECK(ranges == std::vector<std::string>{"", "bytes=5-"});
}

TEST_CASE("Basic credentials are shown when the registry asks, and do not follow a blob to another host") {
  const std::string expected = "Basic am9lOnMzY3JldA==";
  LoopbackServer other([&](const ServerRequest& request, Reply& reply) {
    CHECK_FALSE(request.headers.contains("authorization"));
    reply.send(200, "the blob");
  });
  std::atomic<int> unasked = 0;
  Fixture f(
      [&](const ServerRequest& request, Reply& reply) {
        if (header_of(request, "authorization") != expected) {
          ++unasked;
          return reply.send(401, "", "WWW-Authenticate: Basic realm=\"x\"\r\n");
        }
        if (request.path.find("/manifests/") != std::string::npos) return send_manifest(reply);
        reply.send(307, "", "Location: " + other.url("/signed?key=1") + "\r\n");
      },
      joe());
  CHECK(f.registry.fetch_manifest(f.reference(), {}).text == kManifest);
  CHECK(f.fetch("the blob") == "the blob");
  CHECK(unasked == 1);  // from then on it is known
}

TEST_CASE("who is refused hears where credentials were looked for") {
  Fixture wrong(
      [](const ServerRequest&, Reply& reply) {
        reply.send(401, R"({"errors": [{"code": "UNAUTHORIZED", "message": "authentication required"}]})",
                   "WWW-Authenticate: Basic realm=\"x\"\r\n");
      },
      joe());
  const auto refused = manifest_failure(wrong);
  CHECK_THAT(refused, Contains("does not let us have 'acme/base' (status 401) [N021]") &&
                          Contains("it refuses what /home/joe/.docker/config.json has for it") &&
                          Contains("the registry says: authentication required"));
  Fixture nobody([](const ServerRequest&, Reply& reply) { reply.send(403, "{}"); },
                 [](const std::string& host, const std::string& repository) {
                   CHECK_THAT(host, Catch::StartsWith("127.0.0.1:"));
                   CHECK(repository == "acme/base");
                   return CredentialLookup{.credential = {},
                                           .looked_in = "no file: /root/.docker/config.json is not there"};
                 });
  CHECK_THAT(manifest_failure(nobody),
             Contains("(status 403) [N021]") &&
                 Contains("there are no credentials for it in no file: /root/.docker/config.json"));
  Fixture odd([](const ServerRequest&, Reply& reply) { reply.send(401, "", "WWW-Authenticate: Negotiate\r\n"); });
  CHECK_THAT(manifest_failure(odd), Contains("it asks for 'negotiate', which is not known here [N027]"));
}

namespace {

/// A registry that asks for Bearer tokens, and its token service: each token serves one scope and `uses` requests.
struct TokenRegistry {
  int uses = 1000;
  int issued = 0;
  std::string answer;  ///< of the token service; empty = a good one
  std::string lifetime = "300";
  std::vector<std::string> token_requests;
  std::map<std::string, int> uses_left;
  std::string self;

  void handle(const ServerRequest& request, Reply& reply) {
    if (request.path.starts_with("/token")) {
      token_requests.push_back(request.method + " " + request.path + " " + header_of(request, "authorization") + " " +
                               request.body);
      ++issued;
      const std::string token = fmt::format("t{}", issued);
      uses_left[token] = uses;
      return reply.send(
          200, answer.empty() ? fmt::format(R"({{"token": "{}", "expires_in": {}}})", token, lifetime) : answer);
    }
    const std::string shown = header_of(request, "authorization");
    int* left = shown.starts_with("Bearer ") ? &uses_left[shown.substr(7)] : nullptr;
    if (left == nullptr || *left == 0) {
      const auto repository = request.path.substr(4, 9);
      return reply.send(
          401, "",
          fmt::format("WWW-Authenticate: Bearer realm=\"{}/token\",service=\"a b\",scope=\"repository:{}:pull\"\r\n",
                      self, repository));
    }
    --*left;
    if (request.path.find("/manifests/") != std::string::npos) return send_manifest(reply);
    reply.send(200, "blob" + request.path.substr(request.path.size() - 1));
  }
};

struct TokenFixture : TokenRegistry, Fixture {
  explicit TokenFixture(FindCredential find = {}, Clock clock = std::chrono::steady_clock::now)
      : Fixture([this](const ServerRequest& request, Reply& reply) { handle(request, reply); }, std::move(find),
                std::move(clock)) {
    self = server.url("");
  }
};

}  // namespace

TEST_CASE("a Bearer token is fetched once for each repository") {
  TokenFixture f;
  for (int i = 0; i < 3; ++i) CHECK(f.registry.fetch_manifest(f.reference(), {}).text == kManifest);
  CHECK(f.token_requests ==
        std::vector<std::string>{"GET /token?service=a%20b&scope=repository%3Aacme%2Fbase%3Apull  "});
  auto other = f.reference();
  other.repository = "acme/tool";
  CHECK(f.registry.fetch_manifest(other, {}).text == kManifest);
  REQUIRE(f.token_requests.size() == 2);
  CHECK_THAT(f.token_requests[1], Contains("acme%2Ftool"));
}

TEST_CASE("the token service is shown the password, or an identity token by POST") {
  TokenFixture basic(joe());
  CHECK(basic.registry.fetch_manifest(basic.reference(), {}).text == kManifest);
  CHECK(basic.token_requests ==
        std::vector<std::string>{
            "GET /token?service=a%20b&scope=repository%3Aacme%2Fbase%3Apull&account=joe Basic am9lOnMzY3JldA== "});
  TokenFixture identity([](const std::string&, const std::string&) {
    return CredentialLookup{.credential = Credential{.user = {}, .password = {}, .identity_token = Secret("id&1")},
                            .looked_in = "x"};
  });
  CHECK(identity.registry.fetch_manifest(identity.reference(), {}).text == kManifest);
  CHECK(identity.token_requests ==
        std::vector<std::string>{"POST /token  "
                                 "grant_type=refresh_token&service=a%20b&client_id=blueprint&scope=repository%3Aacme%"
                                 "2Fbase%3Apull&refresh_token=id%261"});
}

TEST_CASE("a token is renewed when its time is over, and when the registry takes it no more") {
  auto now = std::chrono::steady_clock::time_point{} + 1h;
  TokenFixture f({}, [&] { return now; });
  f.lifetime = "100";
  const auto fetch = [&] { CHECK(f.registry.fetch_manifest(f.reference(), {}).text == kManifest); };
  fetch();
  now += 89s;
  fetch();
  CHECK(f.issued == 1);
  now += 2s;
  fetch();
  CHECK(f.issued == 2);
  f.uses_left.clear();
  fetch();
  CHECK(f.issued == 3);
}

TEST_CASE("tokens that serve only some requests are renewed as long as they bring something") {
  TokenFixture f;
  f.uses = 2;
  std::vector<Collect> sinks(16);
  std::vector<BlobRequest> requests;
  for (std::size_t i = 0; i < sinks.size(); ++i) {
    // The last digit of the digest is what the server sends; blobs are chosen so that it fits.
    for (int n = 0; requests.size() == i && n < 16; ++n) {
      const std::string text = fmt::format("blob{:x}", n);
      const Digest digest = sha256(text);
      if (digest.hex().back() == text.back())
        requests.push_back(
            {.blob = {.media_type = {}, .digest = digest, .size_bytes = text.size()}, .sink = &sinks[i]});
    }
    if (requests.size() == i) break;
  }
  REQUIRE(requests.size() == 16);
  std::size_t done = 0;
  f.registry.fetch_blobs(f.reference(), requests, {}, [&](const BlobRequest&) { ++done; });
  CHECK(done == 16);
  CHECK(f.issued == 8);
  f.uses = 0;
  f.uses_left.clear();
  CHECK_THAT(manifest_failure(f), Contains("(status 401) [N021]"));
}

TEST_CASE("a token service that answers with something else is refused") {
  TokenFixture f;
  for (const char* answer :
       {"{}", "oops", R"({"token": ""})", R"({"token": "a\r\nX-Evil: 1"})", R"({"token": 1})", "[]"}) {
    f.answer = answer;
    CHECK_THAT(manifest_failure(f), Contains("its token service answered with no token [N027]"));
  }
}

TEST_CASE(
    "a password never goes to a token service without TLS for a registry with it, nor to a stranger's challenge") {
  const auto http = quick_http();
  RegistryAuth auth(*http, endpoint_of("registry.example", {}), "acme/base", "pull", joe(),
                    std::chrono::steady_clock::now);
  HttpResponse challenge{.status = 401,
                         .headers = {{"WWW-Authenticate", "Bearer realm=\"http://auth.example/token\""}},
                         .url = "https://registry.example/v2/acme/base/manifests/1",
                         .body = {}};
  for (const char* realm : {"http://auth.example/token", "file:///etc/passwd", "/token", ""}) {
    challenge.headers = {{"WWW-Authenticate", fmt::format("Bearer realm=\"{}\"", realm)}};
    CHECK_THAT(failure([&] { static_cast<void>(auth.answer(challenge, {})); }),
               Contains("its token service is at '") && Contains("[N027]"));
  }
  challenge.headers = {{"WWW-Authenticate", "Basic realm=\"x\""}};
  challenge.url = "https://storage.example/signed";
  CHECK_FALSE(auth.answer(challenge, {}));
  challenge.url = "https://registry.example/v2/";
  CHECK(auth.answer(challenge, {}));
}

TEST_CASE("what is not there is said with what is near") {
  std::string tags = R"({"name": "acme/base", "tags": ["1.2", "1.3", "nightly", 7]})";
  int tags_status = 200;
  Fixture f([&](const ServerRequest& request, Reply& reply) {
    if (request.path.starts_with("/v2/acme/base/tags/list")) return reply.send(tags_status, tags);
    reply.send(404, "{}");
  });
  CHECK_THAT(manifest_failure(f, ":1.4"),
             Contains("/acme/base has no tag '1.4' [N022]") && Contains("did you mean '1.2' or '1.3'?"));
  CHECK_THAT(manifest_failure(f, ":something-else"), Contains("hint: it has 1.2, 1.3, nightly"));
  CHECK_THAT(manifest_failure(f, "@" + sha256("x").to_string()),
             Contains("has no content " + sha256("x").to_string() + " [N022]"));
  CHECK_THAT(failure([&] { f.fetch("x"); }), Contains("has no content " + sha256("x").to_string() + " [N022]"));
  tags_status = 403;
  CHECK_THAT(manifest_failure(f, ":1.4"), Contains("has no tag '1.4' [N022]") && Contains("does not say which it has"));
  tags_status = 404;
  CHECK_THAT(manifest_failure(f, ":1.4"), Contains("has no repository 'acme/base' [N022]"));
}

TEST_CASE("a registry that limits requests says when to come again, and other failures say their status") {
  int status = 429;
  Fixture f([&](const ServerRequest&, Reply& reply) {
    reply.send(status, R"({"errors": [{"code": "TOOMANYREQUESTS", "message": "slow \u001b[31mdown"}]})",
               "Retry-After: 1800\r\n");
  });
  CHECK_THAT(manifest_failure(f), Contains("answers no more requests for now (status 429) [N024]") &&
                                      Contains("to be asked again after: 1800") &&
                                      Contains("docker login 127.0.0.1:") &&
                                      Contains("the registry says: slow \\x1b[31mdown"));
  status = 500;
  CHECK_THAT(manifest_failure(f),
             Contains("status 500 (internal server error) [N010]") && Contains("the registry says"));
}
