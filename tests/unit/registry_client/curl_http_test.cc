#include <atomic>
#include <fstream>
#include <thread>

#include <fmt/format.h>
#include <catch2/catch.hpp>

#include "base/error.h"
#include "base/file.h"
#include "registry_client/http.h"
#include "tests/unit/registry_client/loopback_server.h"

using namespace blueprint;
using namespace blueprint::registry_client;
using test::LoopbackServer;
using test::Reply;
using test::ServerRequest;
using namespace std::chrono_literals;

namespace {

HttpOptions quick() {
  HttpOptions options;
  options.backoff = 1ms;
  options.max_backoff = 20ms;
  options.low_speed_time = 1s;
  return options;
}

class Collect final : public BodySink {
 public:
  void begin(const HttpResponse&, std::uint64_t offset) override {
    begins.push_back(offset);
    if (offset == 0) text.clear();
    if (offset != text.size()) throw bug("the client resumed at another place than the sink is at");
  }
  void write(std::span<const std::byte> bytes) override {
    text.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  std::string text;
  std::vector<std::uint64_t> begins;
};

class TextSource final : public BodySource {
 public:
  TextSource(std::string text, std::optional<std::uint64_t> size) : text_(std::move(text)), size_(size) {}
  void rewind() override {
    ++rewinds;
    at_ = 0;
  }
  std::size_t read(std::span<std::byte> into) override {
    const auto count = std::min(into.size(), text_.size() - at_);
    std::copy_n(reinterpret_cast<const std::byte*>(text_.data()) + at_, count, into.data());
    at_ += count;
    return count;
  }
  [[nodiscard]] std::optional<std::uint64_t> size_bytes() const override { return size_; }
  int rewinds = 0;

