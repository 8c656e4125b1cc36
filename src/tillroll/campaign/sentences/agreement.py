"""What somebody agrees to who signs up for e-mails, where the shop has no words of its own. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from tillroll.campaign.language.translations import choose_translation

OWN_TEXTS: Mapping[str, str] = {
    "en": "Yes, {shop} may send me news and offers by e-mail. I can end that at any time, by a link in every e-mail.",
    "de": "Ja, {shop} darf mir Neuigkeiten und Angebote per E-Mail schicken. Das kann ich jederzeit über einen Link in jeder "
    "E-Mail beenden.",
    "fr": "Oui, {shop} peut m’envoyer des nouveautés et des offres par e-mail. Je peux y mettre fin à tout moment, par un lien "
    "dans chaque e-mail.",
    "it": "Sì, {shop} può inviarmi novità e offerte per e-mail. Posso smettere in qualsiasi momento, con un link in ogni e-mail.",
    "es": "Sí, {shop} puede enviarme novedades y ofertas por correo. Puedo dejarlo en cualquier momento, con un enlace en cada "
    "correo.",
    "sl": "Da, trgovina {shop} mi lahko po e-pošti pošilja novosti in ponudbe. To lahko kadar koli končam s povezavo v vsakem "
    "sporočilu.",
}


def agreed_texts(own: Mapping[str, str]) -> dict[str, str]:
    """Return the text of each language: the shop's where it has one."""
    return {**OWN_TEXTS, **own}


def agreed_text(texts: Mapping[str, str], *languages: str) -> tuple[str, str]:
    """Return the text in the first of these languages that there is one in, with its language; else in English."""
    available = frozenset(texts)
    chosen = next(filter(None, (choose_translation(each, available) for each in languages)), "en")
    return texts[chosen], chosen
