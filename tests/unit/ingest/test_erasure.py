"""Forgetting a buyer, and retention."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.shops.woocommerce import Shop, serve

EMAIL, NAME, STREET = "planted.buyer@example.com", "Plantagenet", "77 Planted Lane"


def connector(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "connector", "-c", str(folder / "connector.yaml"), *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_forget_leaves_no_bytes_of_the_buyer_in_any_file_of_the_database(tmp_path: Path) -> None:
    shop = Shop(secure=True)
    shop.seed(30)
    billing = {
        "email": EMAIL,
        "last_name": NAME,
        "address_1": STREET,
        "phone": "+1 212-456-7890",
        "country": "US",
    }
    shop.edit(7, billing=billing)
    with serve(shop) as url:
        (tmp_path / "connector.yaml").write_text(
            "accounts: {main: {token: privy_test, base_url: 'http://127.0.0.1:9'}}\n"
            "stores:\n  acme:\n    platform: woocommerce\n"
            f"    url: {url}\n"
            "    credentials: {consumer_key: ck_test, consumer_secret: cs_test}\n"
            "    options: {authentication: basic}\n"
            "    account: main\n"
        )
        (tmp_path / "connector.yaml").chmod(0o600)
        read = connector(tmp_path, "reconcile", "--since", "2000-01-01", "--json")
        assert read.returncode == 0, read.stderr
        assert json.loads(read.stdout)[0]["listed"] == 30
        shown = connector(tmp_path, "preview", "acme", "7")
        assert EMAIL in shown.stdout
        done = connector(tmp_path, "forget", EMAIL.upper(), "--json")
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout) == [{"store": "acme", "refs": ["7"]}]
        held = b"".join(path.read_bytes() for path in tmp_path.glob("connector.db*"))
        for planted in (EMAIL, NAME, STREET, "2124567890"):
            assert planted.encode() not in held
        again = connector(tmp_path, "reconcile", "--since", "2000-01-01", "--json")
        assert json.loads(again.stdout)[0]["skipped"]["forgotten"] == 1
        assert EMAIL.encode() not in b"".join(path.read_bytes() for path in tmp_path.glob("connector.db*"))


def test_forget_refuses_what_is_no_contact(tmp_path: Path) -> None:
    done = connector(tmp_path, "forget", "nobody")
    assert (done.returncode, done.stdout) == (2, "")
    assert "neither an e-mail address nor a phone number" in done.stderr
