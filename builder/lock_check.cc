#include "builder/lock_check.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "builder/plan_build.h"
#include "builder/recipe_lock.h"
#include "builder/registry_image.h"
#include "builder/resolve_image.h"

namespace blueprint::builder {
namespace {

constexpr const char* kNoParent = "its parent image is not in the store: build it to know whether it changed";

/// Carries out `ask`. When the network does not answer, a lock that is stale anyway is judged without it.
template <typename Ask>
void ask_the_network(LockCheck& check, Ask ask) {
  try {
    ask();
  } catch (Error& error) {
    if (error.first().kind != ErrorKind::Network) throw;
    if (!check.is_stale()) {
      error.add_hint("'--check --offline' says what can be known without the network");
      throw;
    }
    check.not_known = error.first().message;
  }
}

/// Tags of registries that name another image than the lock pins: the build goes on with what it pins.
void look_for_moved_tags(const recipe::Recipe& recipe, const packages::Lock& lock, layers::Store& store,
                         const BuildOptions& options, const std::stop_token& stop, LockCheck& check) {
  for (const auto& name : images_named_by(recipe)) {
    const auto pinned = is_registry_reference(name.value) ? pinned_in(lock, name.value) : std::nullopt;
    if (!pinned) continue;
    auto reference = registry_reference(name);
    if (reference.digest) continue;
    const Digest now = RegistryPull(std::move(reference), options.registries, store, stop).resolve_tag();
    if (now != *pinned)
      check.moved.push_back(fmt::format("the tag of '{}' names {} now, not {}", printable(name.value), now.to_string(),
                                        pinned->to_string()));
  }
}

/// What the archives have that the lock does not.
void look_for_updates(const LockRequest& request, const packages::Lock& lock, layers::Store& store, ThreadPool& pool,
                      Events& events, std::stop_token stop, LockCheck& check) {
  const auto fresh = resolve_lock(request, &lock, {}, store, pool, events, std::move(stop));
  check.pending = packages::compare_locks(lock, fresh.lock, fresh.facts);
}

}  // namespace

std::vector<std::string> LockCheck::reasons() const {
  auto all = misfit;
  all.insert(all.end(), overdue.begin(), overdue.end());
  all.insert(all.end(), moved.begin(), moved.end());
  return all;
}

LockCheck check_lock(const recipe::Recipe& recipe, layers::Store& store, const BuildOptions& options, std::int64_t now,
                     ThreadPool& pool, Events& events, std::stop_token stop) {
  LockCheck check{.path = lock_path(recipe)};
  const auto lock = load_lock(recipe);
  if (!lock) {
    check.not_known = "there is no lock";
    return check;
  }
  check.exists = true;
  check.age_seconds = lock_age(*lock, now);
  if (check.age_seconds) check.date = now - *check.age_seconds;
  const auto found = find_images(recipe, store, options);
  const bool parent_missing = !found;
  const steps::Images images = found.value_or(steps::Images{});
  const LockRequest request{.recipe = recipe, .images = images, .mirrors = options.mirrors, .offline = options.offline};
  check.misfit = staleness(*lock, request, parent_missing ? ParentKnown::No : ParentKnown::Yes);
  check.overdue = overdue(*lock, recipe.policy, now);
  if (!options.offline)
    ask_the_network(check, [&] { look_for_moved_tags(recipe, *lock, store, options, stop, check); });
  if (parent_missing) {
    check.not_known = kNoParent;
  } else if (!check.misfit.empty()) {
    check.not_known = "the lock is to be made anew first";
  } else if (options.offline) {
    check.not_known = "the network may not be used";
  } else {
    ask_the_network(check, [&] { look_for_updates(request, *lock, store, pool, events, std::move(stop), check); });
  }
  return check;
}

}  // namespace blueprint::builder
