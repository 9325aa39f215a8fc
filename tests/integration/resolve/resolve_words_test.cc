// The words of a packages layer, as apt understands them, and what is said about those that cannot be had.

#include <catch2/catch.hpp>

#include "tests/integration/resolve/archive.h"

using namespace blueprint;
using namespace blueprint::test;
using Catch::Contains;

namespace {

const std::string kSpec = std::string(kBaseSpec) + R"(Package: node
Version: 18.1-1

Package: node
Version: 18.2-1
Pocket: security

Package: node
Version: 20.0-1
Pocket: updates

Package: g++
Version: 12

Package: mta-one
Version: 1
Provides: mail-agent

Package: mta-two
Version: 1
Provides: mail-agent

Package: lonely
Version: 1
Provides: only-one

Package: mailer
Version: 1
Depends: mail-agent

Package: chooser
Version: 1
Depends: mta-two | mta-one

Package: impossible
Version: 1
Depends: node (>= 99), ghost

Package: deep
Version: 1
Depends: middle

Package: middle
Version: 1
Depends: node (>= 99)

Package: enemy
Version: 1
Conflicts: mta-one
)";

std::string tools(Archive& archive, const std::vector<std::string>& words) {
  return versions(resolve(archive.request(words)), "tools");
}

std::string refusal(Archive& archive, const std::vector<std::string>& words) {
  return failure_of([&] { (void)resolve(archive.request(words)); });
}

}  // namespace

TEST_CASE("words choose versions, suites and what to avoid") {
  Archive archive(kSpec);
  CHECK(tools(archive, {"node"}) == "node=20.0-1");
  CHECK(tools(archive, {"node=18.1-1"}) == "node=18.1-1");
  CHECK(tools(archive, {"node=18.*"}) == "node=18.2-1");
  CHECK(tools(archive, {"node/bookworm-security"}) == "node=18.2-1");
  CHECK(tools(archive, {"node:amd64"}) == "node=20.0-1");
  CHECK(tools(archive, {"g++"}) == "g++=12");
  CHECK(tools(archive, {"g+++"}) == "g++=12");
  CHECK(tools(archive, {"only-one"}) == "lonely=1");
  CHECK(tools(archive, {"chooser"}) == "mta-two=1 chooser=1");
  CHECK(tools(archive, {"chooser", "mta-two-"}) == "mta-one=1 chooser=1");
  CHECK(tools(archive, {"chooser", "no-such-thing-"}) == "mta-two=1 chooser=1");
  CHECK(tools(archive, {"mailer", "mta-two"}) == "mta-two=1 mailer=1");
}

TEST_CASE("every unknown word is told, with names that are near and where it stands") {
  Archive archive(kSpec);
  CHECK(refusal(archive, {"nod", "node", "lonley"}) ==
        "recipe.yaml:1:5: error: no package is called 'nod' [P060]\n"
        "hint: did you mean 'node'?\n"
        "while choosing the packages of layer 'tools'\n"
        "recipe.yaml:3:5: error: no package is called 'lonley' [P060]\n"
        "hint: did you mean 'lonely'?\n"
        "while choosing the packages of layer 'tools'\n");
}

TEST_CASE("a version, a suite, an architecture or a provider that does not exist comes with those that do") {
  Archive archive(kSpec);
  CHECK_THAT(refusal(archive, {"node=99"}),
             Contains("recipe.yaml:1:5: error: the repositories have no version '99' of node [P061]\n"
                      "hint: they have 20.0-1, 18.2-1, 18.1-1\n"));
  CHECK_THAT(refusal(archive, {"g++/bookworm-updates"}),
             Contains("g++ is not in 'bookworm-updates' [P062]\nhint: it is in bookworm\n"));
  CHECK_THAT(refusal(archive, {"node:i386"}),
             Contains("packages for the architecture 'i386' cannot be installed here [P063]"));
  CHECK_THAT(refusal(archive, {"mail-agent"}),
             Contains("'mail-agent' is a virtual package [P064]\n"
                      "hint: ask for one of those that provide it: mta-one, mta-two\n"));
}

TEST_CASE("packages that do not fit together are explained in apt's words") {
  Archive archive(kSpec);
  CHECK(refusal(archive, {"impossible"}) ==
        "recipe.yaml:1:5: error: the packages do not fit together [P066]\n"
        "the following packages have unmet dependencies:\n"
        "  impossible : Depends: node (>= 99) but the newest is 20.0-1\n"
        "  impossible : Depends: ghost but it is not installable\n"
        "while choosing the packages of layer 'tools'\n");
  CHECK_THAT(refusal(archive, {"deep"}),
             Contains("\n  middle (needed by deep) : Depends: node (>= 99) but the newest is 20.0-1\n"));
  CHECK_THAT(refusal(archive, {"enemy", "mta-one"}), Contains("enemy : Conflicts: mta-one but 1 is to be installed"));
}

TEST_CASE("a layer that would have to remove what an earlier one installed is refused") {
  Archive archive(kSpec);
  auto request = archive.request({"mta-one"});
  request.asked.push_back(
      {.layer = "more",
       .words = {{"enemy", {.file = "recipe.yaml", .line = 9, .column = 5, .length = 5, .text = {}}}}});
  CHECK_THAT(failure_of([&] { (void)resolve(request); }),
             Contains("recipe.yaml:9:5: error: ") && Contains("mta-one") && Contains("layer 'more'"));
}
