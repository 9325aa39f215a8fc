#include "builder/steps/accounts.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "base/text.h"

namespace blueprint::steps {
namespace {

std::optional<std::uint32_t> number(std::string_view text) {
  std::uint32_t value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

Error unknown_account(std::string_view what, const recipe::Text& text, std::string_view name,
                      const std::vector<std::string>& known) {
  Diagnostic diagnostic{.kind = ErrorKind::Recipe,
                        .code = "R101",
                        .message = fmt::format("the image has no {} '{}' at this layer", what, printable(name))};
  if (text.where.line > 0) diagnostic.where = text.where;
  if (const auto near = near_names(name, known); !near.empty()) diagnostic.hints.push_back(did_you_mean(near));
  diagnostic.hints.push_back(fmt::format("add it in an earlier 'users' layer, or install the package that makes it"));
  return Error(std::move(diagnostic));
}

}  // namespace

Accounts::Accounts(std::string_view passwd, std::string_view group) {
  for (const auto& line : split(passwd, '\n')) {
    const auto fields = split(line, ':');
    if (fields.size() != 7) continue;
    const auto uid = number(fields[2]);
    const auto gid = number(fields[3]);
    if (uid && gid) users_.push_back({fields[0], *uid, *gid, fields[5], fields[6]});
  }
  for (const auto& line : split(group, '\n')) {
    const auto fields = split(line, ':');
    if (fields.size() != 4) continue;
    if (const auto gid = number(fields[2])) groups_.push_back({fields[0], *gid, split(fields[3], ',')});
  }
}

const Accounts::User* Accounts::find_user(std::string_view name) const {
  const auto found = std::find_if(users_.begin(), users_.end(), [&](const User& user) { return user.name == name; });
  return found == users_.end() ? nullptr : &*found;
}

const Accounts::User* Accounts::find_user(std::uint32_t uid) const {
  const auto found = std::find_if(users_.begin(), users_.end(), [&](const User& user) { return user.uid == uid; });
  return found == users_.end() ? nullptr : &*found;
}

std::optional<std::uint32_t> Accounts::find_group(std::string_view name) const {
  const auto found =
      std::find_if(groups_.begin(), groups_.end(), [&](const Group& group) { return group.name == name; });
  if (found == groups_.end()) return std::nullopt;
  return found->gid;
}

std::vector<std::uint32_t> Accounts::groups_of(const User& user) const {
  std::vector<std::uint32_t> gids{user.gid};
  for (const auto& group : groups_) {
    const bool member = std::find(group.members.begin(), group.members.end(), user.name) != group.members.end();
    if (member && group.gid != user.gid) gids.push_back(group.gid);
  }
  return gids;
}

Accounts::Owner Accounts::resolve(const recipe::Text& owner, const recipe::Text& group) const {
  std::string_view user_name = owner.value;
  std::string_view group_name = group.value;
  if (const std::size_t colon = user_name.find(':'); colon != std::string_view::npos) {
    if (group_name.empty()) group_name = user_name.substr(colon + 1);
    user_name = user_name.substr(0, colon);
  }
  Owner result;
  if (!user_name.empty()) {
    if (const User* user = find_user(user_name)) {
      result = {user->uid, user->gid};
    } else if (const auto uid = number(user_name)) {
      const User* by_number = find_user(*uid);
      result = {*uid, by_number != nullptr ? by_number->gid : *uid};
    } else {
      std::vector<std::string> known;
      for (const auto& user_entry : users_) known.push_back(user_entry.name);
      throw unknown_account("user", owner, user_name, known);
    }
  }
  if (!group_name.empty()) {
    if (const auto gid = find_group(group_name)) {
      result.gid = *gid;
    } else if (const auto gid_number = number(group_name)) {
      result.gid = *gid_number;
    } else {
      std::vector<std::string> known;
      for (const auto& group_entry : groups_) known.push_back(group_entry.name);
      throw unknown_account("group", group.value.empty() ? owner : group, group_name, known);
    }
  }
  return result;
}

Accounts::User Accounts::resolve_user(const recipe::Text& user) const {
  if (user.value.empty() || user.value == "root") {
    const User* root = find_user("root");
    return root != nullptr ? *root : User{"root", 0, 0, "/root", "/bin/sh"};
  }
  if (const User* found = find_user(user.value)) return *found;
  if (const auto uid = number(user.value)) {
    if (const User* by_number = find_user(*uid)) return *by_number;
    return {user.value, *uid, *uid, "/", "/bin/sh"};
  }
  std::vector<std::string> known;
  for (const auto& entry : users_) known.push_back(entry.name);
  throw unknown_account("user", user, user.value, known);
}

Accounts::Identity Accounts::resolve_identity(const recipe::Text& user) const {
  const std::size_t colon = user.value.find(':');
  Identity identity{.user = resolve_user({user.value.substr(0, colon), user.where}), .groups = {}};
  if (colon == std::string::npos) {
    identity.groups = groups_of(identity.user);
  } else {
    identity.user.gid = resolve({}, {user.value.substr(colon + 1), user.where}).gid;
    identity.groups = {identity.user.gid};
  }
  return identity;
}

}  // namespace blueprint::steps
