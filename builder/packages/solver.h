#pragma once

#include <filesystem>
#include <stop_token>
#include <string>
#include <vector>

#include "base/digest.h"
#include "builder/packages/index.h"
#include "builder/packages/pins.h"

// The two sides of blueprint-solve, the helper program in which libapt-pkg runs: its configuration and caches are
// process globals, it is not thread-safe, and forking a process with threads to use it would not be safe either. The
// request is JSON on its stdin, the answer JSON on its stdout (solver_protocol.h).

namespace blueprint::packages {

/// How two packages of one answer depend on each other.
enum class Needs { PreDepends, Depends, Recommends };

struct SolvedEdge {
  std::size_t target = 0;  ///< index of the package that is needed
  Needs kind = Needs::Depends;
  bool operator==(const SolvedEdge&) const = default;
};

/// A package that a layer installs.
struct SolvedPackage {
  std::string name;
  std::string version;
  std::string architecture;
  std::string filename;
  std::uint64_t size_bytes = 0;
  std::string sha256;
  std::string list;      ///< name of apt's list file: which index it comes from
  std::string security;  ///< the newest version up to this one that a security suite publishes; may be empty
  bool manual = false;
  bool essential = false;
  std::vector<SolvedEdge> needs;
};

/// A word of the recipe, or the set of words, that cannot be had.
struct SolverFault {
  enum class Kind {
    UnknownPackage,
    UnknownVersion,
    UnknownSuite,
    UnknownArchitecture,
    Virtual,
    Unsatisfiable,
    Removes,
    Broken
  };
  Kind kind = Kind::Broken;
  std::size_t layer = 0;
  std::size_t word = SIZE_MAX;       ///< SIZE_MAX = the whole layer
  std::string subject;               ///< package name, version or suite
  std::vector<std::string> choices;  ///< near names, versions that exist, providers
  std::vector<std::string> lines;    ///< apt's explanation
};

enum class Base { None, Minimal, Standard };

struct SolverLayer {
  std::vector<std::string> words;
  bool recommends = false;
  Base base = Base::None;  ///< also the distribution's own base
};

struct SolverRequest {
  std::filesystem::path state;  ///< directory made by prepare_lists
  std::string architecture;
  std::string status;  ///< dpkg's status of the parent; empty = nothing is installed
  std::string extended_states;
  std::vector<SolverLayer> layers;
  UpdateScope scope;
  std::vector<Pin> pins;                    ///< what the lock has; mean nothing when the scope is Everything
  std::vector<std::string> security_lists;  ///< apt's list files that are indices of security suites
};

struct SolverAnswer {
  std::vector<std::vector<SolvedPackage>> layers;
  std::vector<Pin> gone;            ///< pins whose version the archive has no more: their newest version was taken
  std::vector<SolverFault> faults;  ///< when not empty, `layers` is meaningless
};

/// Makes (or finds) a directory below `cache`/solver that holds sources.list and lists/ for these indices as apt
/// expects them. Also drops directories and indices that nobody has used for two weeks.
[[nodiscard]] std::filesystem::path prepare_lists(const std::vector<FetchedRepository>& repositories,
                                                  const std::string& architecture, const std::filesystem::path& cache);

/// The name under which apt looks for an index in lists/; `repository` is its number.
[[nodiscard]] std::string list_name(std::size_t repository, const FetchedRepository& fetched,
                                    const PackagesIndex& index);

/// Runs `program`. Throws Error P040 (kind Machine) when it cannot run or breaks down; Interrupted.
[[nodiscard]] SolverAnswer solve(const SolverRequest& request, const std::filesystem::path& program,
                                 std::stop_token stop);

/// The helper beside the running program, or in ../libexec/blueprint. Throws Error P041 when it is in neither place.
[[nodiscard]] std::filesystem::path find_solver();

}  // namespace blueprint::packages
