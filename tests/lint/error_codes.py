#!/usr/bin/env python3
"""Every error code that the sources use has a row in docs/errors.md, every row's code is used, and no code has two rows.

A row is `| CODE | exit | what it means | what to do |`."""

import re

from source_tree import FOLDERS, ROOT, files, lines, report

# A code in a string literal of its own: "R012".
USED = re.compile(r'"([A-Z][0-9]{3})"')
ROW = re.compile(r"^\|\s*`?([A-Z][0-9]{3})`?\s*\|\s*(\d+)\s*\|(.+)\|(.+)\|\s*$")


def main():
    used = {}
    for name in files(".cc", ".h"):
        if name.parts[0] in FOLDERS:
            for number, line in enumerate(lines(name), 1):
                for code in USED.findall(line.split("//")[0]):
                    used.setdefault(code, f"{name}:{number}")
    faults, rows = [], {}
    for number, line in enumerate((ROOT / "docs/errors.md").read_text(encoding="utf-8").splitlines(), 1):
        found = ROW.match(line)
        if not found:
            continue
        at = f"docs/errors.md:{number}"
        if found[1] in rows:
            faults.append(f"{at}: {found[1]} has a second row")
        if not found[3].strip() or not found[4].strip():
            faults.append(f"{at}: {found[1]} says nothing")
        rows[found[1]] = at
    faults += [f"{at}: {code} has no row in docs/errors.md" for code, at in sorted(used.items()) if code not in rows]
    faults += [f"{at}: no source uses {code}" for code, at in sorted(rows.items()) if code not in used]
    report(faults, f"{len(used)} error codes")


if __name__ == "__main__":
    main()
