#!/usr/bin/env python3
"""Rules about the tree as a whole: budgets, what CMake knows, and what no file may say."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

from source_tree import FOLDERS, ROOT, SKIP, files, lines, report

MOST_LINES = 500
MOST_TODOS = 20
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")


def length():
    """No source file is longer than 500 lines."""
    long = [(len(lines(name)), name) for name in files(".cc", ".h", ".c", ".py", ".sh")]
    report([f"{name}:{count}: {count} lines, more than {MOST_LINES}: is there a seam?" for count, name in sorted(long, reverse=True)
            if count > MOST_LINES], "length of files")


def unfinished():
    """At most 20 lines of the tree say that something is left to do."""
    found = []
    for name in files(".cc", ".h", ".c", ".sh", ".py", ".cmake", ".txt"):
        if name.parts[:2] != ("tests", "lint"):
            found += [f"{name}:{number}: {line.strip()}" for number, line in enumerate(lines(name), 1) if UNFINISHED.search(line)]
    report(found if len(found) > MOST_TODOS else [], f"{len(found)} of {MOST_TODOS} lines that say what is left to do")


def cmake():
    """A CMakeLists.txt names every source file, by its name or, where a loop adds the suffix, by the first part of it; every script
    of tests/e2e too."""
    faults = []
    listings = "".join((ROOT / name).read_text() for name in files(".txt") if name.name == "CMakeLists.txt")
    for name in files(".cc", ".c"):
        if name.parts[0] not in (*FOLDERS, "tests", "bench"):
            continue
        folder = ROOT / name.parent / "CMakeLists.txt"
        beside = folder.read_text() if folder.is_file() else ""
        words = [name.stem, re.sub("_(test|fuzz)$", "", name.stem)] if name.parts[0] == "tests" else []
        if not re.search(rf"(?<![\w.-]){re.escape(name.name)}(?![\w.-])", listings) and \
                not any(re.search(rf"(?<![\w.-]){re.escape(word)}(?![\w.-])", beside) for word in words):
            faults.append(f"{name}:1: no CMakeLists.txt builds it")
    scripts = ROOT / "tests/e2e/CMakeLists.txt"
    text = scripts.read_text() if scripts.is_file() else ""
    for name in files(".sh"):
        if name.parts[:2] == ("tests", "e2e") and not re.search(rf"\b{re.escape(name.stem)}\b", text):
            faults.append(f"{name}:1: tests/e2e/CMakeLists.txt does not run it")
    report(faults, "CMake knows every source and every test")


def machine():
    """No file names a package mirror of this machine or a path of this checkout: both are the site's business."""
    text = ""
    for place in [Path("/etc/apt/sources.list"), *Path("/etc/apt/sources.list.d").glob("*")]:
        if place.is_file():
            text += place.read_text(errors="replace") + "\n"
    for command in (["npm", "config", "get", "registry"], ["pip", "config", "get", "global.index-url"], ["go", "env", "GOPROXY"]):
        try:
            text += "\n" + subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=5, text=True,
                                          check=False).stdout.replace(",", "\n").replace("|", "\n")
        except (OSError, subprocess.TimeoutExpired):
            continue
    hosts = {host for host in re.findall(r"https?://(?:[^/@\s]*@)?([^/:\s]+)", text) if "." in host}
    # A checkout in a short, common place such as /src says nothing about the machine.
    words = sorted(hosts) + ([str(ROOT)] if len(ROOT.parts) > 2 else [])
    faults = []
    for name in files():
        try:
            content = (ROOT / name).read_text(encoding="utf-8")
        except (UnicodeDecodeError, OSError):
            continue
        for word in words:
            if word in content:
                number = content[:content.index(word)].count("\n") + 1
                faults.append(f"{name}:{number}: says '{word}', which belongs to this machine")
    report(faults, "nothing of this machine in the tree")


def shell():
    """shellcheck is content with every shell script."""
    scripts = files(".sh")
    scripts += [name for name in files("") if lines(name)[:1] and re.match(r"#!.*\b(ba|da)?sh\b", lines(name)[0])]
    if not scripts:
        report([], "no shell scripts")
    try:
        done = subprocess.run(["shellcheck", "--severity=warning", "--external-sources", *map(str, scripts)], cwd=ROOT, check=False)
    except FileNotFoundError:
        print("skipped: shellcheck is not installed")
        sys.exit(SKIP)
    report([] if done.returncode == 0 else ["shellcheck is not content"], f"{len(scripts)} shell scripts")


def format():
    """Every C and C++ file is as clang-format 14 writes it: another version lays some lines out in another way."""
    program = shutil.which("clang-format-14")
    if not program:
        print("skipped: clang-format-14 is not installed")
        sys.exit(SKIP)
    names = [str(name) for name in files(".cc", ".h", ".c")]
    ran = subprocess.run([program, "--dry-run", *names], cwd=ROOT, capture_output=True, text=True, check=True)
    faulty = sorted({line.split(":", 1)[0] for line in ran.stderr.splitlines() if "[-Wclang-format-violations]" in line})
    report([f"{name}:1: 'clang-format-14 -i {name}' changes it" for name in faulty], "layout of the sources")


def views():
    """No C++ file uses <ranges>: the clang 14 that builds the fuzzers cannot compile libstdc++ 12's views."""
    faults = [f"{name}:{number}: <ranges>, which clang 14 cannot compile" for name in files(".cc", ".h")
              for number, line in enumerate(lines(name), 1) if line.startswith("#include <ranges>") or "std::views::" in line]
    report(faults, "no <ranges>")


if __name__ == "__main__":
    CHECKS = {"length": length, "unfinished": unfinished, "cmake": cmake, "machine": machine, "shell": shell, "format": format, "views": views}
    if len(sys.argv) != 2 or sys.argv[1] not in CHECKS:
        sys.exit(f"usage: tree.py {'|'.join(CHECKS)}")
    CHECKS[sys.argv[1]]()
