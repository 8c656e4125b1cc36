"""Bargains that an e-mail names without a figure: half price, two for one, free shipping, a gift. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from tillroll.campaign.reading.said.numbers import number_of
from tillroll.campaign.text.written.holding import may_hold


class BargainKind(StrEnum):
    """What is promised."""

    HALF = "half price"
    SEVERAL = "several for the price of fewer"
    SHIPPING = "free shipping"
    GIFT = "a gift"
    ALL = "all goods"
    NO_MINIMUM = "no minimum"
    OFTEN = "as often as you like"


@dataclass(frozen=True, kw_only=True)
class Bargain:
    """A bargain as an e-mail names it."""

    kind: BargainKind
    words: str
    is_certain: bool  # it can't be about something else than this offer


_HALF = r"""
    (?:half|½|1/2)[-\s](?:the\s)?prices?|half\soff
    (?:zum|um\sden)\s(?:halben|½)\spreis|(?:halber|halben)\spreis|hälfte\sdes\spreises|um\sdie\shälfte\s(?:reduziert|günstiger|billiger)
    (?:à\s)?moitié\s(?:du\s)?prix|demi-(?:tarif|prix)
    (?:a\s)?metà\sprezzo
    (?:a\s)?mitad\sde(?:l)?\sprecio
    (?:pol|polovičn\w{1,3})\scen\w{1,3}|za\spolovico\sceneje
