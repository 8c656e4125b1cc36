"""Where a person's key is kept: in a keyring, and in a file while the keyring is locked."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

KEYRING = """import json, os, pathlib
FILE = pathlib.Path(os.environ["HOME"], "keyring.json")
class Backend: priority = 5
def get_keyring(): return Backend
def entries():
    if "LOCKED" in os.environ: raise RuntimeError("the keyring is locked")
    return json.loads(FILE.read_text()) if FILE.exists() else {}
def get_password(service, name): return entries().get(name)
def set_password(service, name, password): FILE.write_text(json.dumps({**entries(), name: password}))
def delete_password(service, name): FILE.write_text(json.dumps({n: p for n, p in entries().items() if n != name}))
"""
PROGRAM = """import os
from tillroll.cli.support.key_store import KeyStore
store = KeyStore("sqlite:///x")
print(store.keep("first"), store.read())
os.environ["LOCKED"] = ""
print(repr(store.read()), store.keep("second").endswith("keys.json"), store.read())
del os.environ["LOCKED"]
print(store.read(), store.keep("third"), store.read())
store.forget()
print(repr(store.read()))
"""


def test_a_locked_keyring_costs_nobody_their_key(tmp_path: Path) -> None:
    (tmp_path / "keyring.py").write_text(KEYRING, encoding="utf-8")
    paths = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {**os.environ, "HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path), "PYTHONPATH": paths}
    command = [sys.executable, "-c", PROGRAM]
    told = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    assert told.splitlines() == [
        "the system's keyring first",
        "'' True second",
        "second the system's keyring third",
        "''",
    ]
