"""Which file system a path lies on: SQLite's locks and its shared memory cannot be trusted on every one."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

from connector.model.errors import StateError

# What systemd (fstype_is_network) and coreutils (stat) call remote, the network's file systems in user space
# (without their prefix "fuse."), and the folders that a virtual machine shares with its host.
NETWORK = frozenset({
    "9p", "acfs", "afs", "beegfs", "ceph", "cifs", "coda", "fhgfs", "gfs", "gfs2", "glusterfs", "gpfs",
    "kafs", "lustre", "ncp", "ncpfs", "nfs", "nfs4", "ocfs2", "orangefs", "panfs", "pvfs2", "smb2", "smb3",
    "smbfs",
    "blobfuse", "blobfuse2", "ceph-fuse", "curlftpfs", "davfs", "davfs2", "gcsfuse", "goofys", "juicefs",
    "lizardfs", "mfs", "moosefs", "mount-s3", "rclone", "s3fs", "seaweedfs", "sshfs",
    "grpcfuse", "osxfs", "prl_fs", "vboxsf", "vmhgfs", "vmhgfs-fuse",
})  # fmt: skip


def file_system(path: Path) -> str:
    """The type of the file system that ``path`` is on, as the kernel names it; empty where it does not say.

    The kernel is asked for the mount of the opened path, so links, bind mounts and mounts over one another
    are as they are. (proc(5): ``mnt_id`` in fdinfo is the first field of a line in mountinfo.)
    """
    mount, mounts = _mount(path)
    line = mount and re.search(rf"^{mount} .* - (\S+) ", mounts, re.MULTILINE)
    return line[1] if line else ""


def mounted_alone(path: Path) -> bool:
    """Whether this file is a mount of its own: its folder is on another one. False where nothing tells."""
    if not path.is_file():
        return False
    (own, _), (folder, _) = _mount(path), _mount(path.parent)
    return bool(own and folder and own != folder)


def _mount(path: Path) -> tuple[str, str]:
    """The number of the opened path's mount, and the kernel's table of mounts."""
    if sys.platform != "linux":
        return "", ""
    try:
        descriptor = os.open(path, os.O_PATH)
        try:
            opened = Path(f"/proc/self/fdinfo/{descriptor}").read_text()
        finally:
            os.close(descriptor)
        mounts = Path("/proc/self/mountinfo").read_text()
    except OSError:
        return "", ""
    mount = re.search(r"^mnt_id:\s*(\d+)$", opened, re.MULTILINE)
    return (mount[1], mounts) if mount else ("", "")


def is_network(kind: str) -> bool:
    """Whether a file system of this type lies, or may lie, on another machine."""
    return kind.removeprefix("fuse.") in NETWORK


def refuse_network_file_system(database: Path) -> None:
    """Raise StateError when the file, or the folder in which its log and its lock will be, is on one."""
    path = Path(os.path.realpath(database))
    for place in (path, path.parent):
        kind = file_system(place)
        if is_network(kind):
            raise StateError(
                f"database: {path} lies on a network file system ({kind}), where SQLite's locks cannot be "
                "trusted; use a local disk, or postgresql://"
            )
