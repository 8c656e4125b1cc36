"""What the templates of e-mails may name: their files, variables, filters and tests."""

from __future__ import annotations

from collections.abc import Mapping

from tillroll.campaign.brand.words import BRAND_VARIABLES
from tillroll.campaign.language.events.event import EVENT_VARIABLES

MJML, HTML, TEXT = "message.mjml.j2", "message.html.j2", "message.txt.j2"
PARTS = (MJML, HTML, TEXT)

VARIABLES: Mapping[str, Mapping[str, str]] = {
    "customer": {
        "first_name": "may be empty: `{{ customer.first_name or 'Hello' }}`",
        "name": "may be empty",
        "email": "",
        "language": "a code like `en`; may be empty",
        "country": "two letters; may be empty",
    },
    "code": {
        "text": "the code itself",
        "valid_from": "`{{ code.valid_from | date }}`",
        "valid_until": "`{{ code.valid_until | date }}`",
        "value": "a percentage or an amount; the customer's own if values differ; of a percentage with `at_most:`, an amount",
        "qr": "the address of a picture to scan, which the e-mail carries: a QR code of the code",
        "barcode": "the same as a barcode (Code 128)",
        "minimum_subtotal": "`{{ code.minimum_subtotal | money }}`; may be missing; never with `at_most:`",
    },
    "offer": {
        "discount": "short, for subjects: `10% off and free shipping`, `€10 off`",
        "conditions": "until when, from what amount, on what, how often: in short sentences",
        "text": "the full offer as approved in the plan, in English",
        "kind": "as in the campaign file; of a percentage with `at_most:`, an amount",
        "value": "like `code.value`",
    },
    "store": {"name": "", "url": "", "email": "may be empty"},
    "campaign": {"title": ""},
    "brand": BRAND_VARIABLES,
    **EVENT_VARIABLES,
}
"""The variables of every e-mail with their fields. `rendering/facts.py` provides exactly these; `event` has any fields."""

LINK = "unsubscribe_link"
"""The link by which the reader stops these e-mails."""

CONFIRM_LINK = "confirm_link"
"""The link by which somebody confirms that they signed up (`rules/consent.yaml`)."""

PLAIN: Mapping[str, str] = {
    LINK: "the reader stops these e-mails there; every e-mail needs it in each part",
    CONFIRM_LINK: "somebody who signed up confirms it there",
    "shop_link": "the store's address, which says the campaign to your web statistics",
}
"""The variables without fields, which are shown as they are."""

OPEN = frozenset(name for name, fields in VARIABLES.items() if not fields)

OUR_FILTERS = frozenset({"money", "date", "tracked"})

_FILTERS_OF_JINJA = """
    abs batch capitalize center count d default dictsort e escape filesizeformat first float forceescape
    format groupby indent int items join last length list lower map max min reject rejectattr replace
    reverse round safe select selectattr slice sort string striptags sum title tojson trim truncate
    unique upper urlencode urlize wordcount wordwrap xmlattr
"""
FILTER_NAMES = OUR_FILTERS | frozenset(_FILTERS_OF_JINJA.split())
"""Jinja's filters and ours, without those that show Python's objects (`attr`, `pprint`) or chance (`random`)."""

_TESTS_OF_JINJA = """
    != < <= == > >= boolean callable defined divisibleby eq equalto escaped even false float ge
    greaterthan gt in integer iterable le lessthan lower lt mapping ne none number odd sameas sequence
    string true undefined upper
"""
TEST_NAMES = frozenset(_TESTS_OF_JINJA.split())
