#include "registry_client/reference.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "base/text.h"
#include "registry_client/registry_errors.h"

namespace blueprint::registry_client {
namespace {

constexpr std::size_t kMaxNameBytes = 255;  // of host and repository together, which registries enforce
constexpr std::size_t kMaxTagBytes = 128;

bool is_lower_or_digit(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }
bool is_letter_or_digit(char c) { return is_lower_or_digit(c) || (c >= 'A' && c <= 'Z'); }

bool is_port(std::string_view text) {
  unsigned port = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), port);
  return fault == std::errc{} && end == text.data() + text.size() && port > 0 && port < 65536;
}

bool is_host_word(std::string_view word) {
  return !word.empty() && word.front() != '-' && word.back() != '-' &&
         std::all_of(word.begin(), word.end(), [](char c) { return is_letter_or_digit(c) || c == '-'; });
}

bool is_host(std::string_view host) {
  std::string_view name = host;
  if (name.starts_with('[')) {
    const std::size_t end = name.find(']');
    if (end == std::string_view::npos) return false;
    const std::string_view address = name.substr(1, end - 1);
    const std::string_view rest = name.substr(end + 1);
    const bool is_address = address.find(':') != std::string_view::npos &&
                            address.find_first_not_of("0123456789abcdefABCDEF:.") == std::string_view::npos;
    return is_address && (rest.empty() || (rest.front() == ':' && is_port(rest.substr(1))));
  }
  if (const std::size_t colon = name.find(':'); colon != std::string_view::npos) {
    if (!is_port(name.substr(colon + 1))) return false;
    name = name.substr(0, colon);
  }
  const auto words = split(name, '.');
  return std::all_of(words.begin(), words.end(), [](const std::string& word) { return is_host_word(word); });
}

/// Letters and digits with ".", "_", "__" or any number of '-' between them.
bool is_component(std::string_view text) {
  if (text.empty() || !is_lower_or_digit(text.front()) || !is_lower_or_digit(text.back())) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (is_lower_or_digit(text[i])) continue;
    std::size_t end = i;
    while (!is_lower_or_digit(text[end])) ++end;
    const std::string_view separator = text.substr(i, end - i);
    const bool dashes = separator.find_first_not_of('-') == std::string_view::npos;
    if (!dashes && separator != "." && separator != "_" && separator != "__") return false;
    i = end;
  }
  return true;
}

bool is_tag(std::string_view tag) {
  const auto is_word = [](char c) { return is_letter_or_digit(c) || c == '_'; };
  return !tag.empty() && tag.size() <= kMaxTagBytes && is_word(tag.front()) &&
         std::all_of(tag.begin(), tag.end(), [&](char c) { return is_word(c) || c == '.' || c == '-'; });
}

void check_repository(std::string_view text, const Reference& reference) {
  for (const std::string& component : split(reference.repository, '/')) {
    if (is_component(component)) continue;
    const bool has_capital =
        std::any_of(component.begin(), component.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
    throw bad_reference(text,
                        component.empty() ? std::string("a word between its slashes is empty")
                                          : fmt::format("'{}' is no word of a name", printable(component)),
                        has_capital ? "names are lower case"
                                    : "words are of a-z and 0-9, with single '.', one or two '_' or any '-' between");
  }
  if (reference.name().size() > kMaxNameBytes)
    throw bad_reference(text, fmt::format("its name is longer than {} characters", kMaxNameBytes), "");
}

}  // namespace

std::string Reference::to_string() const {
  std::string text = name();
  if (!tag.empty()) text += ":" + tag;
  if (digest) text += "@" + digest->to_string();
  return text;
}

bool names_registry(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return false;
  const std::string_view host = text.substr(0, slash);
  return host == "localhost" || host.find_first_of(".:") != std::string_view::npos;
}

Reference parse_reference(std::string_view text) {
  Reference reference;
  std::string_view rest = text;
  if (const std::size_t at = rest.find('@'); at != std::string_view::npos) {
    reference.digest = Digest::parse(rest.substr(at + 1));
    if (!reference.digest)
      throw bad_reference(text, fmt::format("'{}' is no digest", printable(rest.substr(at + 1))),
                          "a digest is sha256: and 64 hexadecimal digits in lower case");
    rest = rest.substr(0, at);
  }
  if (!names_registry(rest))
    throw bad_reference(
        text, "it does not begin with the host of a registry",
        "a host has a '.' or a port, or is localhost: registry.example/NAME, or docker.io/library/NAME");
  const std::size_t slash = rest.find('/');
  reference.host = rest.substr(0, slash);
  rest = rest.substr(slash + 1);
  if (!is_host(reference.host))
    throw bad_reference(text, fmt::format("'{}' is no host", printable(reference.host)), "a host is NAME or NAME:PORT");
  if (const std::size_t colon = rest.find(':'); colon != std::string_view::npos) {
    reference.tag = rest.substr(colon + 1);
    rest = rest.substr(0, colon);
    if (!is_tag(reference.tag))
      throw bad_reference(text, fmt::format("'{}' is no tag", printable(reference.tag)),
                          "a tag is at most 128 letters, digits, '_', '.' and '-', and begins with no '.' or '-'");
  } else if (!reference.digest) {
    reference.tag = "latest";
  }
  reference.repository = rest;
  check_repository(text, reference);
  if (reference.host == "index.docker.io") reference.host = kDockerHub;
  if (reference.host == kDockerHub && reference.repository.find('/') == std::string::npos)
    reference.repository = "library/" + reference.repository;
  return reference;
}

}  // namespace blueprint::registry_client
