#!/usr/bin/env python3
"""Every error code that the sources use has a row in docs/errors.md, every row's code is used, and no code has two rows.

A row is `| CODE | exit | what it means | what to do |`, in docs/errors.md or, as the part of one folder, in docs/errors.d/*.md."""

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
    faults, rows, whole = [], {}, ROOT / "docs/errors.md"
    parts = sorted((ROOT / "docs/errors.d").glob("*.md"))
    for place in ([whole] if whole.is_file() else []) + parts:
        seen = {}
        for number, line in enumerate(place.read_text(encoding="utf-8").splitlines(), 1):
            found = ROW.match(line)
            if not found:
                continue
            at = f"{place.relative_to(ROOT)}:{number}"
            if found[1] in seen or (place != whole and found[1] in rows and not rows[found[1]].startswith("docs/errors.md")):
                faults.append(f"{at}: {found[1]} has a second row")
            if not found[3].strip() or not found[4].strip():
                faults.append(f"{at}: {found[1]} says nothing")
            seen[found[1]] = at
        rows = {**seen, **rows}
    faults += [f"{at}: {code} has no row in docs/errors.md" for code, at in sorted(used.items()) if code not in rows]
    faults += [f"{at}: no source uses {code}" for code, at in sorted(rows.items()) if code not in used]
    report(faults, f"{len(used)} error codes")


if __name__ == "__main__":
    main()
