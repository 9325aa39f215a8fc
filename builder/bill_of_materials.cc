// SPDX 2.3 (ISO/IEC 5962 with its later additions), JSON form: https://spdx.github.io/spdx-spec/v2.3/.
//
// One SPDX package stands for the image, which the document describes and which contains all others. Fetched and copied
// inputs are packages too, not SPDX files: a file would need a SHA-1, which we do not compute.

#include "builder/bill_of_materials.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <map>
#include <set>

#include <fmt/format.h>

#include "base/json.h"
#include "base/utc.h"
#include "builder/packages/deb_control.h"
#include "builder/parent_image.h"

namespace blueprint::builder {
namespace {

constexpr const char* kDocumentId = "SPDXRef-DOCUMENT";
constexpr const char* kImageId = "SPDXRef-Image";
constexpr const char* kUnknown = "NOASSERTION";

bool is_alphanumeric(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; }

/// Percent-encodes all but unreserved characters (RFC 3986, section 2.3), as package URLs want it.
std::string percent_encoded(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (is_alphanumeric(c) || std::string_view("-._~").find(c) != std::string_view::npos) {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

Json checksum(std::string_view hex) { return Json::array({Json{{"algorithm", "SHA256"}, {"checksumValue", hex}}}); }

Json purl_reference(std::string_view purl) {
  return Json::array(
      {Json{{"referenceCategory", "PACKAGE-MANAGER"}, {"referenceType", "purl"}, {"referenceLocator", purl}}});
}

std::string purl_of(const Json& package) {
  if (!package.contains("externalRefs")) return {};
  for (const auto& reference : package["externalRefs"]) {
    if (reference.value("referenceType", "") == "purl") return reference.value("referenceLocator", "");
  }
  return {};
}

/// "Debian curl Maintainers <curl@lists.debian.org>" → "Organization: Debian curl Maintainers (curl@…)". dpkg does not
/// say which maintainers are people; groups call themselves so, or write from a list.
std::string actor(std::string_view maintainer) {
  const auto angle = maintainer.find(" <");
  const std::string name(maintainer.substr(0, angle));
  std::string address;
  if (angle != std::string_view::npos) {
    address = maintainer.substr(angle + 2);
    if (const auto end = address.find('>'); end != std::string::npos) address.resize(end);
  }
  bool group = address.find("lists") != std::string::npos;
  for (const char* word : {"Maintainers", "Team", "Developers", "Group", "Project"})
    group = group || name.find(word) != std::string::npos;
  return fmt::format("{}: {}{}", group ? "Organization" : "Person", name,
                     address.empty() ? "" : fmt::format(" ({})", address));
}

/// "Source: gcc-12 (12.2.0-14)" is written only where it differs from package and version.
std::string source_of(const packages::ControlStanza& stanza) {
  const std::string_view field = stanza.get("Source");
  const auto space = field.find(' ');
  std::string name(field.substr(0, space));
  std::string version(stanza.get("Version"));
  if (name.empty()) name = stanza.get("Package");
  if (space != std::string_view::npos) {
    const auto open = field.find('(');
    const auto close = field.find(')');
    if (open != std::string_view::npos && close != std::string_view::npos && open < close)
      version = field.substr(open + 1, close - open - 1);
  }
  return fmt::format("built from source package {} {}", name, version);
}

class Bill {
 public:
  explicit Bill(const BillInputs& inputs) : inputs_(inputs), distribution_(distribution_of(inputs.image.config)) {}

  std::string format() {
    read_parent();
    for (const auto& [layer, list] : inputs_.lock.packages) {
      for (const auto& package : list)
        locked_[package.name + " " + package.version + " " + package.architecture] = &package;
    }
    add_image();
    for (const auto& stanza : packages::parse_control_stanzas(inputs_.dpkg_status)) {
      if (stanza.get("Status").ends_with(" installed")) add_package(stanza);
    }
    for (const auto& material : parent_materials_) add(material, material_base(material));
    for (const auto& material : inputs_.materials) add_material(material);
    return format_json(document()) + "\n";
  }

 private:
  void read_parent();
  void add_image();
  void add_package(const packages::ControlStanza& stanza);
  void add_locked(Json& json, const packages::LockedPackage& package) const;
  void add_material(const Material& material);
  void add(Json package, const std::string& base);
  std::string new_id(std::string_view base);
  Json document();
  static std::string material_base(const Json& package) { return "Material-" + package.value("name", ""); }

  const BillInputs& inputs_;
  std::optional<recipe::Distribution> distribution_;
  std::map<std::string, const packages::LockedPackage*> locked_;  ///< "name version arch"
  std::map<std::string, Json> parent_packages_;                   ///< by package URL
  std::vector<Json> parent_materials_;
  std::set<std::string> ids_;
  Json packages_ = Json::array();
  Json relationships_ = Json::array();
};

void Bill::read_parent() {
  if (!inputs_.parent) return;
  const Json json = parse_json(*inputs_.parent, "the parent's bill of materials");
  for (const auto& package : json.at("packages")) {
    if (package.at("SPDXID") == kImageId) continue;
    const auto purl = purl_of(package);
    if (purl.empty()) {
      parent_materials_.push_back(package);
    } else {
      parent_packages_[purl] = package;
    }
  }
}

/// SPDX identifiers have letters, digits, '.' and '-' only.
std::string Bill::new_id(std::string_view base) {
  std::string id = "SPDXRef-";
  for (const char c : base) id += is_alphanumeric(c) || c == '.' ? c : '-';
  std::string unique = id;
  for (int number = 2; !ids_.insert(unique).second; ++number) unique = fmt::format("{}-{}", id, number);
  return unique;
}

void Bill::add(Json package, const std::string& base) {
  const std::string id = new_id(base);
  package["SPDXID"] = id;
  relationships_.push_back({{"spdxElementId", kImageId}, {"relationshipType", "CONTAINS"}, {"relatedSpdxElement", id}});
  packages_.push_back(std::move(package));
}

void Bill::add_image() {
  const auto& config = inputs_.image.config;
  ids_ = {kDocumentId, kImageId};
  Json image{{"SPDXID", kImageId},
             {"name", config.name},
             {"versionInfo", inputs_.image.digest.to_string()},
             {"downloadLocation", kUnknown},
             {"filesAnalyzed", false},
             {"primaryPackagePurpose", "OPERATING_SYSTEM"},
             {"checksums", checksum(inputs_.image.digest.hex())}};
  if (!config.description.empty()) image["description"] = config.description;
  packages_.push_back(std::move(image));
  relationships_.push_back(
      {{"spdxElementId", kDocumentId}, {"relationshipType", "DESCRIBES"}, {"relatedSpdxElement", kImageId}});
}

/// A lock names no host for a distribution's own archive, so there is no place to download from to be named.
void Bill::add_locked(Json& json, const packages::LockedPackage& package) const {
  json["checksums"] = checksum(package.sha256.hex());
  json["packageFileName"] = std::filesystem::path(package.filename).filename().string();
  if (package.repository >= inputs_.lock.repositories.size()) return;
  const auto& repository = inputs_.lock.repositories[package.repository];
  if (repository.name.find("://") != std::string::npos) {
    const bool slash = repository.name.ends_with('/');
    json["downloadLocation"] = repository.name + (slash ? "" : "/") + package.filename;
  } else {
    json["supplier"] = repository.name.starts_with("ubuntu") ? "Organization: Ubuntu" : "Organization: Debian";
  }
}

void Bill::add_package(const packages::ControlStanza& stanza) {
  const std::string name(stanza.get("Package"));
  const std::string version(stanza.get("Version"));
  const std::string architecture(stanza.get("Architecture"));
  const std::string purl = package_url(distribution_ ? &*distribution_ : nullptr, name, version, architecture);
  Json json{{"name", name},           {"versionInfo", version},          {"downloadLocation", kUnknown},
            {"filesAnalyzed", false}, {"sourceInfo", source_of(stanza)}, {"externalRefs", purl_reference(purl)}};
  if (const auto maintainer = stanza.get("Maintainer"); !maintainer.empty()) json["originator"] = actor(maintainer);
  if (const auto homepage = stanza.get("Homepage"); !homepage.empty()) json["homepage"] = std::string(homepage);
  if (const auto locked = locked_.find(name + " " + version + " " + architecture); locked != locked_.end()) {
    add_locked(json, *locked->second);
  } else if (const auto known = parent_packages_.find(purl); known != parent_packages_.end()) {
    for (const char* field : {"checksums", "packageFileName", "downloadLocation", "supplier"}) {
      if (known->second.contains(field)) json[field] = known->second[field];
    }
  }
  add(std::move(json), fmt::format("deb-{}-{}", name, architecture));
}

void Bill::add_material(const Material& material) {
  const std::string place =
      fmt::format("{} {} by layer '{}'", material.unpacked ? "unpacked to" : "put at", material.to, material.layer);
  Json json{{"downloadLocation", kUnknown}, {"filesAnalyzed", false}};
  if (material.kind == Material::Kind::Fetched) {
    const std::string path = material.source.substr(0, material.source.find_first_of("?#"));
    json["name"] = std::filesystem::path(path).filename().string();
    if (json["name"] == "") json["name"] = material.source;
    json["downloadLocation"] = material.source;
    json["checksums"] = checksum(material.digest.hex());
    json["comment"] = place;
    json["primaryPackagePurpose"] = material.unpacked ? "ARCHIVE" : "FILE";
  } else {
    json["name"] = material.source;
    json["comment"] = fmt::format("copied from beside the recipe, {}; digest of the input files {}", place,
                                  material.digest.to_string());
    json["primaryPackagePurpose"] = "SOURCE";
  }
  const std::string base = material_base(json);
  add(std::move(json), base);
}

Json Bill::document() {
  const auto& image = inputs_.image;
  return {{"spdxVersion", "SPDX-2.3"},
          {"dataLicense", "CC0-1.0"},
          {"SPDXID", kDocumentId},
          {"name", image.config.name},
          {"documentNamespace", fmt::format("urn:blueprint:spdx:sha256:{}", image.digest.hex())},
          {"creationInfo",
           {{"created", format_utc(image.config.epoch)},
            {"creators", Json::array({fmt::format("Tool: blueprint-{}", inputs_.version)})}}},
          {"packages", std::move(packages_)},
          {"relationships", std::move(relationships_)}};
}

}  // namespace

std::string package_url(const recipe::Distribution* distribution, std::string_view name, std::string_view version,
                        std::string_view architecture) {
  const std::string vendor = distribution == nullptr ? "debian" : distribution->id;
  std::string url = fmt::format("pkg:deb/{}/{}@{}?arch={}", vendor, percent_encoded(name), percent_encoded(version),
                                percent_encoded(architecture));
  if (distribution != nullptr) url += fmt::format("&distro={}", percent_encoded(distribution->release));
  return url;
}

std::string format_bill_of_materials(const BillInputs& inputs) { return Bill(inputs).format(); }

}  // namespace blueprint::builder
