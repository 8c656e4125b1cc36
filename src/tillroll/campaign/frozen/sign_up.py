"""How a shop's sign-up form is set up, as the ledger keeps it: so pages and workers need not read the files. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from tillroll.campaign.brand.brand import Brand
from tillroll.campaign.digest import digest
from tillroll.campaign.language.translations import choose_translation, language_of, translations_in


@dataclass(frozen=True, kw_only=True)
class ConfirmationWords:
    """The e-mail of double opt-in, with the files of its template."""

    template: str
    language: str  # of its own subject; empty: the store's
    subjects: Mapping[str, str]  # by language; the own one's is empty
    files: Mapping[str, str]  # by their names in the template's folder, partials put in
    valid: timedelta

    def language_for(self, reader: str) -> str:
        """Return the translation that a reader of a language gets; empty: the own one."""
        return choose_translation(reader, translations_in(self.files) & frozenset(self.subjects))

    def files_in(self, language: str) -> dict[str, str]:
        """Return the files of one translation."""
        return {name: text for name, text in self.files.items() if language_of(name) == language}


@dataclass(frozen=True, kw_only=True)
class SignUpTerms:
    """What `rules/consent.yaml` says, with all that it refers to."""

    is_open: bool = False  # there is a form
    double_opt_in: bool = False
    texts: Mapping[str, str] = field(default_factory=dict)  # what people agree to, by language
    sites: tuple[str, ...] = ()  # that may show the form besides the store's own
    confirmation: ConfirmationWords | None = None
    brand: Brand = field(default_factory=Brand)

    @property
    def version(self) -> str:
        """The name of the texts: others have another one."""
        return digest(dict(self.texts))[:12]

    def as_json(self) -> dict[str, Any]:
        """Return everything but the texts as JSON can hold it."""
        words = self.confirmation
        return {
            "double_opt_in": self.double_opt_in,
            "sites": list(self.sites),
            "brand": self.brand.model_dump(mode="json", exclude_unset=True),
            "confirmation": None
            if words is None
            else {
                "template": words.template,
                "language": words.language,
                "subjects": dict(words.subjects),
                "files": dict(words.files),
                "valid": int(words.valid.total_seconds()),
            },
        }

    @classmethod
    def from_json(
        cls, settings: Mapping[str, Any], *, is_open: bool, texts: Mapping[str, str]
    ) -> SignUpTerms:
        """Return the terms that were kept."""
        words = settings.get("confirmation")
        return cls(
            is_open=is_open,
            double_opt_in=bool(settings.get("double_opt_in")),
            texts=texts,
            sites=tuple(settings.get("sites", ())),
            brand=Brand.model_validate(settings.get("brand", {})),
            confirmation=None
            if words is None
            else ConfirmationWords(**{**words, "valid": timedelta(seconds=words["valid"])}),
        )
