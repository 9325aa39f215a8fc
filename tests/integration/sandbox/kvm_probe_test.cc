// Whether KVM runs a guest here is for the machine to say; that the answer comes, is remembered and is obeyed, is for
// us.

#include <catch2/catch.hpp>

#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/process.h"
#include "base/text.h"
#include "sandbox/accel.h"

namespace blueprint::sandbox {
namespace {

class Notes final : public Events {
 public:
  void started(std::string_view, std::string_view) override {}
  void progress(std::string_view, const Progress&) override {}
  void output(std::string_view, std::string_view) override {}
  void finished(std::string_view, std::string_view) override {}
  void note(std::string_view text) override { notes.emplace_back(text); }
  std::vector<std::string> notes;
};

}  // namespace

TEST_CASE("the choice of the accelerator is probed once per boot of the host, and falling back is said once") {
  const TempDir cache;
  const auto qemu = require_program("qemu-system-x86_64", "qemu-system-x86");
  Notes notes;
  const auto chosen = choose_accel(Accel::Auto, cache.path(), qemu, notes, {});
  const bool has_device = ::access("/dev/kvm", F_OK) == 0;
  CHECK(notes.notes.size() == (chosen == Accel::Tcg && has_device ? 1U : 0U));
  CHECK(choose_accel(Accel::Auto, cache.path(), qemu, notes, {}) == chosen);
  CHECK(notes.notes.size() <= 1);
  if (has_device) {
    const auto answer = read_file(cache.path() / "kvm-probe");
    CHECK(answer.find(trim(read_file("/proc/sys/kernel/random/boot_id"))) == 0);

    // The answer of another boot is none.
    write_file_atomic(cache.path() / "kvm-probe", chosen == Accel::Tcg ? "other kvm\n" : "other tcg\n");
    CHECK(choose_accel(Accel::Auto, cache.path(), qemu, notes, {}) == chosen);
    CHECK(read_file(cache.path() / "kvm-probe") == answer);
  }
  if (chosen == Accel::Tcg) {
    try {
      (void)choose_accel(Accel::Kvm, cache.path(), qemu, notes, {});
      FAIL("KVM was chosen");
    } catch (const Error& error) {
      CHECK(error.first().code == "V007");
    }
  }
}

TEST_CASE("TCG is taken at its word, without a probe") {
  const TempDir cache;
  NoEvents events;
  CHECK(choose_accel(Accel::Tcg, cache.path(), "/nosuch", events, {}) == Accel::Tcg);
  CHECK(std::filesystem::is_empty(cache.path()));
}

}  // namespace blueprint::sandbox
