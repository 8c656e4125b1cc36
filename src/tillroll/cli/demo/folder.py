"""The demo's folder: its store, ledger and outbox, and a note of its password and port."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from tillroll.errors import Conflict, Misconfigured
from tillroll.wiring import new_password

_NOTE = "demo.json"


@dataclass(frozen=True, kw_only=True)
class DemoFolder:
    """A demo's folder and what its note says, so that a second demo continues the first."""

    folder: Path
    password: str
    store_port: int  # 0: none was chosen yet

    def save(self) -> None:
        """Write the note, readable by its owner alone."""
        note = self.folder / _NOTE
        body = {"password": self.password, "store_port": self.store_port}
        note.write_text(json.dumps(body), encoding="utf-8")
        note.chmod(0o600)


def open_folder(folder: Path) -> DemoFolder:
    """Read the demo's folder, or make it. Raises `Misconfigured` when it can't be used."""
    note = folder / _NOTE
    try:
        body = json.loads(note.read_text(encoding="utf-8")) if note.exists() else {}
        folder.mkdir(parents=True, exist_ok=True)
        demo = DemoFolder(
            folder=folder,
            password=str(body.get("password") or new_password()),
            store_port=int(body.get("store_port") or 0),
        )
        demo.save()
    except (OSError, ValueError) as fault:
        raise Misconfigured(
            f"The demo can't use {folder}: {fault}", hint="Choose another folder with --dir."
        ) from fault
    return demo


def remove_folder(folder: Path) -> None:
    """Delete a demo's folder. Raises `Conflict` for a folder that isn't a demo's."""
    if folder.exists() and not (folder / _NOTE).exists():
        raise Conflict(f"{folder} is not a demo's folder, so it was left alone.")
    shutil.rmtree(folder, ignore_errors=True)
