#include "builder/recipe/mode_change.h"

#include <string>

#include "base/text.h"

namespace blueprint::recipe {
namespace {

constexpr std::string_view kWho = "ugoa";
constexpr std::string_view kOperators = "+-=";
constexpr std::string_view kPermissions = "rwxXst";

bool is_one_of(std::string_view words, char c) { return words.find(c) != std::string_view::npos; }

/// Every bit that a clause for `who` can set: of 'u' also setuid, of 'g' setgid.
std::uint32_t bits_of_who(char who) {
  switch (who) {
    case 'u': return 04700;
    case 'g': return 02070;
    case 'o': return 00007;
    default: return 07777;
  }
}

std::uint32_t bits_of_permission(char permission, std::uint32_t mode, ModeOf of) {
  switch (permission) {
    case 'r': return 0444;
    case 'w': return 0222;
    case 'x': return 0111;
    case 'X': return of == ModeOf::Directory || (mode & 0111U) != 0 ? 0111 : 0;
    case 's': return 06000;
    default: return 01000;  // 't', which is nobody's
  }
}

std::uint32_t apply_clause(std::string_view clause, std::uint32_t mode, ModeOf of) {
  std::uint32_t who = 0;
  std::size_t at = 0;
  for (; at < clause.size() && is_one_of(kWho, clause[at]); ++at) who |= bits_of_who(clause[at]);
  if (at == 0) who = 07777;
  const std::uint32_t before = mode;
  while (at < clause.size()) {
    const char operation = clause[at++];
    std::uint32_t bits = 0;
    for (; at < clause.size() && is_one_of(kPermissions, clause[at]); ++at) {
      const std::uint32_t one = bits_of_permission(clause[at], before, of);
      bits |= clause[at] == 't' ? one : one & who;
    }
    if (operation == '=') mode &= ~(who & 06777U);
    mode = operation == '-' ? mode & ~bits : mode | bits;
  }
  return mode;
}

bool is_clause(std::string_view clause) {
  std::size_t at = 0;
  while (at < clause.size() && is_one_of(kWho, clause[at])) ++at;
  if (at == clause.size() || !is_one_of(kOperators, clause[at])) return false;
  for (; at < clause.size(); ++at) {
    if (!is_one_of(kOperators, clause[at]) && !is_one_of(kPermissions, clause[at])) return false;
  }
  return true;
}

}  // namespace

std::uint32_t apply_mode_change(std::string_view change, std::uint32_t mode, ModeOf of) {
  for (const std::string& clause : split(change, ',')) mode = apply_clause(clause, mode, of);
  return mode;
}

bool is_mode_change(std::string_view change) {
  for (const std::string& clause : split(change, ',')) {
    if (!is_clause(clause)) return false;
  }
  return true;
}

}  // namespace blueprint::recipe
