#include "builder/packages/resolve.h"

#include <algorithm>
#include <chrono>

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "base/root_dir.h"
#include "builder/packages/errors.h"
#include "builder/packages/index.h"
#include "builder/packages/repository.h"
#include "builder/packages/solver.h"
#include "builder/packages/solver_faults.h"
#include "builder/packages/solver_order.h"
#include "registry_client/http.h"

namespace blueprint::packages {
namespace fs = std::filesystem;
namespace {

/// Those of the old lock that come from a suite which the recipe still uses: of another release no version holds.
std::vector<Pin> pins_of(const ResolveRequest& request, const std::vector<FetchedRepository>& repositories) {
  std::vector<Pin> pins;
  if (request.before == nullptr) return pins;
  const Lock& before = *request.before;
  const auto still_used = [&](const LockedPackage& package) {
    const auto& old = before.repositories.at(package.repository);
    return std::any_of(repositories.begin(), repositories.end(), [&](const FetchedRepository& repository) {
      return repository.locked.name == old.name && repository.locked.suite == old.suite;
    });
  };
  for (const auto& asked : request.asked) {
    const auto layer = before.packages.find(asked.layer);
    if (layer == before.packages.end()) continue;
    for (const auto& package : layer->second) {
      if (still_used(package)) pins.push_back({package.name, package.version, package.architecture});
    }
  }
  return pins;
}

std::vector<std::string> security_lists(const std::vector<FetchedRepository>& repositories) {
  std::vector<std::string> lists;
  for (std::size_t r = 0; r < repositories.size(); ++r) {
    if (!is_security(repositories[r].locked)) continue;
    for (const auto& index : repositories[r].indices) lists.push_back(list_name(r, repositories[r], index));
  }
  return lists;
}

SolverRequest solver_request(const ResolveRequest& request, const std::vector<FetchedRepository>& repositories,
                             fs::path state) {
  SolverRequest solver{.state = std::move(state),
                       .architecture = request.distribution.architecture,
                       .status = request.parent_status,
                       .extended_states = request.parent_extended_states,
                       .layers = {},
                       .scope = request.before == nullptr ? UpdateScope{} : request.scope,
                       .pins = pins_of(request, repositories),
                       .security_lists = security_lists(repositories)};
  for (const auto& asked : request.asked) {
    SolverLayer layer{.words = {}, .recommends = asked.recommends};
    for (const auto& word : asked.words) layer.words.push_back(word.value);
    solver.layers.push_back(std::move(layer));
  }
  if (request.parent_status.empty() && !solver.layers.empty()) {
    solver.layers.front().base = request.distribution.variant == "standard" ? Base::Standard : Base::Minimal;
  }
  return solver;
}

/// Which repository an apt list file belongs to.
std::map<std::string, std::uint32_t> repositories_by_list(const std::vector<FetchedRepository>& repositories) {
  std::map<std::string, std::uint32_t> numbers;
  for (std::size_t r = 0; r < repositories.size(); ++r) {
    for (const auto& index : repositories[r].indices)
      numbers[list_name(r, repositories[r], index)] = static_cast<std::uint32_t>(r);
  }
  return numbers;
}

std::vector<LockedPackage> lock_layer(const std::vector<SolvedPackage>& solved,
                                      const std::map<std::string, std::uint32_t>& numbers) {
  const auto why = reasons(solved);
  std::vector<LockedPackage> locked;
  for (const auto i : configure_order(solved)) {
    const auto& package = solved[i];
    const auto digest = Digest::parse_hex(package.sha256);
    const auto repository = numbers.find(package.list);
    if (!digest || repository == numbers.end())
      throw solver_broke(fmt::format("it names no source for {}", package.name), "");
    locked.push_back({.name = package.name,
                      .version = package.version,
                      .architecture = package.architecture,
                      // Flat repositories say "./x.deb".
                      .filename = clean_member_path(package.filename).value_or(package.filename),
                      .size_bytes = package.size_bytes,
                      .sha256 = *digest,
                      .repository = repository->second,
                      .automatic = !package.manual,
                      .essential = package.essential,
                      .why = why[i]});
  }
  return locked;
}

std::int64_t now_seconds() {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

/// What the solver found wrong; where locked versions may be what stands in the way, with the way out.
Error choice_error(const std::vector<SolverFault>& faults, const ResolveRequest& request) {
  Error error = solver_error(faults, request.asked);
  const bool held = request.before != nullptr && request.scope.what != UpdateScope::What::Everything;
  const bool misfit = std::any_of(faults.begin(), faults.end(), [](const SolverFault& fault) {
    return fault.kind == SolverFault::Kind::Unsatisfiable || fault.kind == SolverFault::Kind::Removes ||
           fault.kind == SolverFault::Kind::Broken;
  });
  if (held && misfit) {
    error.add_hint("what the lock has is held at its version: 'blueprint lock --update' resolves everything anew");
  }
  return error;
}

Resolution resolve_in_cache(const ResolveRequest& request, ThreadPool& pool, Events& events,
                            const std::stop_token& stop) {
  const fs::path cache = fs::absolute(request.cache);  // apt resolves relative names its own way
  const fs::path program = request.solver_program.empty() ? find_solver() : request.solver_program;
  const auto http = registry_client::make_curl_http({.proxy = request.mirrors.proxy,
                                                     .no_proxy = request.mirrors.no_proxy,
                                                     .file_urls = registry_client::HttpOptions::FileUrls::Allow});
  const IndexRequest index_request{.sources = plan_repositories(request.distribution, request.mirrors),
                                   .architecture = request.distribution.architecture,
                                   .cache = cache,
                                   .offline = request.offline,
                                   .now = now_seconds()};
  events.started("indices", "reading package indices");
  const auto repositories = fetch_indices(index_request, *http, pool, events, stop);
  events.finished("indices", fmt::format("{} repositories", repositories.size()));

  events.started("solve", "choosing packages");
  const auto state = prepare_lists(repositories, request.distribution.architecture, cache);
  const auto answer = solve(solver_request(request, repositories, state), program, stop);
  if (!answer.faults.empty()) throw choice_error(answer.faults, request);

  Resolution resolution;
  const auto numbers = repositories_by_list(repositories);
  for (const auto& repository : repositories) {
    resolution.repositories.push_back(repository.locked);
    resolution.epoch = std::max(resolution.epoch, repository.locked.date);
  }
  resolution.facts.gone = answer.gone;
  std::size_t count = 0;
  for (std::size_t i = 0; i < request.asked.size(); ++i) {
    auto locked = lock_layer(answer.layers.at(i), numbers);
    count += locked.size();
    for (const auto& package : answer.layers[i]) {
      if (!package.security.empty())
        resolution.facts.security[package.name + ":" + package.architecture] = package.security;
    }
    resolution.packages[request.asked[i].layer] = std::move(locked);
  }
  events.finished("solve", fmt::format("{} packages", count));
  return resolution;
}

}  // namespace

Resolution resolve_packages(const ResolveRequest& request, ThreadPool& pool, Events& events, std::stop_token stop) {
  try {
    return resolve_in_cache(request, pool, events, stop);
  } catch (const fs::filesystem_error& error) {
    throw os_error(fmt::format("use the cache of package indices, {}", error.path1().string()), error.code().value());
  }
}

}  // namespace blueprint::packages
