#!/usr/bin/env python3
"""Makes signed apt archives for tests. README.md beside it has the details.

  make_archive.py synthetic OUT [--spec FILE | --tiny]…   packages described in a few lines (stdin when neither is given)
  make_archive.py ubuntu-shaped OUT --packages NAME…      real Debian packages in the shape of Ubuntu's archive
"""

import argparse
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

import deb  # noqa: E402
import repository  # noqa: E402


def repository_of(arguments):
    return repository.Repository(arguments.out, repository.Options(
        layout=arguments.layout, date=arguments.date, valid_until=arguments.valid_until, snapshot=arguments.snapshot,
        components=arguments.components, sign=arguments.sign))


def make_synthetic(arguments):
    texts = [Path(spec).read_text(encoding="utf-8") for spec in arguments.spec]
    if arguments.tiny:
        texts.insert(0, Path(__file__).with_name("tiny.spec").read_text(encoding="utf-8"))
    if not texts:
        texts = [sys.stdin.read()]
    archive = repository_of(arguments)
    for text in texts:
        for stanza in deb.parse_stanzas(text):
            package = deb.from_stanza(stanza)
            component = stanza["Section"].split("/")[0] if "/" in stanza.get("Section", "") else "main"
            # "Pocket: updates" fits every layout; "Suite: noble-updates" only one.
            suite = stanza.get("Suite", "")
            if "Pocket" in stanza:
                suite = f"{archive.suites[0][1]}-{stanza['Pocket']}"
            archive.add(package.control, deb.pack(package), suite, component)
    archive.publish()


def make_ubuntu_shaped(arguments):
    import ubuntu_shaped
    archive = repository_of(arguments)
    ubuntu_shaped.fill(archive, arguments.packages, Path(arguments.cache))
    archive.publish()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, make in (("synthetic", make_synthetic), ("ubuntu-shaped", make_ubuntu_shaped)):
        command = commands.add_parser(name)
        command.set_defaults(make=make)
        command.add_argument("out", type=Path)
        command.add_argument("--layout", choices=sorted(repository.LAYOUTS), default="ubuntu")
        command.add_argument("--date", type=int, default=deb.DEFAULT_EPOCH, help="Date of the Release files, seconds since 1970")
        command.add_argument("--valid-until", type=int, default=0, metavar="SECONDS")
        command.add_argument("--snapshot", default="", metavar="TIMESTAMP", help="also as ROOT/TIMESTAMP/")
        command.add_argument("--components", nargs="+", default=["main"])
        command.add_argument("--sign", choices=["yes", "no", "other"], default="yes")
        if name == "synthetic":
            command.add_argument("--spec", action="append", default=[])
            command.add_argument("--tiny", action="store_true", help="the packages of tiny.spec, a root that can be configured")
        else:
            command.add_argument("--packages", nargs="+", required=True)
            command.add_argument("--cache", required=True, help="directory that keeps the downloaded .debs")
    arguments = parser.parse_args()
    try:
        arguments.make(arguments)
    except deb.ArchiveError as error:
        print(f"make_archive.py: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
