#include "layers/oci_config.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <ctime>

#include <fmt/format.h>

#include "base/error.h"
#include "layers/oci_errors.h"
#include "layers/oci_json.h"

namespace blueprint::layers {
namespace {

constexpr const char* kWhat = "the image's config";
constexpr std::size_t kMaxLayers = 1000;

/// Seconds of an RFC 3339 time such as 2024-05-01T10:20:30.5Z; 0 when it is none, or before 1970.
std::int64_t parse_time(const std::string& text) {
  std::tm time{};
  const char* rest = ::strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &time);
  if (rest == nullptr) return 0;
  if (*rest == '.') {
    ++rest;
    while (*rest >= '0' && *rest <= '9') ++rest;
  }
  std::int64_t offset = 0;
  int hours = 0;
  int minutes = 0;
  if ((*rest == '+' || *rest == '-') && std::sscanf(rest + 1, "%2d:%2d", &hours, &minutes) == 2) {
    offset = (hours * 60 + minutes) * (*rest == '+' ? 60 : -60);
  }
  return std::max<std::int64_t>(0, ::timegm(&time) - offset);
}

void read_run_config(const Json& run, OciConfig& config) {
  for (const std::string& pair : texts_at(run, "Env").value_or(std::vector<std::string>{})) {
    const std::size_t equals = pair.find('=');
    if (equals != 0 && equals != std::string::npos) config.env[pair.substr(0, equals)] = pair.substr(equals + 1);
  }
  config.user = text_at(run, "User");
  config.workdir = text_at(run, "WorkingDir");
  for (const auto& [name, value] : object_at(run, "Labels").items()) {
    if (value.is_string()) config.labels[name] = value.get<std::string>();
  }
  for (const auto& [port, nothing] : object_at(run, "ExposedPorts").items()) {
    const std::size_t slash = port.find('/');
    std::uint16_t number = 0;
    const auto [end, fault] = std::from_chars(port.data(), port.data() + port.size(), number);
    const bool is_tcp = slash == std::string::npos || port.substr(slash) == "/tcp";
    if (is_tcp && fault == std::errc{} && number != 0) config.tcp_ports.push_back(number);
  }
  std::sort(config.tcp_ports.begin(), config.tcp_ports.end());
  config.entrypoint = texts_at(run, "Entrypoint");
  config.command = texts_at(run, "Cmd");
  config.on_build = texts_at(run, "OnBuild").value_or(std::vector<std::string>{});
}

}  // namespace

OciConfig parse_oci_config(std::string_view text, std::string_view image) {
  const Json json = parse_oci_json(text, kWhat);
  const std::string platform = platform_of(json);
  if (platform != kOciPlatform) throw wrong_oci_platform(image, std::vector<std::string>{platform});
  OciConfig config;
  for (const std::string& text_of_digest : texts(array_at(object_at(json, "rootfs"), "diff_ids", kWhat))) {
    const auto digest = Digest::parse(text_of_digest);
    if (!digest) throw bad_oci_document(kWhat, "a diff_id in it is no sha256 digest");
    config.diff_ids.push_back(*digest);
  }
  if (config.diff_ids.empty() || config.diff_ids.size() > kMaxLayers)
    throw bad_oci_document(kWhat, fmt::format("it speaks of {} layers", config.diff_ids.size()));
  config.created = parse_time(text_at(json, "created"));
  read_run_config(object_at(json, "config"), config);
  return config;
}

}  // namespace blueprint::layers
