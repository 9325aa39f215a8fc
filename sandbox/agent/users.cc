#include "sandbox/agent/users.h"

#include <algorithm>
#include <charconv>
#include <cstdint>

namespace blueprint::agent {
namespace {

std::optional<std::uint32_t> number(std::string_view text) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::vector<std::string_view> fields(std::string_view line, char separator) {
  std::vector<std::string_view> found;
  while (true) {
    const auto end = line.find(separator);
    found.push_back(line.substr(0, end));
    if (end == std::string_view::npos) return found;
    line.remove_prefix(end + 1);
  }
}

std::optional<User> from_passwd(std::string_view who, std::string_view passwd) {
  for (const auto line : fields(passwd, '\n')) {
    const auto entry = fields(line, ':');
    if (entry.size() < 7 || (entry[0] != who && entry[2] != who)) continue;
    const auto uid = number(entry[2]);
    const auto gid = number(entry[3]);
    if (!uid || !gid) continue;
    User user{.name = std::string(entry[0]), .uid = *uid, .gid = *gid};
    if (!entry[5].empty()) user.home = entry[5];
    if (!entry[6].empty()) user.shell = entry[6];
    return user;
  }
  if (const auto uid = number(who)) return User{.name = {}, .uid = *uid, .gid = *uid};
  // An image without /etc/passwd still has a root.
  if (who == "root") return User{.name = "root", .home = "/root"};
  return std::nullopt;
}

}  // namespace

std::optional<User> find_user(std::string_view who, std::string_view passwd, std::string_view group) {
  std::string_view wanted_group;
  if (const auto colon = who.find(':'); colon != std::string_view::npos) {
    wanted_group = who.substr(colon + 1);
    who = who.substr(0, colon);
  }
  auto user = from_passwd(who.empty() ? "root" : who, passwd);
  if (!user) return user;
  if (!wanted_group.empty()) {
    auto gid = number(wanted_group);
    for (const auto line : fields(group, '\n')) {
      const auto entry = fields(line, ':');
      if (entry.size() >= 4 && entry[0] == wanted_group) gid = number(entry[2]);
    }
    if (!gid) return std::nullopt;
    user->gid = *gid;
  }
  user->groups.push_back(user->gid);
  for (const auto line : fields(group, '\n')) {
    const auto entry = fields(line, ':');
    if (entry.size() < 4 || user->name.empty()) continue;
    const auto members = fields(entry[3], ',');
    const auto gid = number(entry[2]);
    if (!gid || std::find(members.begin(), members.end(), user->name) == members.end()) continue;
    if (std::find(user->groups.begin(), user->groups.end(), *gid) == user->groups.end()) user->groups.push_back(*gid);
  }
  return user;
}

}  // namespace blueprint::agent
