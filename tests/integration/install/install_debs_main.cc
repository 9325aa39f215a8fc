// Installs the .debs of a list into an empty directory, or on top of trees: what the differential tests compare with
// mmdebstrap's result, and what stands in for the resolver in timing runs.
//
//   install_debs LIST DEBS WORK [--epoch N] [--jobs N] [--dpkg] [--lower DIR]...
//
// A line of LIST is: name version architecture file sha256 size essential|- auto|manual, in configure order. The tree
// is WORK/upper afterwards.
#include <chrono>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <sstream>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "builder/packages/install.h"

using namespace blueprint;
namespace fs = std::filesystem;

namespace {

class Printer final : public Events {
 public:
  void started(std::string_view stage, std::string_view title) override { tell(fmt::format("{}: {}", stage, title)); }
  void progress(std::string_view, const Progress&) override {}
  void output(std::string_view, std::string_view text) override { std::cerr << text; }
  void finished(std::string_view stage, std::string_view result) override {
    tell(fmt::format("{}: {}", stage, result));
  }
  void note(std::string_view text) override { tell(std::string(text)); }

 private:
  void tell(const std::string& text) {
    const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - start_;
    std::cout << fmt::format("{:7.2f}  {}\n", passed.count(), text) << std::flush;
  }
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

std::vector<packages::LockedPackage> read_list(const std::string& file) {
  std::vector<packages::LockedPackage> list;
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    packages::LockedPackage package;
    std::string sha256;
    std::string essential;
    std::string automatic;
    words >> package.name >> package.version >> package.architecture >> package.filename >> sha256 >>
        package.size_bytes >> essential >> automatic;
    package.sha256 = Digest::parse_hex(sha256).value();
    package.essential = essential == "essential";
    package.automatic = automatic == "auto";
    list.push_back(std::move(package));
  }
  return list;
}

int install(const std::vector<std::string>& words) {
  unsigned jobs = 0;
  rootfs::BuildRoot::Options options{.lower = {}, .work = words.at(2), .epoch = 1700000000};
  packages::InstallRequest request{.packages = read_list(words.at(0)), .debs = words.at(1), .stage = "base"};
  for (std::size_t i = 3; i < words.size(); ++i) {
    if (words[i] == "--dpkg") request.unpacker = packages::Unpacker::Dpkg;
    if (words[i] == "--epoch") options.epoch = std::stoll(words.at(++i));
    if (words[i] == "--jobs") jobs = static_cast<unsigned>(std::stoul(words.at(++i)));
    if (words[i] == "--lower") options.lower.emplace_back(words.at(++i));
  }
  request.bootstrap = options.lower.empty();
  request.epoch = options.epoch;
  fs::create_directories(options.work);
  ThreadPool pool(jobs);
  Printer printer;
  rootfs::BuildRoot root(options);
  packages::install_packages(root, request, pool, printer, {});
  root.close();
  printer.note("done");
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return install({argv + 1, argv + argc});
  } catch (const Error& error) {
    for (const auto& diagnostic : error.diagnostics()) std::cerr << render(diagnostic);
    return error.exit_code();
  }
}
