// The bill of materials and the provenance of an image as functions of what they are made of. That they keep to their
// published schemas is checked by tests/e2e/sbom.sh.

#include <catch2/catch.hpp>

#include "base/json.h"
#include "builder/bill_of_materials.h"
#include "builder/parent_image.h"
#include "builder/provenance.h"

using namespace blueprint;
using namespace blueprint::builder;

namespace {

constexpr const char* kStatus =
    "Package: curl\nStatus: install ok installed\nVersion: 7.88.1-10+deb12u9\nArchitecture: amd64\n"
    "Maintainer: Debian Curl Maintainers <team+curl@tracker.debian.org>\nHomepage: https://curl.se/\n\n"
    "Package: libstdc++6\nStatus: install ok installed\nVersion: 12.2.0-14\nArchitecture: amd64\n"
    "Source: gcc-12 (12.2.0-13)\nMaintainer: Jane Doe <jane@example.org>\n\n"
    "Package: gone\nStatus: deinstall ok config-files\nVersion: 1\nArchitecture: all\n\n";

struct Fixture {
  layers::ImageRecord image;
  packages::Lock lock;
  std::vector<Material> materials;
  recipe::Recipe recipe = recipe::parse_recipe(
      "apiVersion: blueprint/v1\nname: acme/web\ndistribution: {id: debian, release: bookworm}\n", "web.yaml");

  Fixture() {
    image.digest = sha256("image");
    image.config.name = "acme/web";
    image.config.epoch = 1752229000;
    set_distribution(image.config, *recipe.distribution);
    lock.repositories = {{.name = "debian", .suite = "bookworm", .inrelease = sha256("inrelease"), .key = "AB"},
                         {.name = "https://apt.example/x", .suite = "stable", .inrelease = sha256("x"), .key = "CD"}};
    lock.packages["tools"] = {{.name = "curl",
                               .version = "7.88.1-10+deb12u9",
                               .architecture = "amd64",
                               .filename = "pool/c/curl_7.88.1-10+deb12u9_amd64.deb",
                               .size_bytes = 1,
                               .sha256 = sha256("curl"),
                               .repository = 0,
                               .why = "asked for"}};
    materials = {{.kind = Material::Kind::Fetched,
                  .layer = "fetch-1",
                  .source = "https://example.org/tool-1.tar.gz",
                  .to = "/opt/tool",
                  .unpacked = true,
                  .digest = sha256("tool")},
                 {.kind = Material::Kind::Copied,
                  .layer = "copy-1",
                  .source = "./app",
                  .to = "/opt/app",
                  .digest = sha256("app")}};
  }

  [[nodiscard]] std::string bill(const std::optional<std::string>& parent = std::nullopt) const {
    return format_bill_of_materials({.image = image,
                                     .dpkg_status = kStatus,
                                     .lock = lock,
                                     .materials = materials,
                                     .parent = parent,
                                     .version = "1.2.3"});
  }
};

const Json& named(const Json& document, const std::string& name) {
  for (const auto& package : document.at("packages")) {
    if (package.at("name") == name) return package;
  }
  FAIL("there is no package " << name);
  return document;
}

}  // namespace

TEST_CASE("a bill of materials has the installed packages with source, maintainer, URL and the lock's digest") {
  const Fixture fixture;
  const Json bill = parse_json(fixture.bill(), "bill");
  CHECK(bill.at("spdxVersion") == "SPDX-2.3");
  CHECK(bill.at("creationInfo").at("created") == "2025-07-11T10:16:40Z");
  CHECK(bill.at("creationInfo").at("creators") == Json::array({"Tool: blueprint-1.2.3"}));
  CHECK(bill.at("documentNamespace") == "urn:blueprint:spdx:sha256:" + sha256("image").hex());
  CHECK(bill.at("packages").size() == 5);  // the image, two packages, two materials
  const Json& curl = named(bill, "curl");
  CHECK(curl.at("versionInfo") == "7.88.1-10+deb12u9");
  CHECK(curl.at("originator") == "Organization: Debian Curl Maintainers (team+curl@tracker.debian.org)");
  CHECK(curl.at("supplier") == "Organization: Debian");
  CHECK(curl.at("sourceInfo") == "built from source package curl 7.88.1-10+deb12u9");
  CHECK(curl.at("checksums").at(0).at("checksumValue") == sha256("curl").hex());
  CHECK(curl.at("packageFileName") == "curl_7.88.1-10+deb12u9_amd64.deb");
  CHECK(curl.at("externalRefs").at(0).at("referenceLocator") ==
        "pkg:deb/debian/curl@7.88.1-10%2Bdeb12u9?arch=amd64&distro=bookworm");
  const Json& library = named(bill, "libstdc++6");
  CHECK(library.at("SPDXID") == "SPDXRef-deb-libstdc--6-amd64");
  CHECK(library.at("originator") == "Person: Jane Doe (jane@example.org)");
  CHECK(library.at("sourceInfo") == "built from source package gcc-12 12.2.0-13");
  CHECK_FALSE(library.contains("checksums"));
  const Json& tool = named(bill, "tool-1.tar.gz");
  CHECK(tool.at("downloadLocation") == "https://example.org/tool-1.tar.gz");
  CHECK(tool.at("checksums").at(0).at("checksumValue") == sha256("tool").hex());
  CHECK(tool.at("comment") == "unpacked to /opt/tool by layer 'fetch-1'");
  CHECK(named(bill, "./app").at("primaryPackagePurpose") == "SOURCE");
  CHECK(bill.at("relationships").size() == 5);
  CHECK(bill.at("relationships").at(0).at("relationshipType") == "DESCRIBES");
}