 private:
  std::string text_;
  std::optional<std::uint64_t> size_;
  std::size_t at_ = 0;
};

std::string code_of(const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const Error& error) {
    return error.first().code;
  }
}

std::string big_text() {
  std::string text;
  for (int i = 0; text.size() < 300'000; ++i) text += fmt::format("{} ", i);
  return text;
}

}  // namespace

TEST_CASE("a request without a sink returns status, headers and body") {
  LoopbackServer server([](const ServerRequest& request, Reply& reply) {
    reply.send(request.path == "/missing" ? 404 : 200, request.method + " " + request.headers.at("x-test"),
               "X-Answer: yes\r\n");
  });
  const auto http = make_curl_http(quick());
  const auto found = http->send({.url = server.url("/a"), .headers = {{"X-Test", "7"}}}, {});
  CHECK(found.status == 200);
  CHECK(found.body == "GET 7");
  CHECK(found.header("x-answer") == "yes");
  const auto missing = http->send({.url = server.url("/missing"), .headers = {{"X-Test", "8"}}}, {});
  CHECK(missing.status == 404);
  CHECK(missing.body == "GET 8");
  CHECK(server.connections() == 1);
}

TEST_CASE("bodies are sent with a known length or in chunks, and HEAD brings none back") {
  LoopbackServer server([](const ServerRequest& request, Reply& reply) {
    if (request.method == "HEAD") return reply.raw("HTTP/1.1 200 X\r\nContent-Length: 5\r\n\r\n");
    const bool chunked =
        request.headers.contains("transfer-encoding") && request.headers.at("transfer-encoding") == "chunked";
    reply.send(201, fmt::format("{} {} {}", request.method, chunked ? "chunked" : "counted", request.body.size()));
  });
  const auto http = make_curl_http(quick());
  TextSource counted(std::string(100'000, 'x'), 100'000);
  TextSource unknown(std::string(100'000, 'x'), std::nullopt);
  CHECK(http->send({.method = Method::Put, .url = server.url("/"), .source = &counted}, {}).body ==
        "PUT counted 100000");
  CHECK(http->send({.method = Method::Post, .url = server.url("/"), .source = &counted}, {}).body ==
        "POST counted 100000");
  CHECK(http->send({.method = Method::Patch, .url = server.url("/"), .source = &unknown}, {}).body ==
        "PATCH chunked 100000");
  CHECK(http->send({.method = Method::Post, .url = server.url("/")}, {}).body == "POST counted 0");
  CHECK(http->send({.method = Method::Delete, .url = server.url("/")}, {}).body == "DELETE counted 0");
  const auto head = http->send({.method = Method::Head, .url = server.url("/")}, {});
  CHECK(head.status == 200);
  CHECK(head.body.empty());
}

TEST_CASE("a body that breaks off is resumed where it ended, and only when the server can") {
  const std::string text = big_text();
  std::atomic<int> requests = 0;
  const bool can_resume = GENERATE(true, false);
  LoopbackServer server([&](const ServerRequest& request, Reply& reply) {
    const std::string headers = can_resume ? "Accept-Ranges: bytes\r\nETag: \"v1\"\r\n" : "";
    if (++requests == 1) {
      reply.raw(fmt::format("HTTP/1.1 200 X\r\nContent-Length: {}\r\n{}\r\n", text.size(), headers));
      reply.raw(text.substr(0, 100'000));
      return reply.cut();
    }
    if (!can_resume) {
      CHECK_FALSE(request.headers.contains("range"));
      return reply.send(200, text);
    }
    CHECK(request.headers.at("range") == "bytes=100000-");
    CHECK(request.headers.at("if-range") == "\"v1\"");
    reply.send(206, text.substr(100'000),
               fmt::format("Content-Range: bytes 100000-{}/{}\r\n", text.size() - 1, text.size()));
  });
  const auto http = make_curl_http(quick());
  Collect sink;
  CHECK(http->send({.url = server.url("/big"), .sink = &sink}, {}).success());
  CHECK(sink.text == text);
  CHECK(requests == 2);
  CHECK(sink.begins == (can_resume ? std::vector<std::uint64_t>{0, 100'000} : std::vector<std::uint64_t>{0, 0}));
}

TEST_CASE("a resumed body starts over when the file has changed meanwhile") {
  const std::string text = big_text();
  std::atomic<int> requests = 0;
  LoopbackServer server([&](const ServerRequest& request, Reply& reply) {
    if (++requests == 1) {
      reply.raw(fmt::format("HTTP/1.1 200 X\r\nContent-Length: {}\r\nAccept-Ranges: bytes\r\n\r\nold content",
                            text.size() + 1));
      return reply.cut();
    }
    if (request.headers.contains("range")) {  // another length than before: it is another file
      return reply.send(206, text.substr(11),
                        fmt::format("Content-Range: bytes 11-{}/{}\r\n", text.size() - 1, text.size()));
    }
    reply.send(200, text);
  });
  const auto http = make_curl_http(quick());
  Collect sink;
  CHECK(http->send({.url = server.url("/big"), .sink = &sink}, {}).success());
  CHECK(sink.text == text);
}

TEST_CASE("a server that is busy is asked again, as late as it says, and its last answer is returned") {
  std::atomic<int> requests = 0;
  LoopbackServer server([&](const ServerRequest& request, Reply& reply) {
    ++requests;
    if (request.path == "/always") return reply.send(503, "no");
    if (request.path == "/post") return reply.send(500, "no");
    reply.send(requests < 3 ? 429 : 200, "body", "Retry-After: 0\r\n");
  });
  auto options = quick();
  options.attempts = 4;
  const auto http = make_curl_http(options);
  Collect sink;
  CHECK(http->send({.url = server.url("/later"), .sink = &sink}, {}).status == 200);
  CHECK(sink.text == "body");
  CHECK(requests == 3);
  requests = 0;
  CHECK(http->send({.url = server.url("/always"), .sink = &sink}, {}).status == 503);
  CHECK(requests == 4);
  CHECK(sink.text == "body");  // the body of an error is never content
  requests = 0;
  CHECK(http->send({.method = Method::Post, .url = server.url("/post")}, {}).status == 500);
  CHECK(requests == 1);  // a POST may have acted
}

TEST_CASE("a server that always breaks off ends in one error after all attempts") {
  std::atomic<int> requests = 0;
  LoopbackServer server([&](const ServerRequest&, Reply& reply) {
    ++requests;
    reply.raw("HTTP/1.1 200 X\r\nContent-Length: 1000\r\n\r\nabc");
    reply.cut();
  });
  auto options = quick();
  options.attempts = 3;
  const auto http = make_curl_http(options);
  HttpTransfer transfer{.request = {.url = server.url("/x")}};
  http->perform({&transfer, 1}, {});
  REQUIRE(transfer.failure);
  CHECK(code_of(transfer.failure) == "N002");
  CHECK(requests == 3);
}

TEST_CASE("what cannot be reached, a bad URL and a forbidden one are told apart") {
  const auto http = make_curl_http(quick());
  HttpTransfer transfers[4];
  int port = 0;
  {
    LoopbackServer gone([](const ServerRequest&, Reply&) {});
    port = std::stoi(gone.url("").substr(gone.url("").rfind(':') + 1));
  }
  transfers[0].request.url = fmt::format("http://127.0.0.1:{}/", port);
  transfers[1].request.url = "http://[::1/";
  transfers[2].request.url = "ftp://127.0.0.1/x";
  transfers[3].request.url = "file:///etc/hostname";
  http->perform(transfers, {});
  CHECK(code_of(transfers[0].failure) == "N001");
  CHECK(code_of(transfers[1].failure) == "N005");
  CHECK(code_of(transfers[2].failure) == "N005");
  CHECK(code_of(transfers[3].failure) == "N005");
}

TEST_CASE("file URLs work where they are allowed, and a missing file is a 404") {
  const TempDir directory;
  write_file_atomic(directory.path() / "a b", "content");
  auto options = quick();
  options.file_urls = HttpOptions::FileUrls::Allow;
  const auto http = make_curl_http(options);
  const auto base = "file://" + directory.path().string();
  Collect sink;
  CHECK(http->send({.url = join_url(base, "a b"), .sink = &sink}, {}).status == 200);
  CHECK(sink.text == "content");
  CHECK(http->send({.url = join_url(base, "missing")}, {}).status == 404);
}

TEST_CASE("redirects are followed a few times, and never to another kind of URL") {
  LoopbackServer server([&](const ServerRequest& request, Reply& reply) {
    if (request.path == "/loop") return reply.send(302, "", "Location: /loop\r\n");
    if (request.path == "/file") return reply.send(302, "", "Location: file:///etc/hostname\r\n");
    if (request.path == "/a") return reply.send(307, "moved", "Location: /b\r\n");
    reply.send(200, "here");
  });
  auto options = quick();
  options.file_urls = HttpOptions::FileUrls::Allow;
  const auto http = make_curl_http(options);
  const auto moved = http->send({.url = server.url("/a")}, {});
  CHECK(moved.body == "here");
  CHECK(moved.url == server.url("/b"));
  HttpTransfer transfers[2];
  transfers[0].request.url = server.url("/loop");
  transfers[1].request.url = server.url("/file");
  http->perform(transfers, {});
  CHECK(code_of(transfers[0].failure) == "N004");
  CHECK(code_of(transfers[1].failure) == "N005");
}

TEST_CASE("a range is fetched, and a server that ignores it is an error") {
  LoopbackServer server([&](const ServerRequest& request, Reply& reply) {
    if (request.path == "/whole") return reply.send(200, "0123456789");
    CHECK(request.headers.at("range") == "bytes=3-5");
    reply.send(206, "345", "Content-Range: bytes 3-5/10\r\n");
  });
  const auto http = make_curl_http(quick());
  Collect sink;
  CHECK(http->send({.url = server.url("/part"), .range = ByteRange{3, 3}, .sink = &sink}, {}).status == 206);
  CHECK(sink.text == "345");
  HttpTransfer transfer{.request = {.url = server.url("/whole"), .range = ByteRange{3, 3}, .sink = &sink}};
  http->perform({&transfer, 1}, {});
  CHECK(code_of(transfer.failure) == "N007");
}

TEST_CASE("a body longer than allowed is cut off") {
  LoopbackServer server([&](const ServerRequest&, Reply& reply) { reply.send(200, std::string(1000, 'x')); });
  const auto http = make_curl_http(quick());
  Collect sink;
  HttpTransfer transfer{.request = {.url = server.url("/"), .sink = &sink, .max_body_bytes = 999}};
  http->perform({&transfer, 1}, {});
  CHECK(code_of(transfer.failure) == "N006");
  transfer = {.request = {.url = server.url("/"), .sink = &sink, .max_body_bytes = 1000}};
  http->perform({&transfer, 1}, {});
  CHECK_FALSE(transfer.failure);
}

TEST_CASE("many transfers share few connections and each hears its end") {
  LoopbackServer server([&](const ServerRequest& request, Reply& reply) { reply.send(200, request.path); });
  auto options = quick();
  options.max_connections_per_host = 3;
  const auto http = make_curl_http(options);
  std::vector<HttpTransfer> transfers(60);
  for (std::size_t i = 0; i < transfers.size(); ++i) transfers[i].request.url = server.url(fmt::format("/{}", i));
  int ended = 0;
  http->perform(transfers, {}, [&](HttpTransfer& transfer) {
    ++ended;
    CHECK(transfer.response.success());
  });
  CHECK(ended == 60);
  CHECK(transfers[17].response.body == "/17");
  CHECK(server.most_open() <= 3);
}

TEST_CASE("what a sink throws is the failure of its transfer; what on_done throws ends everything") {
  struct Full final : BodySink {
    void begin(const HttpResponse&, std::uint64_t) override {}
    void write(std::span<const std::byte>) override { throw os_error("write x", ENOSPC); }
  };
  LoopbackServer server([&](const ServerRequest&, Reply& reply) { reply.send(200, "x"); });
  const auto http = make_curl_http(quick());
  Full full;
  HttpTransfer transfers[2];
  transfers[0].request = {.url = server.url("/a"), .sink = &full};
  transfers[1].request = {.url = server.url("/b")};
  http->perform(transfers, {});
  CHECK(code_of(transfers[0].failure) == "B002");
  CHECK(transfers[1].response.body == "x");
  CHECK_THROWS_AS(http->perform(transfers, {}, [](HttpTransfer&) { throw os_error("write y", ENOSPC); }), Error);
  CHECK(http->send({.url = server.url("/c")}, {}).body == "x");  // the client is still of use
}

TEST_CASE("a stop request interrupts a transfer that hangs") {
  std::stop_source stop;
  LoopbackServer server([&](const ServerRequest&, Reply& reply) {
    reply.raw("HTTP/1.1 200 X\r\nContent-Length: 1000\r\n\r\nabc");
    stop.request_stop();
    reply.wait_for_client();
  });
  auto options = quick();
  options.low_speed_time = 600s;
  const auto http = make_curl_http(options);
  CHECK_THROWS_AS(http->send({.url = server.url("/")}, stop.get_token()), Interrupted);
}

TEST_CASE("a transfer that stands still is given up and tried again") {
  std::atomic<int> requests = 0;
  LoopbackServer server([&](const ServerRequest&, Reply& reply) {
    if (++requests > 1) return reply.send(200, "at last");
    reply.raw("HTTP/1.1 200 X\r\nContent-Length: 1000\r\n\r\nabc");
    reply.wait_for_client();
  });
  const auto http = make_curl_http(quick());
  CHECK(http->send({.url = server.url("/")}, {}).body == "at last");
}

TEST_CASE("credentials of a URL are sent and do not follow a redirect to another host") {
  LoopbackServer other([&](const ServerRequest& request, Reply& reply) {
    reply.send(200, request.headers.contains("authorization") ? "leaked" : "clean");
  });
  LoopbackServer server([&](const ServerRequest& request, Reply& reply) {
    CHECK(request.headers.at("authorization") == "Basic am9lOnMzY3JldA==");
    // Another name of the same machine is another host to curl.
    auto target = other.url("/x");
    target.replace(target.find("127.0.0.1"), 9, "localhost");
    reply.send(302, "", "Location: " + target + "\r\n");
  });
  auto url = server.url("/");
  url.insert(7, "joe:s3cret@");
  CHECK(make_curl_http(quick())->send({.url = url}, {}).body == "clean");
}

TEST_CASE("a proxy is used when the options name one, whatever the environment says") {
  ::setenv("http_proxy", "http://127.0.0.1:1/", 1);
  LoopbackServer server([&](const ServerRequest& request, Reply& reply) { reply.send(200, request.path); });
  CHECK(make_curl_http(quick())->send({.url = server.url("/direct")}, {}).body == "/direct");
  auto options = quick();
  options.proxy = server.url("");
  CHECK(make_curl_http(options)->send({.url = "http://example.invalid/x"}, {}).body == "http://example.invalid/x");
  ::unsetenv("http_proxy");
}
