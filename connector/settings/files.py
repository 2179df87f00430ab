"""Files that a configuration names, read with a limit of bytes and of time: one may be a device or a pipe."""

from __future__ import annotations

import os
import select
import stat
import time
from errno import EISDIR, ENOENT, ETIMEDOUT
from pathlib import Path

SECONDS = 5.0  # for all that comes through a pipe
CHUNK = 1024 * 1024


class TooLarge(ValueError):
    """There is more in the file than is read."""


def read(path: Path, most: int) -> bytes:
    """The file's content. Raises OSError, also for a pipe from which nothing comes, and TooLarge."""
    # Without O_NONBLOCK opening a pipe waits until somebody writes into it, however long.
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except ValueError:  # a zero byte in its name
        raise FileNotFoundError(ENOENT, os.strerror(ENOENT), repr(path)) from None
    try:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise IsADirectoryError(EISDIR, os.strerror(EISDIR), str(path))
        return _all(descriptor, path, most)
    finally:
        os.close(descriptor)


def _all(descriptor: int, path: Path, most: int) -> bytes:
    end = time.monotonic() + SECONDS
    content = bytearray()
    while len(content) <= most:
        try:
            chunk = os.read(descriptor, min(CHUNK, most + 1 - len(content)))
        except BlockingIOError:
            if not select.select([descriptor], [], [], max(0.0, end - time.monotonic()))[0]:
                raise TimeoutError(ETIMEDOUT, "nothing comes out of it", str(path)) from None
            continue
        if not chunk:
            return bytes(content)
        content += chunk
    raise TooLarge
