"""The files of a drawn campaign: what a marketer would have written."""

from __future__ import annotations

from collections.abc import Iterator

from tests.fuzz.draws import DrawnCampaign, DrawnShop
from tests.shop import sample_files

HELLO = {
    "en": "Dear reader",
    "de": "Guten Tag",
    "fr": "Bonjour",
    "it": "Buongiorno",
    "es": "Buenos días",
    "sl": "Pozdravljeni",
}
"""How an e-mail of a language begins; it tells which language it is in."""

_SENTENCES = {
    "en": ("{} off your order.", "Only on orders of {} or more.", "It is good until {}.", "And free shipping.", "free shipping"),
    "de": ("{} Rabatt für Sie.", "Ab einem Bestellwert von {}.", "Gilt bis {}.", "Und kostenloser Versand.",
           "kostenloser Versand"),
    "fr": ("{} de réduction.", "À partir de {} d’achat.", "Valable jusqu’au {}.", "Et livraison offerte.", "livraison offerte"),
    "it": ("{} di sconto.", "Per ordini a partire da {}.", "Fino al {}.", "E spedizione gratuita.", "spedizione gratuita"),
    "es": ("{} de descuento.", "En pedidos a partir de {}.", "Hasta el {}.", "Y envío gratis.", "envío gratis"),
    "sl": ("{} popusta.", "Za naročila od {} naprej.", "Velja do: {}.", "In brezplačna dostava.", "brezplačna dostava"),
}  # fmt: skip

GUARDRAILS = "largest_percent: 100\nlargest_amount: 100000\n"
EVERYBODY = "title: Everybody\nwhere: {accepts_marketing: true}\n"


def files_of(shop: DrawnShop, campaigns: dict[str, DrawnCampaign]) -> dict[str, bytes]:
    """Return the files of a marketer's folder."""
    files = {path: text for path, text in sample_files().items() if not path.startswith("campaigns/")}
    files["rules/guardrails.yaml"] = GUARDRAILS.encode()
    files["rules/segments/everybody.yaml"] = EVERYBODY.encode()
    for name, campaign in campaigns.items():
        files[f"campaigns/{name}.yaml"] = "\n".join(_lines(name, shop, campaign)).encode()
        if campaign.wording != "sample":
            for language in (shop.language, *_translations(shop, campaign)):
                suffix = "" if language == shop.language else f".{language}"
                for kind in ("html", "txt"):
                    files[f"templates/{name}/message{suffix}.{kind}.j2"] = _body(
                        campaign, language, kind
                    ).encode()
    return files


def _translations(shop: DrawnShop, campaign: DrawnCampaign) -> list[str]:
    if campaign.wording == "sample":
        return []
    return [language for language in campaign.languages if language != shop.language]


def _lines(name: str, shop: DrawnShop, campaign: DrawnCampaign) -> Iterator[str]:
    yield f"title: Drawn {name}"
    yield "owner: ana@shop.example\nstatus: active\nwhen: {manual: true}\nwho: {segment: everybody}"
    if campaign.announced:
        yield "announce: true"
    yield "offer:"
    yield from campaign.discount.lines()
    if campaign.minimum is not None:
        yield f"  minimum_subtotal: {campaign.minimum}"
    if campaign.goods:
        kind, value = ("categories", campaign.goods) if "&" in campaign.goods else ("products", "TEA-1")
        yield f"  applies_to: {{{kind}: [{value!r}]}}"
    yield f"  uses: {campaign.uses}\n  customers: {campaign.customers}\n  valid: {campaign.valid}"
    yield (
        f"codes: {{shared: SHARED-{name.upper()}}}"
        if campaign.shared
        else f"codes: {{format: short, prefix: {name.upper()}}}"
    )
    template, language = (name, shop.language) if campaign.wording != "sample" else ("winback", "en")
    yield f"message:\n  template: {template}\n  language: {language}"
    yield '  subject: "{{ offer.discount }}"'
    if translations := _translations(shop, campaign):
        subjects = ", ".join(f'{language}: "{{{{ offer.discount }}}}"' for language in translations)
        yield f"  subjects: {{{subjects}}}"
    if campaign.other is not None:
        yield "variants:\n  - name: one\n  - name: two\n    offer:"
        yield from (f"    {line}" for line in campaign.other.lines())


def _body(campaign: DrawnCampaign, language: str, kind: str) -> str:
    if campaign.wording == "phrases":
        said = "{{ offer.discount }}.\n{{ offer.conditions }}"
    else:
        off, least, until, also, alone = _SENTENCES[language]
        value = (
            "{{ code.value }}%"
            if campaign.discount.kind.startswith("percent") and campaign.discount.at_most is None
            else "{{ code.value | money }}"
        )
        parts = [alone if campaign.discount.kind == "free_shipping" else off.format(value)]
        if campaign.discount.kind.endswith("and_shipping"):
            parts.append(also)
        parts.append(
            "{% if code.minimum_subtotal %}"
            + least.format("{{ code.minimum_subtotal | money }}")
            + "{% endif %}"
        )
        parts.append(until.format("{{ code.valid_until | date }}"))
        said = "\n".join(parts)
        if campaign.discount.at_most is not None or campaign.goods or campaign.customers != "any":
            said += "\n{{ offer.conditions }}"
    text = (
        f"{HELLO[language]},\n{said}\n{{{{ code.text }}}}\n{{{{ store.url }}}}\n{{{{ unsubscribe_link }}}}\n"
    )
    if kind == "txt":
        return text
    text = text.replace("{{ unsubscribe_link }}", '<a href="{{ unsubscribe_link }}">×</a>')
    lines = "".join(f"<p>{line}</p>\n" for line in text.splitlines())
    return f'<html lang="{language}"><body>{lines}</body></html>'