"""
_N = r"(\d|[^\W\d_]{2,6})"  # a number or any short word; which of them are numbers is seen afterwards
_SEVERAL = rf"""
    buy\s{_N},?\s(?:and\s)?(?:get|take)\s{_N}(?:\s(?:more|extra|item))?\sfree|bogof?
    {_N}[-\s](?:for|für|fuer|pour|per|por|za)[-\s](?:the\sprice\sof\s)?{_N}(?!\s(?:people|persons?|days?|weeks?|personen|tage?|personnes|jours?|persone|personas|osebi?))
    {_N}\s(?:zum\spreis\svon|for\sthe\sprice\sof|(?:au|pour\sle)\sprix\s(?:de\s|d['’])|al\sprezzo\sdi|al\sprecio\sde|po\sceni)\s?{_N}
    (?:nimm|kauf)\s{_N},?\s(?:be)?zahle?\s{_N}|prendi\s{_N},?\s(?:e\s)?paghi\s{_N}|ll[eé]va(?:te)?\s{_N},?\s(?:y\s)?paga\s{_N}
    {_N}\s(?:acheté|achetée|achetés),?\s{_N}\soffert\w{0, 2}
    {_N}\s?\+\s?{_N}\s(?:free|gratis|gratuit|gratuito|offert|zastonj|brezplačno)
    (\d)x(\d)(?!\s?(?:m|cm|mm|x|g|kg|l|ml)\b)
"""
_SHIP = r"(?:shipping|delivery|postage|p&p)"
_SHIPPING = rf"""
    free\s(?:\w+\s)?{_SHIP}|{_SHIP}\s(?:is\s|are\s)?(?:free|on\sus|included)|we\spay\s(?:the\s|for\s(?:the\s)?)?{_SHIP}|no\s{_SHIP}\s(?:costs?|fees?|charges?)|{_SHIP}[-\s]free
    (?:versandkosten|porto)frei\w{{0,3}}|(?:kostenlos|gratis|kostenfrei|frei)\w{{0,3}}\s(?:versand|lieferung|zustellung)|gratisversand|(?:ohne|keine)\sversandkosten|versand\s(?:ist\s)?(?:gratis|kostenlos|frei)
    (?:livraison|expédition)\s(?:est\s)?(?:gratuite|offerte)|(?:frais\sde\s)?port\s(?:offerts?|gratuits?)|sans\sfrais\sde\s(?:port|livraison)
    (?:spedizione|consegna)\s(?:è\s)?(?:gratuita|gratis|omaggio)
    envíos?\s(?:es\s)?(?:gratis|gratuitos?)|gastos\sde\senvío\sgratis|sin\sgastos\sde\senvío
    brezplačn\w{{1,3}}\s(?:dostav|poštnin|pošiljanj)\w{{1,3}}|(?:dostava|poštnina)\s(?:je\s)?(?:brezplačna|zastonj|gratis)|brez\spoštnine
"""
_GIFT = r"""
    free\sgift|gift\s(?:for|with|to)\s(?:free|every\sorder|your\sorder)
    (?:gratis|kostenlos\w{0,2})[-\s]geschenk|geschenk\sgratis|gratisgeschenk
    cadeau\s(?:offert|gratuit)|regalo\s(?:gratis|gratuito|in\somaggio)|brezplačno\sdarilo
"""
_ALL = r"""
    (?:off|on)\s(?:absolutely\s)?everything|(?:site|store|shop)-?wide|(?:on|off)\s(?:our|the)\s(?:whole|entire|full)\s(?:range|shop|store|assortment|collection)|(?:whatever|everything)\syou\s(?:choose|like|want|buy|order)
    auf\s(?:wirklich\s)?alles|auf\s(?:das|unser)\s(?:gesamte|ganze|komplette)s?\s(?:sortiment|angebot)|was\s(?:immer\s)?(?:sie|du)\s(?:auch\s)?(?:aussuch|wähl|kauf|bestell)\w+
    sur\stou(?:t(?!\w)(?!\sl)|te\sla\s(?:boutique|collection|gamme)|t\sle\s(?:site|magasin))|quoi\sque\s(?:vous|tu)\s(?:choisiss|achet)\w+
    su\stutt[oa](?!\s(?:l[ae]|i|gli)\s)|su\stutto\sil\s(?:sito|catalogo|negozio)|qualunque\scosa\sscegli\w*
    en\stodo(?!\sel)|en\stod[oa]\s(?:el|la)\s(?:sitio|tienda|catálogo|web)|lo\sque\s(?:elijas|elija|quieras|quiera)
    na\svse|na\sceloten\sasortiment|na\svso\sponudbo|karkoli\sizbere\w+
"""
_NO_MINIMUM = r"""
    (?:no|without\s(?:a|any)|without)\sminimum(?:\s(?:order|spend|purchase|basket)\w*)?|no\smatter\show\s(?:little|small)
    (?:ohne|kein\w?)\s(?:mindestbestellwert|mindesteinkauf|mindestumsatz|mindestbetrag|mindestwert)
    sans\s(?:minimum|montant\sminimum|achat\sminimum)(?:\sd['’]achat|\sde\scommande)?|aucun\sminimum(?:\sd['’]achat)?
    (?:senza|nessun)\s(?:minimo|ordine\sminimo|acquisto\sminimo|importo\sminimo|spesa\sminima)|senza\suna\sspesa\sminima
    sin\s(?:mínimo|(?:compra|pedido|importe|gasto)\smínim[oa])
    brez\s(?:minimaln|najnižj|najmanjš)\w{1,4}\s(?:\w+\s)?(?:zneska|nakupa|naročila|vrednosti)
"""
_OFTEN = r"""
    as\s(?:often|many\stimes)\sas\syou\s(?:like|want|wish)|(?:use|redeem)\sit\s(?:again\sand\sagain|several\stimes)|unlimited\suses?
    so\soft\s(?:sie|du|ihr)\s(?:wollen|möchten|willst|möchtest|wollt|mögt)|beliebig\soft|(?:mehrfach|mehrmals)\seinlösbar
    autant\sde\sfois\sque\s(?:vous|tu)\s(?:voulez|souhaitez|veux|souhaites)|utilisable\splusieurs\sfois
    (?:tutte\sle\svolte|quante\svolte)\s(?:che\s)?(?:vuoi|desideri|vuole)|tantas\sveces\scomo\s(?:quieras|quiera)|las\sveces\sque\s(?:quieras|quiera)
    kolikorkrat\s(?:želite|želiš|hočete|hočeš)
"""
_UNSURE = re.compile(
    r"(?:no|without(?:\s(?:a|any))?)\sminimum|sans\sminimum|no\smatter.*|senza\sminimo|sin\smínimo",
    re.IGNORECASE,
)
"""Words that may be about something else than the basket: a contract without a minimum."""
_CHOICE = re.compile(r"whatever|everything\syou|was\s|quoi\s|qualunque|lo\s|karkoli", re.IGNORECASE)
"""How “whatever you choose” begins, which may be meant of the goods that the e-mail names."""
_OFF = re.compile(
    r"[%٪€$£\d\x1f]|(?<!\w)(?:off|discount|sav(?:e|ings?)|rabatt|gutschein|spare\w*|percent|prozent|remise|réduction|sconto|descuento|"
    r"popust\w?)",
    re.IGNORECASE,
)
"""What shows that “on everything” is about a discount: a figure or a variable before it, or such a word."""
_NEAR = 40  # characters before it, and half as many behind
_STANDING = re.compile(
    r"\d\s?(?:€|\$|£|eur|euro|chf|kr)|[€$£]\s?\d|(?<!\w)(?:always|as\susual|immer|wie\simmer|toujours|sempre|siempre|vedno)(?!\w)",
    re.IGNORECASE,
)
"""What shows that free shipping is the shop's own rule, and not this code's: an amount from which it holds, “always”."""
_DENIED = re.compile(
    r"(?<!\w)(?:no|not|without|kein\w{0,2}|nicht|ohne|pas\s(?:de|d['’])|sans|non|senza|sin|brez|ni)\s(?:\w+\s)?$",
    re.IGNORECASE,
)


def _pattern(lines: str) -> re.Pattern[str]:
    alternatives = "|".join(line.strip() for line in lines.strip().splitlines())
    return re.compile(rf"(?<![\w-])(?:{alternatives})(?!\w)", re.IGNORECASE)


PATTERNS = {
    BargainKind.HALF: _pattern(_HALF),
    BargainKind.SEVERAL: _pattern(_SEVERAL),
    BargainKind.SHIPPING: _pattern(_SHIPPING),
    BargainKind.GIFT: _pattern(_GIFT),
    BargainKind.ALL: _pattern(_ALL),
    BargainKind.NO_MINIMUM: _pattern(_NO_MINIMUM),
    BargainKind.OFTEN: _pattern(_OFTEN),
}
ROOTS = {
    BargainKind.HALF: ("half", "½", "1/2", "halb", "hälfte", "moiti", "demi", "metà", "mitad", "pol"),
    BargainKind.SHIPPING: (
        "ship", "deliver", "postage", "p&p", "versand", "porto", "liefer", "zustell", "livraison", "expédition", "port",
        "spedizione", "consegna", "envío", "dostav", "poštnin", "pošiljanj",
    ),
    BargainKind.NO_MINIMUM: ("minim", "mínim", "matter", "mindest", "najnižj", "najmanjš"),
    BargainKind.OFTEN: (
        "times", "again", "unlimited", "oft", "mehrfach", "mehrmals", "fois", "volte", "veces", "kolikorkrat",
    ),
    BargainKind.GIFT: ("gift", "geschenk", "cadeau", "regalo", "darilo"),
    BargainKind.ALL: (
        "everything", "wide", "whole", "entire", "full", "whatever", "alles", "gesamte", "ganze", "komplette", "was", "tou",
        "quoi", "tutt", "qualunque", "tod", "que", "vse", "celoten", "vso", "karkoli",
    ),
}  # fmt: skip
"""One of these stands in whatever the pattern finds. Looking for them is faster, and most texts hold none."""


@lru_cache(maxsize=4_000)
def bargains_in(text: str) -> tuple[Bargain, ...]:
    """Return the bargains that a text names, each once."""
    return tuple(_bargains(text))


def _bargains(text: str) -> Iterator[Bargain]:
    seen: set[str] = set()
    for kind, pattern in PATTERNS.items():
        if kind in ROOTS and not may_hold(text, ROOTS[kind]):
            continue
        for match in pattern.finditer(text):
            words = " ".join(match[0].split())
            if words.lower() in seen or _DENIED.search(text[max(0, match.start() - 30) : match.start()]):
                continue
            if kind is BargainKind.SEVERAL and not _is_several(match):
                continue
            if kind is BargainKind.ALL and not _OFF.search(
                text, max(0, match.start() - _NEAR), match.end() + _NEAR // 2
            ):
                continue
            seen.add(words.lower())
            line = text[
                text.rfind("\n", 0, match.start()) + 1 : (text.find("\n", match.end()) + 1 or len(text) + 1)
                - 1
            ]
            standing = kind is BargainKind.SHIPPING and _STANDING.search(line) is not None
            loose = (
                kind is BargainKind.GIFT
                or _CHOICE.match(words) is not None
                or _UNSURE.fullmatch(words) is not None
            )
            yield Bargain(kind=kind, words=words, is_certain=not loose and not standing)


def _is_several(match: re.Match[str]) -> bool:
    """Whether the numbers of a match are of more goods for the price of fewer: `3 for 2`, but not `2 for 10`."""
    groups = [group for group in match.groups() if group]
    numbers = [number for number in map(number_of, groups) if number is not None]
    if len(numbers) < len(groups):
        return False
    if not numbers or re.search(r"[+]|buy|achet", match[0], re.IGNORECASE):
        return True  # one that is bought, and one that is free
    return numbers[0] > numbers[1]
