"""The virtual board's boot image: kernel, initial file system, keys. Built once, then reused offline.

image = ensure_image(Path("cache/virtual-board"), Watcher())
image.kernel, image.initrd, image.key, image.known_hosts
"""

from __future__ import annotations

import gzip
import hashlib
import lzma
import os
import re
import shutil
import struct
import tempfile
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from spanbit.errors import ExitCode, SpanbitError

from spanbit_deploy.board.cpio import Archive
from spanbit_deploy.board.packages import fetch
from spanbit_deploy.watcher import Watcher

HOST_KEY_NAME = "spanbit-virtual-board"
_LIBRARIES = "lib/aarch64-linux-gnu"
_MODULES = ("virtio_mmio", "virtio_net", "virtio_blk", "crc32c_generic", "ext4")
_INIT = """#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/pts
mount -t devpts devpts /dev/pts
mount -t tmpfs tmp /tmp
while read -r module; do insmod "/modules/$module"; done < /modules/order
# A disk, where the machine has one, is what outlives it: its file system's journal is that of a real board's.
mkdir -p /root/.spanbit
[ -b /dev/vda ] && mount -t ext4 /dev/vda /root/.spanbit
ip link set lo up
ip address add 10.0.2.15/24 dev eth0
ip link set eth0 up
exec /sbin/dropbear -F -E -s -r /etc/dropbear/host_key
"""


@dataclass(frozen=True)
class Image:
    """A folder that holds all that a boot and a login need."""

    folder: Path

    @property
    def kernel(self) -> Path:
        return self.folder / "vmlinuz"

    @property
    def initrd(self) -> Path:
        return self.folder / "board.cpio.gz"

    @property
    def key(self) -> Path:
        return self.folder / "id_ed25519"

    @property
    def known_hosts(self) -> Path:
        return self.folder / "known_hosts"


def find_image(parent: Path) -> Image | None:
    """The image, if it was built by this version of spanbit."""
    image = _image(parent)
    return image if image.folder.is_dir() else None


def ensure_image(parent: Path, watcher: Watcher) -> Image:
    """The image, built now if it is not there.

    Raises:
        SpanbitError: BOARD: no apt here, no network, or the packages are not as expected.
    """
    image = _image(parent)
    if image.folder.is_dir():
        return image
    parent.mkdir(parents=True, exist_ok=True)
    watcher.stage("fetching Debian's ARM packages for the virtual board (once, 30 MB)")
    with tempfile.TemporaryDirectory(prefix="build.", dir=parent) as work:
        root = fetch(Path(work))
        watcher.stage("making the virtual board's image")
        made = Path(work) / "image"
        made.mkdir()
        _make(root, Image(made))
        os.replace(made, image.folder)  # whole or not at all
    for old in parent.glob("image-*"):
        if old != image.folder:
            shutil.rmtree(old, ignore_errors=True)
    return image


def _image(parent: Path) -> Image:
    version = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:12]
    return Image(parent / f"image-{version}")


def _make(root: Path, image: Image) -> None:
    shutil.copyfile(_one(root, "boot/vmlinuz-*"), image.kernel)
    login, host = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    private = login.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    with os.fdopen(os.open(image.key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(private)
    image.known_hosts.write_text(f"{HOST_KEY_NAME} {_public(host)}\n")
    archive = _file_system(root, authorized=_public(login), host_key=_dropbear_key(host))
    image.initrd.write_bytes(gzip.compress(archive, 6))


def _file_system(root: Path, *, authorized: str, host_key: bytes) -> bytes:
    archive = Archive()
    for folder in ("bin", "sbin", "dev", "etc", "etc/dropbear", "lib", _LIBRARIES, "modules", "proc", "sys"):
        archive.folder(folder)
    for folder in ("usr", "usr/lib", "usr/lib/openssh", "var", "run"):
        archive.folder(folder)
    archive.folder("tmp", 0o1777)
    for folder in ("root", "root/.ssh"):
        archive.folder(folder, 0o700)
    archive.device("dev/console", 5, 1)
    archive.add("init", _INIT.encode(), 0o755)
    archive.add("bin/busybox", _one(root, "bin/busybox", "usr/bin/busybox").read_bytes(), 0o755)
    archive.add("sbin/dropbear", _one(root, "usr/sbin/dropbear").read_bytes(), 0o755)
    archive.add("usr/lib/openssh/sftp-server", _one(root, "usr/lib/openssh/sftp-server").read_bytes(), 0o755)
    archive.link("usr/lib/sftp-server", "openssh/sftp-server")  # where dropbear looks for it
    archive.add("etc/passwd", b"root:x:0:0:root:/root:/bin/sh\n", 0o644)
    archive.add("etc/group", b"root:x:0:\n", 0o644)
    archive.add("etc/dropbear/host_key", host_key, 0o600)
    archive.add("root/.ssh/authorized_keys", f"{authorized}\n".encode(), 0o600)
    # All libraries of the few packages: under 10 MB, and no list that a new version would break.
    for library in sorted([*root.glob(f"{_LIBRARIES}/*.so*"), *root.glob(f"usr/{_LIBRARIES}/*.so*")]):
        if library.is_file():
            archive.add(f"{_LIBRARIES}/{library.name}", library.read_bytes(), 0o755)
    loader = _one(root, f"{_LIBRARIES}/ld-linux-aarch64.so.1", f"usr/{_LIBRARIES}/ld-linux-aarch64.so.1")
    archive.link("lib/ld-linux-aarch64.so.1", f"aarch64-linux-gnu/{loader.name}")
    order = _modules(root)
    for name, content in order.items():
        archive.add(f"modules/{name}", content, 0o644)
    archive.add("modules/order", "".join(f"{name}\n" for name in order).encode(), 0o644)
    return archive.finish()


def _modules(root: Path) -> dict[str, bytes]:
    """The modules for qemu's network card, each behind those it needs. A kernel may have them built in."""
    order: dict[str, bytes] = {}

    def add(name: str) -> None:
        found = [*root.glob(f"**/modules/**/{name}.ko"), *root.glob(f"**/modules/**/{name}.ko.xz")]
        if not found or f"{name}.ko" in order:
            return
        content = found[0].read_bytes()
        if found[0].suffix == ".xz":
            content = lzma.decompress(content)
        needs = re.search(rb"\0depends=([^\0]*)\0", content)
        for other in needs.group(1).decode().split(",") if needs else ():
            if other:
                add(other)
        order[f"{name}.ko"] = content

    for name in _MODULES:
        add(name)
    return order


def _one(root: Path, *patterns: str) -> Path:
    for pattern in patterns:
        for path in sorted(root.glob(pattern)):
            return path
    raise SpanbitError(
        f"the packages of the virtual board hold no {patterns[0]}",
        why="this system's version of them is laid out in another way",
        fix="report it; meanwhile use --on host, or a board of your own",
        code=ExitCode.BOARD,
    )


def _public(key: Ed25519PrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


def _dropbear_key(key: Ed25519PrivateKey) -> bytes:
    """Dropbear's own file format: the type's name, then private and public part as one string."""
    private = key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
    public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    name, both = b"ssh-ed25519", private + public
    return struct.pack(">I", len(name)) + name + struct.pack(">I", len(both)) + both
