// blueprint-solve: reads a request on stdin, lets libapt-pkg solve it, writes the answer on stdout. Not for people.

#include <iostream>

#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "builder/packages/solver_apt.h"
#include "builder/packages/solver_protocol.h"

int main() {
  using namespace blueprint;
  try {
    const auto request = packages::decode_request(read_file("/dev/stdin"));
    write_all(STDOUT_FILENO, packages::encode_answer(packages::solve_with_apt(request)), "the answer");
    return 0;
  } catch (const Error& error) {
    for (const auto& diagnostic : error.diagnostics()) std::cerr << render(diagnostic);
    return error.exit_code();
  } catch (const std::exception& error) {
    std::cerr << "error: " << error.what() << '\n';
    return 70;
  }
}
