#include "deb_writer.h"

#include <cstring>

#include <fmt/format.h>

#include "base/process.h"

namespace blueprint::test {
namespace {

void put_octal(std::string& header, std::size_t at, std::size_t width, std::uint64_t value) {
  const std::string digits = fmt::format("{:0{}o}", value, width - 1);
  header.replace(at, width - 1, digits.substr(digits.size() - (width - 1)));
}

void put_text(std::string& header, std::size_t at, std::size_t width, const std::string& text) {
  header.replace(at, std::min(width, text.size()), text.substr(0, width));
}

void pad(std::string& bytes) { bytes.resize((bytes.size() + 511) / 512 * 512, '\0'); }

/// A ustar header block; `name` and `link` of at most 100 bytes.
std::string header_block(const TarMember& member, const std::string& name, const std::string& link, char type,
                         std::size_t size) {
  std::string header(512, '\0');
  put_text(header, 0, 100, name);
  put_octal(header, 100, 8, member.mode);
  put_octal(header, 108, 8, member.uid);
  put_octal(header, 116, 8, member.gid);
  put_octal(header, 124, 12, size);
  put_octal(header, 136, 12, static_cast<std::uint64_t>(member.mtime));
  header[156] = type;
  put_text(header, 157, 100, link);
  put_text(header, 257, 8, std::string("ustar  ", 8));  // GNU's magic, which dpkg-deb writes
  put_text(header, 265, 32, member.user);
  put_text(header, 297, 32, member.group);
  if (type == '3' || type == '4') {
    put_octal(header, 329, 8, 1);
    put_octal(header, 337, 8, 3);
  }
  header.replace(148, 8, "        ");
  unsigned sum = 0;
  for (const char c : header) sum += static_cast<unsigned char>(c);
  put_octal(header, 148, 7, sum);
  return header;
}

/// GNU's records for names of more than 100 bytes.
void put_long(std::string& bytes, const std::string& text, char type) {
  if (text.size() <= 100) return;
  bytes += header_block({}, "././@LongLink", "", type, text.size() + 1);
  bytes += text + '\0';
  pad(bytes);
}

}  // namespace

TarMember directory(std::string name, std::uint32_t mode) {
  return {.name = std::move(name), .type = '5', .mode = mode};
}

TarMember file(std::string name, std::string content, std::uint32_t mode) {
  return {.name = std::move(name), .content = std::move(content), .mode = mode};
}

TarMember symlink(std::string name, std::string target) {
  return {.name = std::move(name), .type = '2', .link = std::move(target), .mode = 0777};
}

TarMember hard_link(std::string name, std::string target) {
  return {.name = std::move(name), .type = '1', .link = std::move(target)};
}

std::string tar_bytes(const std::vector<TarMember>& members) {
  std::string bytes;
  for (const auto& member : members) {
    put_long(bytes, member.link, 'K');
    put_long(bytes, member.name, 'L');
    bytes += header_block(member, member.name, member.link, member.type, member.content.size());
    bytes += member.content;
    pad(bytes);
  }
  return bytes + std::string(1024, '\0');
}

std::string ar_bytes(const std::vector<std::pair<std::string, std::string>>& members) {
  std::string bytes = "!<arch>\n";
  for (const auto& [name, content] : members) {
    bytes += fmt::format("{:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", name, 0, 0, 0, "100644", content.size()) + content;
    if (content.size() % 2 != 0) bytes += '\n';
  }
  return bytes;
}

std::string TestDeb::bytes() const {
  std::vector<TarMember> control = {file(
      "./control", fmt::format("Package: {}\nVersion: {}\nArchitecture: {}\nMaintainer: A Test <test@example.invalid>\n"
                               "{}Description: a package made by a test\n more of it\n",
                               name, version, architecture, fields))};
  for (const auto& [script, content] : scripts) {
    const bool runs = content.starts_with("#!");
    control.push_back(file("./" + script, content, runs ? 0755 : 0644));
  }
  std::string data = tar_bytes(members);
  std::string suffix;
  if (!compressor.empty()) {
    suffix = compressor == "gzip" ? ".gz" : compressor == "xz" ? ".xz" : ".zst";
    data = run({.argv = {compressor, "-c"}}, data).out;
  }
  return ar_bytes({{"debian-binary", "2.0\n"}, {"control.tar", tar_bytes(control)}, {"data.tar" + suffix, data}});
}

}  // namespace blueprint::test
