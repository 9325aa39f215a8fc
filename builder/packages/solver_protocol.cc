#include "builder/packages/solver_protocol.h"

#include "base/json.h"

namespace blueprint::packages {
namespace {

Json pins_json(const std::vector<Pin>& pins) {
  Json list = Json::array();
  for (const auto& pin : pins) list.push_back({pin.name, pin.version, pin.architecture});
  return list;
}

std::vector<Pin> read_pins(const Json& list) {
  std::vector<Pin> pins;
  for (const auto& pin : list) {
    pins.push_back({.name = pin.at(0).get<std::string>(),
                    .version = pin.at(1).get<std::string>(),
                    .architecture = pin.at(2).get<std::string>()});
  }
  return pins;
}

}  // namespace

std::string encode_request(const SolverRequest& request) {
  Json layers = Json::array();
  for (const auto& layer : request.layers) {
    layers.push_back(
        {{"words", layer.words}, {"recommends", layer.recommends}, {"base", static_cast<int>(layer.base)}});
  }
  const Json json = {{"state", request.state.string()},
                     {"architecture", request.architecture},
                     {"status", request.status},
                     {"extended_states", request.extended_states},
                     {"layers", layers},
                     {"update", static_cast<int>(request.scope.what)},
                     {"names", request.scope.names},
                     {"pins", pins_json(request.pins)},
                     {"security_lists", request.security_lists}};
  // A dpkg status may hold bytes that are not UTF-8 (a maintainer's name); the solver does not look at those fields.
  return compact_json(json);
}

SolverRequest decode_request(std::string_view text) {
  const Json json = parse_json(text, "the solver's request");
  SolverRequest request{.state = json.at("state").get<std::string>(),
                        .architecture = json.at("architecture").get<std::string>(),
                        .status = json.at("status").get<std::string>(),
                        .extended_states = json.at("extended_states").get<std::string>(),
                        .layers = {},
                        .scope = {.what = static_cast<UpdateScope::What>(json.at("update").get<int>()),
                                  .names = json.at("names").get<std::vector<std::string>>()},
                        .pins = read_pins(json.at("pins")),
                        .security_lists = json.at("security_lists").get<std::vector<std::string>>()};
  for (const auto& layer : json.at("layers")) {
    request.layers.push_back({.words = layer.at("words").get<std::vector<std::string>>(),
                              .recommends = layer.at("recommends").get<bool>(),
                              .base = static_cast<Base>(layer.at("base").get<int>())});
  }
  return request;
}

std::string encode_answer(const SolverAnswer& answer) {
  Json layers = Json::array();
  for (const auto& layer : answer.layers) {
    Json packages = Json::array();
    for (const auto& package : layer) {
      Json needs = Json::array();
      for (const auto& edge : package.needs) needs.push_back({edge.target, static_cast<int>(edge.kind)});
      packages.push_back({{"name", package.name},
                          {"version", package.version},
                          {"architecture", package.architecture},
                          {"filename", package.filename},
                          {"size", package.size_bytes},
                          {"sha256", package.sha256},
                          {"list", package.list},
                          {"security", package.security},
                          {"manual", package.manual},
                          {"essential", package.essential},
                          {"needs", needs}});
    }
    layers.push_back(std::move(packages));
  }
  Json faults = Json::array();
  for (const auto& fault : answer.faults) {
    faults.push_back({{"kind", static_cast<int>(fault.kind)},
                      {"layer", fault.layer},
                      {"word", fault.word},
                      {"subject", fault.subject},
                      {"choices", fault.choices},
                      {"lines", fault.lines}});
  }
  const Json json = {{"layers", layers}, {"gone", pins_json(answer.gone)}, {"faults", faults}};
  return compact_json(json);
}

SolverAnswer decode_answer(std::string_view text) {
  const Json json = parse_json(text, "the solver's answer");
  SolverAnswer answer;
  for (const auto& layer : json.at("layers")) {
    std::vector<SolvedPackage> packages;
    for (const auto& entry : layer) {
      SolvedPackage package{.name = entry.at("name").get<std::string>(),
                            .version = entry.at("version").get<std::string>(),
                            .architecture = entry.at("architecture").get<std::string>(),
                            .filename = entry.at("filename").get<std::string>(),
                            .size_bytes = entry.at("size").get<std::uint64_t>(),
                            .sha256 = entry.at("sha256").get<std::string>(),
                            .list = entry.at("list").get<std::string>(),
                            .security = entry.at("security").get<std::string>(),
                            .manual = entry.at("manual").get<bool>(),
                            .essential = entry.at("essential").get<bool>(),
                            .needs = {}};
      for (const auto& edge : entry.at("needs")) {
        package.needs.push_back(
            {.target = edge.at(0).get<std::size_t>(), .kind = static_cast<Needs>(edge.at(1).get<int>())});
      }
      packages.push_back(std::move(package));
    }
    answer.layers.push_back(std::move(packages));
  }
  answer.gone = read_pins(json.at("gone"));
  for (const auto& fault : json.at("faults")) {
    answer.faults.push_back({.kind = static_cast<SolverFault::Kind>(fault.at("kind").get<int>()),
                             .layer = fault.at("layer").get<std::size_t>(),
                             .word = fault.at("word").get<std::size_t>(),
                             .subject = fault.at("subject").get<std::string>(),
                             .choices = fault.at("choices").get<std::vector<std::string>>(),
                             .lines = fault.at("lines").get<std::vector<std::string>>()});
  }
  return answer;
}

}  // namespace blueprint::packages
