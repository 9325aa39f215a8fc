#pragma once

#include <string>

#include "base/error.h"

namespace blueprint::layers::testing {

/// The sentence and code of the Error that `action` throws: "a sentence [L002]"; "no error" when it throws none.
template <class Action>
std::string message_of(Action action) {
  try {
    (void)action();
  } catch (const Error& error) {
    return error.first().message + " [" + error.first().code + "]";
  }
  return "no error";
}

}  // namespace blueprint::layers::testing
