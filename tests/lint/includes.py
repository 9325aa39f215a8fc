#!/usr/bin/env python3
"""Who may include whom (DESIGN §2): cli → server → builder → {layers, registry_client, sandbox} → base, and which files may use
which third-party library. A header that shows a library's types is private: only its own folder includes it."""

import fnmatch
import re

from source_tree import FOLDERS, ROOT, files, lines, report

MAY_INCLUDE = {
    "base": {"base"},
    "layers": {"layers", "base"},
    "registry_client": {"registry_client", "base"},
    "sandbox": {"sandbox", "base"},
    "builder": {"builder", "layers", "registry_client", "sandbox", "base"},
    "server": {"server", "builder", "layers", "registry_client", "sandbox", "base"},
    "cli": {"cli", "server", "builder", "layers", "registry_client", "sandbox", "base"},
    "tests": set(FOLDERS) | {"tests"},
    "bench": set(FOLDERS) | {"bench"},
}
# Prefix of an include → the files that may say it. fmt and the JSON of base/json.h are everybody's.
THIRD_PARTY = {
    "yaml-cpp/": ["builder/recipe/yaml.*", "builder/packages/lock_parse.cc", "cli/settings.cc"],
    "openssl/": ["base/digest.cc"],
    "zstd": ["layers/frame_codec.cc"],
    "ext2fs/": ["layers/ext4/*"],
    "archive": ["builder/packages/*.cc", "builder/steps/fetch_*.cc", "layers/export_tar.cc"],
    "curl/": ["registry_client/curl_*"],
    "apt-pkg/": ["builder/packages/solver_apt*"],
    "nbdkit-plugin.h": ["sandbox/*.c*", "layers/*.c*"],
    "CLI/": ["cli/parser.cc"],
    "spdlog/": ["cli/*.cc"],
    "nlohmann/json.hpp": ["base/json.h"],
    "catch2/": ["tests/*"],
    "sqlite3.h": ["server/*.cc"],
    "benchmark/": ["bench/*"],
}
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]')
FILES_PER_LIBRARY = {"ext2fs/": 16, "apt-pkg/": 4, "catch2/": 1000, "benchmark/": 100}


def may_use(name, allowed):
    return any(fnmatch.fnmatchcase(str(name), pattern) for pattern in allowed)


def main():
    faults, users, shown_by = [], {}, {}
    includes = []
    for name in files(".cc", ".h", ".c"):
        folder = name.parts[0]
        if folder not in MAY_INCLUDE:
            continue
        for number, line in enumerate(lines(name), 1):
            found = INCLUDE.match(line)
            if found:
                includes.append((name, number, folder, found[1]))
    for name, number, folder, target in includes:
        library = next((prefix for prefix in THIRD_PARTY if target.startswith(prefix)), None)
        if library and not (ROOT / target).is_file():
            users.setdefault(library, set()).add(name)
            if not may_use(name, THIRD_PARTY[library]):
                faults.append(f"{name}:{number}: may not include <{target}>: only {', '.join(THIRD_PARTY[library])} may")
            if name.suffix == ".h" and folder not in ("tests", "base"):
                shown_by[str(name)] = target
    for name, number, folder, target in includes:
        other = target.split("/")[0]
        if "/" not in target or other not in MAY_INCLUDE:
            continue
        if other not in MAY_INCLUDE[folder]:
            faults.append(f"{name}:{number}: {folder}/ may not include {other}/ ({target})")
        if not (ROOT / target).is_file():
            faults.append(f"{name}:{number}: includes are written from the top of the tree: there is no {target}")
        if target in shown_by and not str(name).startswith(target.rsplit("/", 1)[0] + "/") and folder != "tests":
            faults.append(f"{name}:{number}: {target} shows <{shown_by[target]}> and is private to its folder")
    for library, by in users.items():
        limit = FILES_PER_LIBRARY.get(library, 4)
        if len(by) > limit:
            faults.append(f"{sorted(by)[0]}:1: {library} is used by {len(by)} files, more than {limit}: {', '.join(map(str, sorted(by)))}")
    report(faults, "include direction and third-party headers")


if __name__ == "__main__":
    main()
