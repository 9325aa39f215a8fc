"""Writes a repository that apt can use: pool, indices with by-hash, and a Release file signed by a throw-away key.

    OUT/ROOT/pool/COMPONENT/NAME_VERSION_ARCH.deb
    OUT/ROOT/dists/SUITE/{InRelease,Release,Release.gpg}
    OUT/ROOT/dists/SUITE/COMPONENT/binary-ARCH/{Packages,Packages.gz,Packages.xz,by-hash/SHA256/…}
    OUT/ROOT/SNAPSHOT/{dists,pool}          the same at a time stamp, when asked
    OUT/keyring.gpg, OUT/key/               the public key; the private one
"""

import hashlib
import os
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import deb as deb_file

# layout → (root directory, suite), the release first. Debian keeps security in a repository of its own.
LAYOUTS = {
    "ubuntu": [("ubuntu", "noble"), ("ubuntu", "noble-updates"), ("ubuntu", "noble-security")],
    "debian": [("debian", "bookworm"), ("debian", "bookworm-updates"), ("debian-security", "bookworm-security")],
}
RELEASES = {
    "ubuntu": {"Origin": "Ubuntu", "Label": "Ubuntu", "Version": "24.04", "Codename": "noble"},
    "debian": {"Origin": "Debian", "Label": "Debian", "Version": "12.0", "Codename": "bookworm"},
}


@dataclass
class Options:
    layout: str = "ubuntu"
    architecture: str = "amd64"
    date: int = deb_file.DEFAULT_EPOCH
    valid_until: int = 0  # 0 = the Release file says none
    snapshot: str = ""
    components: list = field(default_factory=lambda: ["main"])
    sign: str = "yes"  # yes, no, other (by a key that the keyring does not have)


def rfc2822(seconds):
    return time.strftime("%a, %d %b %Y %H:%M:%S UTC", time.gmtime(seconds))


class Key:
    """A throw-away Ed25519 key in a directory of its own; made at first use."""

    def __init__(self, home, name="Test archive"):
        self.home = Path(home)
        if not self.home.exists():
            self.home.mkdir(mode=0o700, parents=True)
            self._gpg("--passphrase", "", "--quick-generate-key", f"{name} <archive@example.invalid>", "ed25519", "sign",
                      "never")

    def _gpg(self, *arguments, stdin=None):
        # A socket path has 107 bytes at most, so a deep directory is reached through a short one.
        with tempfile.TemporaryDirectory(prefix="gpg") as short:
            link = Path(short) / "h"
            link.symlink_to(self.home.resolve())
            environment = {**os.environ, "GNUPGHOME": str(link), "LC_ALL": "C"}
            done = subprocess.run(["gpg", "--batch", "--yes", "--quiet", "--pinentry-mode", "loopback", *arguments],
                                  env=environment, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            subprocess.run(["gpgconf", "--kill", "all"], env=environment, stderr=subprocess.DEVNULL)
        if done.returncode != 0:
            raise deb_file.ArchiveError("gpg: " + done.stderr.decode(errors="replace"))
        return done.stdout

    def public(self):
        return self._gpg("--export")

    def fingerprint(self):
        for line in self._gpg("--with-colons", "--list-keys").decode().splitlines():
            if line.startswith("fpr:"):
                return line.split(":")[9]
        raise deb_file.ArchiveError("the key has no fingerprint")

    def clearsign(self, text):
        return self._gpg("--clearsign", "--digest-algo", "SHA512", stdin=text)

    def detach(self, text):
        return self._gpg("--armor", "--detach-sign", "--digest-algo", "SHA512", stdin=text)


def index_stanza(control, filename, data):
    fields = dict(control)
    description = fields.pop("Description", "")
    fields["Filename"] = filename
    fields["Size"] = str(len(data))
    fields["MD5sum"] = hashlib.md5(data).hexdigest()
    fields["SHA256"] = hashlib.sha256(data).hexdigest()
    fields["Description"] = description
    return deb_file.format_control(fields)


class Repository:
    """Collects packages, then publish() writes all the indices. A directory may be published again with other packages: the
    pool keeps the old ones and the key stays."""

    def __init__(self, out, options):
        self.out, self.options = Path(out), options
        self.suites = LAYOUTS[options.layout]
        self.stanzas = {(suite, component): [] for _, suite in self.suites for component in options.components}

    def root_of(self, suite):
        for root, name in self.suites:
            if name == suite:
                return root
        raise deb_file.ArchiveError(f"layout {self.options.layout} has no suite '{suite}'")

    def add(self, control, data, suite="", component="main"):
        suite = suite or self.suites[0][1]
        root = self.root_of(suite)
        version = control["Version"].split(":", 1)[-1]
        filename = f"pool/{component}/{control['Package'][0]}/{control['Package']}_{version}_{control['Architecture']}.deb"
        path = self.out / root / filename
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        full = {**control}
        full.setdefault("Installed-Size", str(len(data) // 512 + 1))
        self.stanzas.setdefault((suite, component), []).append(index_stanza(full, filename, data))

    def publish(self):
        key = Key(self.out / "key")
        (self.out / "keyring.gpg").write_bytes(key.public())
        (self.out / "fingerprint").write_text(key.fingerprint() + "\n")
        if self.options.sign == "other":
            key = Key(self.out / "other-key", "Somebody else")
        for root, suite in self.suites:
            self._publish_suite(self.out / root / "dists" / suite, suite, key)
        if self.options.snapshot:
            for root in {root for root, _ in self.suites}:
                at = self.out / root / self.options.snapshot
                shutil.rmtree(at, ignore_errors=True)
                at.mkdir(parents=True)
                shutil.copytree(self.out / root / "dists", at / "dists")
                (at / "pool").symlink_to("../pool")

    def _publish_suite(self, directory, suite, key):
        shutil.rmtree(directory, ignore_errors=True)
        names = []
        components = sorted({component for of_suite, component in self.stanzas if of_suite == suite})
        for component in components:
            text = "\n".join(self.stanzas[suite, component]).encode()
            for kind in ("none", "gz", "xz"):
                name = f"{component}/binary-{self.options.architecture}/Packages{deb_file.suffix(kind)}"
                path = directory / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(deb_file.compress(text, kind))
                names.append(name)
                by_hash = path.parent / "by-hash" / "SHA256"
                by_hash.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, by_hash / hashlib.sha256(path.read_bytes()).hexdigest())
        release = self._release(directory, suite, components, names)
        (directory / "Release").write_bytes(release)
        if self.options.sign != "no":
            (directory / "InRelease").write_bytes(key.clearsign(release))
            (directory / "Release.gpg").write_bytes(key.detach(release))

    def _release(self, directory, suite, components, names):
        fields = dict(RELEASES[self.options.layout])
        fields["Suite"] = suite
        if self.options.layout == "debian":  # Ubuntu's pockets all carry the release's code name
            fields["Codename"] = suite
        fields["Date"] = rfc2822(self.options.date)
        if self.options.valid_until:
            fields["Valid-Until"] = rfc2822(self.options.valid_until)
        fields["Acquire-By-Hash"] = "yes"
        fields["Architectures"] = self.options.architecture
        fields["Components"] = " ".join(components)
        fields["Description"] = "Test archive"
        lines = [deb_file.format_control(fields), "SHA256:\n"]
        for name in names:
            data = (directory / name).read_bytes()
            lines.append(f" {hashlib.sha256(data).hexdigest()} {len(data):16} {name}\n")
        return "".join(lines).encode()
