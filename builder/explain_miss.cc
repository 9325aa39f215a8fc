#include "builder/explain_miss.h"

#include "base/json.h"

namespace blueprint::builder {
namespace {

std::optional<double> seconds_in(const std::string& facts) {
  const Json json = Json::parse(facts, nullptr, false);
  if (!json.is_object() || !json.contains("seconds") || !json["seconds"].is_number()) return std::nullopt;
  return json["seconds"].get<double>();
}

}  // namespace

Miss explain_miss(const layers::Store& store, const plan::KeyRecord& key) {
  const auto recent = store.recent_keys(key.recipe(), key.layer());
  if (recent.empty()) return {.reasons = {"it was not built in this store before"}, .seconds = std::nullopt};
  Miss miss{.reasons = plan::explain_difference(plan::KeyRecord::from_json(recent.front().record), key),
            .seconds = seconds_in(recent.front().facts)};
  if (miss.reasons.empty()) miss.reasons.emplace_back("its stored layer is gone from the store");
  return miss;
}

std::optional<double> seconds_last_time(const layers::Store& store, const std::string& recipe,
                                        const std::string& layer) {
  const auto recent = store.recent_keys(recipe, layer);
  return recent.empty() ? std::nullopt : seconds_in(recent.front().facts);
}

}  // namespace blueprint::builder
