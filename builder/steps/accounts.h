#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "builder/recipe/recipe.h"

namespace blueprint::steps {

/// The users and groups of an image, from the text of its etc/passwd and etc/group. Lines that are not well-formed are
/// skipped, as the C library does.
class Accounts {
 public:
  Accounts(std::string_view passwd, std::string_view group);

  struct User {
    std::string name;
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
    std::string home;
    std::string shell;
  };
  [[nodiscard]] const User* find_user(std::string_view name) const;
  [[nodiscard]] const User* find_user(std::uint32_t uid) const;
  [[nodiscard]] std::optional<std::uint32_t> find_group(std::string_view name) const;
  /// Groups that list the user as a member, and its own.
  [[nodiscard]] std::vector<std::uint32_t> groups_of(const User& user) const;

  struct Owner {
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
  };
  /// `owner` is a name, a number, "user:group", or empty for root; `group`, when not empty, wins. A user without a
  /// group gets the user's own. Throws Error R101 at the recipe's place with near names when the image has no such user
  /// or group.
  [[nodiscard]] Owner resolve(const recipe::Text& owner, const recipe::Text& group) const;
  /// A user to run as: a name or a number. Throws Error R101.
  [[nodiscard]] User resolve_user(const recipe::Text& user) const;
  /// Whom a command runs as: of "user:group" that group alone, else the user's own groups. Throws Error R101.
  struct Identity {
    User user;
    std::vector<std::uint32_t> groups;
  };
  [[nodiscard]] Identity resolve_identity(const recipe::Text& user) const;

 private:
  struct Group {
    std::string name;
    std::uint32_t gid = 0;
    std::vector<std::string> members;
  };
  std::vector<User> users_;
  std::vector<Group> groups_;
};

}  // namespace blueprint::steps
