"""The recipes of CONTRIBUTING.md hold: each names few files, they exist, and its example is in these and in no others."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest

from tests.house.source import PACKAGE, ROOT

MOST_FILES = {
    "a campaign event": 4,
    "an offer kind": 3,
    "a mail transport": 3,
    "a mail service": 3,
    "a page": 4,
    "a command": 3,
    "a column": 3,
    "a guardrail": 2,
    "a store endpoint": 4,
}
"""What each recipe adds, and the most files it may take; tests and generated files (schema, reference) do not count."""

USED_ELSEWHERE = {"prepared_places": {"src/tillroll/send/slices/prepare.py"}}
"""Where an example is used, beyond what a recipe has to touch."""

_STEP = re.compile(r"^\d+\. `([^`]+)`", re.MULTILINE)
_EXAMPLE = re.compile(r"^Example: `([^`]+)`$", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """One recipe: what it adds, an example of it, and the files it takes."""

    adds: str
    example: str
    files: tuple[str, ...]


def recipes() -> list[Recipe]:
    """Return the recipes as the page has them."""
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    sections = page.partition("\n## Recipes\n")[2].partition("\n## ")[0].split("\n### Add ")[1:]
    return [
        Recipe(
            adds=section.splitlines()[0],
            example=_EXAMPLE.findall(section)[0],
            files=tuple(_STEP.findall(section)),
        )
        for section in sections
    ]


each_recipe = pytest.mark.parametrize("recipe", recipes(), ids=lambda recipe: recipe.adds)


def test_there_is_a_recipe_for_each_thing_that_is_often_added() -> None:
    assert {recipe.adds for recipe in recipes()} == MOST_FILES.keys()


@each_recipe
def test_a_recipe_takes_few_files_and_they_exist(recipe: Recipe) -> None:
    assert 2 <= len(recipe.files) <= MOST_FILES[recipe.adds]
    assert [file for file in recipe.files if not (ROOT / file).is_file()] == []


@each_recipe
def test_the_example_is_in_the_files_of_its_recipe_and_in_no_others(recipe: Recipe) -> None:
    word = re.compile(rf"(?<![\w.]){re.escape(recipe.example)}(?!\w)")
    sources = [*PACKAGE.rglob("*.py"), *PACKAGE.rglob("templates/*.html")]
    found = {
        path.relative_to(ROOT).as_posix() for path in sources if word.search(path.read_text(encoding="utf-8"))
    }
    assert found, "the example is gone: choose another"
    assert found - USED_ELSEWHERE.get(recipe.example, set()) <= set(recipe.files)
