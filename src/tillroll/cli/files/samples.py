"""The sample folder: campaigns, rules and templates that come with the package."""

from __future__ import annotations

from pathlib import Path

import tillroll
from tillroll.campaign.folder.drafts import brand_to_fill_in
from tillroll.campaign.folder.folder_reader import BRAND

PARTS = ("campaigns", "rules", "templates")

_PACKAGE = Path(tillroll.__file__).parent
_PLACES = (_PACKAGE / "samples", _PACKAGE.parents[1])
"""Where they are: in an installed package, and in a checkout, where they are the folder's own."""


def sample_files(*, as_drafts: bool = False) -> dict[str, str]:
    """Return the samples: relative path → text. `as_drafts`: no campaign runs before somebody has activated it."""
    place = next(place for place in _PLACES if (place / "campaigns").is_dir())
    files = {
        path.relative_to(place).as_posix(): path.read_text(encoding="utf-8")
        for part in PARTS
        for path in sorted((place / part).rglob("*"))
        if path.is_file()
    }
    if as_drafts:
        files = {
            path: text.replace("\nstatus: active\n", "\nstatus: draft\n")
            if path.startswith("campaigns/")
            else text
            for path, text in files.items()
        }
        files[BRAND] = brand_to_fill_in()
    return files
