"""Descriptors of a SQLite file beside SQLite's own, which outlive its connections.

POSIX locks, which are SQLite's, belong to a process and an inode: closing *any* descriptor of the file drops
them all (fcntl(2); https://sqlite.org/howtocorrupt.html, 2.2). So whatever we open of a database stays open
until the last ``Database`` of this process on that file is closed, and whoever only wants a look shares one.
"""

from __future__ import annotations

import fcntl
import os
import struct
from pathlib import Path
from threading import Lock

_FS_IOC_GETVERSION = 0x80087601  # ioctl_iflags(2): the inode's generation, on ext4, XFS and btrfs


class Anchor:
    """One file. ``descriptor`` is for looks; what must not be closed before SQLite is given to ``keep``."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._kept: list[int] = []
        self._users = 0

    def keep(self, descriptor: int) -> None:
        """Close it with the last user of the file."""
        self._kept.append(descriptor)

    @property
    def generation(self) -> str:
        """Tells a new file from an older one with the same inode number; empty where nothing tells."""
        try:
            told = fcntl.ioctl(self.descriptor, _FS_IOC_GETVERSION, bytes(8))
        except OSError:
            return ""
        return str(struct.unpack_from("I", told)[0])

    def locked(self) -> bool:
        """Whether some other open description of the file holds flock's exclusive lock."""
        try:
            fcntl.flock(self.descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        fcntl.flock(self.descriptor, fcntl.LOCK_UN)
        return False


_ANCHORS: dict[tuple[int, int], Anchor] = {}
_CHANGES = Lock()  # databases are opened in threads too


def take(path: Path) -> Anchor:
    """The file's anchor, for a user that calls ``release`` when its SQLite connections are closed.

    Raises OSError when the file cannot be opened for reading.
    """
    with _CHANGES:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        found = os.fstat(descriptor)
        anchor = _ANCHORS.setdefault((found.st_dev, found.st_ino), Anchor(descriptor))
        if anchor.descriptor != descriptor:
            anchor.keep(descriptor)  # not closed: see above
        anchor._users += 1
        return anchor


def release(anchor: Anchor) -> None:
    """One user less; with the last one the descriptors are closed."""
    with _CHANGES:
        anchor._users -= 1
        if anchor._users:
            return
        for key in [key for key, one in _ANCHORS.items() if one is anchor]:
            del _ANCHORS[key]
        for descriptor in (anchor.descriptor, *anchor._kept):
            os.close(descriptor)
