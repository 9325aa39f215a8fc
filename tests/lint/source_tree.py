"""What the lint tests share: the files of the tree, and how faults are told."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("base", "layers", "registry_client", "sandbox", "builder", "server", "cli")
SKIP = 77


def files(*suffixes):
    """Paths relative to the root that git tracks or would track, in a tree without git all but build/; sorted."""
    listed = subprocess.run(["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    if listed.returncode == 0:
        names = [Path(name) for name in listed.stdout.decode().split("\0") if name]
    else:
        names = [path.relative_to(ROOT) for path in ROOT.rglob("*") if path.is_file()]
        names = [name for name in names if name.parts[0] not in ("build", ".git")]
    return sorted(name for name in names if (not suffixes or name.suffix in suffixes) and (ROOT / name).is_file())


def lines(name):
    return (ROOT / name).read_text(encoding="utf-8", errors="replace").splitlines()


def report(faults, what):
    """Prints `faults` (strings that start with file:line) and ends the program."""
    for fault in faults:
        print(fault)
    print(f"{len(faults)} faults: {what}" if faults else f"ok: {what}")
    sys.exit(1 if faults else 0)
