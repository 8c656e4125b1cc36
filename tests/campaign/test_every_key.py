"""Every key of the language: used once in a valid file, and reported at its place if its value is wrong."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any, get_args

import pytest
import yaml
from pydantic import BaseModel

from tests.campaign.whole import whole_folder
from tillroll.campaign import parse_book
from tillroll.campaign.brand.brand import Brand
from tillroll.campaign.codes.format import CodeFormat
from tillroll.campaign.language.blocks import StoreHoldout
from tillroll.campaign.language.calendar import Calendar
from tillroll.campaign.language.crm import CrmRules
from tillroll.campaign.language.guardrails import Guardrails
from tillroll.campaign.language.models import Campaign
from tillroll.campaign.language.notices import NoticeRules, ReportRules
from tillroll.campaign.language.privacy import ConsentRules, PrivacyRules
from tillroll.campaign.segments.segment import Segment
from tillroll.campaign.segments.tiers import TierRules
from tillroll.campaign.text.source import Path, read_source

FOLDER = whole_folder()
KINDS: Mapping[str, type[BaseModel]] = {
    "campaigns/": Campaign,
    "rules/segments/": Segment,
    "rules/codes/": CodeFormat,
    "rules/guardrails.yaml": Guardrails,
    "rules/calendar.yaml": Calendar,
    "rules/brand.yaml": Brand,
    "rules/privacy.yaml": PrivacyRules,
    "rules/notices.yaml": NoticeRules,
    "rules/consent.yaml": ConsentRules,
    "rules/reports.yaml": ReportRules,
    "rules/holdout.yaml": StoreHoldout,
    "rules/crm.yaml": CrmRules,
    "rules/tiers.yaml": TierRules,
}
INSTEAD = {("CrmRules", "webhook"), ("CrmRules", "folder"), ("CrmRules", "klaviyo")}
"""Keys that exclude one of the whole file, in the only file of their kind (tests/campaign/test_crm_rules.py)."""
NONSENSE = [[[]]]  # a list in a list in a list: no key accepts that


def _model_of(path: str) -> type[BaseModel]:
    return next(model for start, model in KINDS.items() if path.startswith(start))


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models_in(part)]


def _all_keys(model: type[BaseModel], seen: set[type[BaseModel]]) -> set[tuple[str, str]]:
    """Yield every key of a model and of the models inside it."""
    if model in seen:
        return set()
    seen.add(model)
    keys = {(model.__name__, field.alias or name) for name, field in model.model_fields.items()}
    for field in model.model_fields.values():
        for part in _models_in(field.annotation):
            keys |= _all_keys(part, seen)
    return keys


def _used_keys(model: type[BaseModel], data: Any, at: Path) -> Iterator[tuple[tuple[str, str], Path]]:
    """Yield every key of a file, with its model and its place."""
    if isinstance(data, list):
        for index, item in enumerate(data):
            yield from _used_keys(model, item, (*at, index))
    elif isinstance(data, dict):
        fields = {field.alias or name: field for name, field in model.model_fields.items()}
        for key, value in data.items():
            if key in fields:
                yield (model.__name__, key), (*at, key)
                for part in _models_in(fields[key].annotation):
                    yield from _used_keys(part, value, (*at, key))


def _yaml_files() -> dict[str, Any]:
    return {
        path: read_source(path, text.encode()).data for path, text in FOLDER.items() if path.endswith(".yaml")
    }


CASES = {
    key: (path, place)
    for path, data in _yaml_files().items()
    for key, place in _used_keys(_model_of(path), data, ())
}


def test_the_files_with_every_key_are_valid() -> None:
    book = parse_book({path: text.encode() for path, text in FOLDER.items()})
    assert [finding.render() for finding in book.findings] == []


def test_every_key_of_the_language_is_used() -> None:
    seen: set[type[BaseModel]] = set()
    every = {key for model in KINDS.values() for key in _all_keys(model, seen)}
    assert every - CASES.keys() == INSTEAD


@pytest.mark.parametrize("key", sorted(CASES), ids=lambda key: ".".join(key))
def test_a_wrong_value_is_reported_at_its_place(key: tuple[str, str]) -> None:
    path, place = CASES[key]
    data = deepcopy(_yaml_files()[path])
    here = data
    for part in place[:-1]:
        here = here[part]
    here[place[-1]] = NONSENSE
    text = yaml.safe_dump(data, sort_keys=False, allow_unicode=True)
    source = read_source(path, text.encode())
    line, column = source.values[place]
    files = {**FOLDER, path: text}
    findings = parse_book({name: content.encode() for name, content in files.items()}).findings
    mine = [finding for finding in findings if finding.file == path]
    assert any(
        (finding.line, finding.column) == (line, column) or (finding.line == line and finding.column > column)
        for finding in mine
    ), (
        text,
        [finding.render() for finding in findings],
    )
