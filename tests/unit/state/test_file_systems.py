"""Network file systems are refused, whatever leads to them; local ones, being everywhere, stand for them."""

from __future__ import annotations

from pathlib import Path

import pytest

from connector.model.errors import StateError
from connector.state import file_systems
from connector.state.database import Database
from connector.state.file_systems import file_system, is_network, refuse_network_file_system

KERNEL = {"/proc": "proc", "/proc/self/status": "proc", "/sys": "sysfs"}


@pytest.fixture
def proc_is_remote(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_systems, "NETWORK", {"proc"})


@pytest.mark.parametrize("path", KERNEL)
def test_the_kernel_says_which_file_system_a_path_is_on(path: str) -> None:
    assert file_system(Path(path)) == KERNEL[path]


def test_a_database_on_a_network_file_system_is_refused_and_not_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, kind = tmp_path / "connector.db", file_system(tmp_path)
    Database(f"sqlite:///{path}").close()
    path.unlink()
    monkeypatch.setattr(file_systems, "NETWORK", {kind})
    with pytest.raises(StateError) as caught:
        Database(f"sqlite:///{path}")
    assert str(caught.value) == (
        f"database: {path.resolve()} lies on a network file system ({kind}), where SQLite's locks cannot be "
        "trusted; use a local disk, or postgresql://"
    )
    assert not path.exists()


@pytest.mark.usefixtures("proc_is_remote")
@pytest.mark.parametrize(
    ("link", "target", "database"),
    [
        ("folder", "/proc/self", "folder/connector.db"),
        ("connector.db", "/proc/self/status", "connector.db"),
        ("connector.db", "/proc/self/not-made-yet.db", "connector.db"),
    ],
)
def test_links_are_followed_to_where_the_file_and_its_log_really_are(
    tmp_path: Path, link: str, target: str, database: str
) -> None:
    refuse_network_file_system(tmp_path / database)
    (tmp_path / link).symlink_to(target)
    with pytest.raises(StateError, match=r"/proc/.* lies on a network file system \(proc\)"):
        refuse_network_file_system(tmp_path / database)


@pytest.mark.usefixtures("proc_is_remote")
def test_a_local_disk_is_taken_and_what_cannot_be_opened_is_told_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "round").symlink_to(tmp_path / "round")
    for path in ("connector.db", "missing/connector.db", "round"):
        refuse_network_file_system(tmp_path / path)
    assert file_system(tmp_path / "missing") == ""
    with pytest.raises(StateError, match="cannot be opened; check the path"):
        Database(f"sqlite:///{tmp_path / 'round'}")


REMOTE = (
    "nfs",
    "nfs4",
    "cifs",
    "smb3",
    "9p",
    "ceph",
    "glusterfs",
    "lustre",
    "afs",
    "fuse.sshfs",
    "fuse.s3fs",
)
LOCAL = ("ext4", "xfs", "btrfs", "zfs", "overlay", "tmpfs", "fuseblk", "fuse.gocryptfs", "virtiofs", "")


def test_what_may_lie_on_another_machine_is_known_by_its_type() -> None:
    assert [kind for kind in (*REMOTE, *LOCAL) if is_network(kind)] == [*REMOTE]
