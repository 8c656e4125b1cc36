"""An e-mail in all its languages, compiled: each reader gets a translation in their language, or the campaign's own."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from tillroll.campaign import Revision
from tillroll.campaign.language.models import MessageSettings
from tillroll.campaign.language.translations import choose_translation, spoken
from tillroll.rendering.compile import Compiled, compile_message
from tillroll.rendering.facts import StoreFacts, filters_for, known_language


@dataclass(frozen=True, kw_only=True)
class Version:
    """An e-mail in one language."""

    compiled: Compiled
    shop: StoreFacts  # with the language in which amounts and dates are written


@dataclass(frozen=True, kw_only=True)
class Translated:
    """An e-mail with its translations."""

    revision: Revision
    message: MessageSettings
    shop: StoreFacts  # with the language of the campaign's own e-mail
    translations: frozenset[str]
    _versions: dict[tuple[str, str], Version] = field(default_factory=dict)

    @classmethod
    def of(cls, revision: Revision, message: MessageSettings, shop: StoreFacts) -> Translated:
        """Compile an e-mail in every language. Raises `Refused` when one of its templates is faulty."""
        own = replace(shop, language=message.language or shop.language)
        translations = frozenset(message.subjects) & revision.translations(message.template)
        translated = cls(revision=revision, message=message, shop=own, translations=translations)
        for translation in ("", *sorted(translations)):
            translated._version(translation, translation or own.language)
        return translated

    def for_reader(self, language: str) -> Version:
        """Return the e-mail that a reader of a language gets. Amounts and dates are written as the words around them."""
        translation = choose_translation(language, self.translations)
        own = translation or self.shop.language
        return self._version(translation, known_language(spoken(language, own)) or own)

    def _version(self, translation: str, language: str) -> Version:
        """Return one language's e-mail; forms of a language like `de-AT` differ in amounts and dates only."""
        key = (translation, language)
        if key not in self._versions:
            shop = self.shop.of_email(self.revision.brand, language, self.revision.name)
            compiled = compile_message(self.revision, self.message, filters_for(shop), translation)
            self._versions[key] = Version(compiled=compiled, shop=shop)
        return self._versions[key]
