#pragma once

#include <string>
#include <string_view>

#include "builder/packages/solver.h"

// The messages between blueprint and blueprint-solve. Both are built from one tree, so there is no version negotiation:
// a message that does not parse is a fault of the installation. Field names are those of the structs.

namespace blueprint::packages {

[[nodiscard]] std::string encode_request(const SolverRequest& request);
[[nodiscard]] SolverRequest decode_request(std::string_view text);
[[nodiscard]] std::string encode_answer(const SolverAnswer& answer);
[[nodiscard]] SolverAnswer decode_answer(std::string_view text);

}  // namespace blueprint::packages