TEST_CASE("what only the parent's lock knows comes from the parent's bill of materials") {
  Fixture fixture;
  const std::string parent = fixture.bill();
  fixture.image.digest = sha256("child");
  fixture.lock.packages.clear();
  fixture.materials.clear();
  const Json bill = parse_json(fixture.bill(parent), "bill");
  CHECK(named(bill, "curl").at("checksums").at(0).at("checksumValue") == sha256("curl").hex());
  CHECK(named(bill, "curl").at("supplier") == "Organization: Debian");
  CHECK(named(bill, "tool-1.tar.gz").at("checksums").at(0).at("checksumValue") == sha256("tool").hex());
  CHECK(bill.at("packages").size() == 5);
  CHECK(bill.at("packages").at(0).at("versionInfo") == sha256("child").to_string());
}

TEST_CASE("the same materials twice have identifiers of their own") {
  Fixture fixture;
  fixture.materials.push_back(fixture.materials.back());
  const Json bill = parse_json(fixture.bill(), "bill");
  CHECK(bill.at("packages").at(4).at("SPDXID") == "SPDXRef-Material-.-app");
  CHECK(bill.at("packages").at(5).at("SPDXID") == "SPDXRef-Material-.-app-2");
}

TEST_CASE("a provenance names recipe, lock and every input by digest") {
  const Fixture fixture;
  layers::ImageRecord parent;
  parent.digest = sha256("parent");
  const std::map<std::string, std::string> params{{"python", "3.12"}};
  const auto make = [&] {
    return format_provenance({.image = fixture.image,
                              .parent = &parent,
                              .recipe = fixture.recipe,
                              .lock = fixture.lock,
                              .materials = fixture.materials,
                              .params = params,
                              .version = "1.2.3"});
  };
  const Json statement = parse_json(make(), "statement");
  CHECK(make() == make());
  CHECK(statement.at("_type") == "https://in-toto.io/Statement/v1");
  CHECK(statement.at("subject").at(0).at("digest").at("sha256") == sha256("image").hex());
  CHECK(statement.at("predicateType") == "https://slsa.dev/provenance/v1");
  const Json& definition = statement.at("predicate").at("buildDefinition");
  const Json& external = definition.at("externalParameters");
  CHECK(external.at("recipe").at("digest").at("sha256") == sha256(recipe::format_recipe(fixture.recipe)).hex());
  CHECK(external.at("lock").at("digest").at("sha256") == sha256(packages::format_lock(fixture.lock)).hex());
  CHECK(external.at("params").at("python") == "3.12");
  const Json& inputs = definition.at("resolvedDependencies");
  REQUIRE(inputs.size() == 6);
  CHECK(inputs.at(0).at("digest").at("sha256") == sha256("parent").hex());
  CHECK(inputs.at(1).at("digest").at("sha256") == sha256("inrelease").hex());
  CHECK(inputs.at(3).at("uri") == "pkg:deb/debian/curl@7.88.1-10%2Bdeb12u9?arch=amd64&distro=bookworm");
  CHECK(inputs.at(4).at("uri") == "https://example.org/tool-1.tar.gz");
  CHECK(inputs.at(5).at("digest").at("blueprintInputs") == sha256("app").hex());
  CHECK(statement.at("predicate").at("runDetails").at("builder").at("version").at("blueprint") == "1.2.3");
}
