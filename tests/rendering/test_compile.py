from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from urllib.parse import unquote

import pytest

from tests.shop import NOW, campaign_text, sample_book, sample_files
from tillroll.campaign import parse_book
from tillroll.campaign.folder.template_words import CONFIRM_LINK, PLAIN, VARIABLES
from tillroll.campaign.language.models import Offer
from tillroll.errors import Refused
from tillroll.rendering.compile import Rendered, compile_message
from tillroll.rendering.facts import CodeFacts, RecipientFacts, StoreFacts, cart_link, facts_for, filters_for
from tillroll.rendering.preview import with_amounts

SHOP = StoreFacts(
    name="Sample <Shop>",
    url="https://shop.example",
    email="hello@shop.example",
    currency="EUR",
    timezone="Europe/Ljubljana",
    language="en",
)
READER = RecipientFacts(email="a@example.com", name="", first_name="", language="", country="")
NAMES = ["Živa", "محمد", "<script>alert(1)</script>", "さくら 🍵", "", 'O\'Brien & "Co"']


def render(name: str, first_name: str, files: dict[str, bytes] | None = None) -> Rendered:
    revision = parse_book(files or sample_files()).revisions[name]
    offer = revision.offer()
    facts = facts_for(
        shop=SHOP,
        title=revision.campaign.title,
        reader=RecipientFacts(
            email="a@example.com", name=first_name, first_name=first_name, language="sl", country="SI"
        ),
        code=CodeFacts(
            text="BACK7K2Q9M",
            valid_from=NOW,
            valid_until=NOW + timedelta(days=14),
            offer=offer,
            value=offer.fixed_value,
            offer_text="15% off",
        ),
    )
    return compile_message(revision, revision.message(), filters_for(SHOP)).render(facts)


@pytest.mark.parametrize("first_name", NAMES)
@pytest.mark.parametrize("name", sorted(sample_book().revisions))
def test_every_sample_e_mail_shows_the_code_to_every_recipient(name: str, first_name: str) -> None:
    rendered = render(name, first_name)
    for part in (rendered.html, rendered.text):
        assert "BACK7K2Q9M" in part
        assert "{{" not in part
        assert "December 7, 2026" in part or "December 7, 2026" in part.replace("\xa0", " ")
    assert "\n" not in rendered.subject
    assert rendered.subject.strip()


def test_a_cart_is_linked_with_what_is_in_it() -> None:
    goods = [{"id": 7, "quantity": 2, "options": {"Größe": "L"}}, {"id": None, "quantity": 1}]
    link = cart_link("https://shop.example/", goods)
    address, _, wanted = link.partition("#!/~/cart/create=")
    assert address == "https://shop.example"
    assert json.loads(unquote(wanted)) == {"products": [{"id": 7, "quantity": 2, "options": {"Größe": "L"}}]}
    assert cart_link("https://shop.example/", []) == "https://shop.example/"


def test_facts_of_an_older_entry_have_what_a_template_may_show() -> None:
    cart = with_amounts({"cart": {"id": "C", "total": "30"}, "product": {"name": "Pot", "price": "5"}})
    assert cart is not None
    facts = facts_for(shop=SHOP, title="", reader=READER, code=None, event=cart)
    assert (facts["cart"]["goods"], facts["cart"]["url"]) == ([], SHOP.url)
    assert (facts["product"]["url"], facts["product"]["picture"]) == (SHOP.url, "")


def test_a_name_is_escaped_in_html_and_not_in_the_subject() -> None:
    rendered = render("winback", "<script>alert(1)</script>")
    assert "<script>" not in rendered.html
    assert "&lt;script&gt;" in rendered.html
    assert rendered.subject.startswith("<script>")


def html_template(body: str) -> dict[str, bytes]:
    files = {path: text for path, text in sample_files().items() if not path.startswith("templates/winback/")}
    style = "<style>.big { font-size: 30px }</style>"
    page = f"<html><head>{style}</head><body>{body}{{{{ unsubscribe_link }}}}</body></html>"
    files["templates/winback/message.html.j2"] = page.encode()
    return files


def test_plain_html_gets_its_styles_inlined_and_a_text_part() -> None:
    body = (
        '<table><tbody>{% for n in [1, 2] %}<tr><td class="big">{{ n }}: {{ code.text }}</td></tr>{% endfor %}</tbody></table>'
        '<p><a href="{{ store.url }}">Come back</a></p>'
    )
    rendered = render("winback", "Ana", html_template(body))
    assert rendered.html.count("font-size: 30px") >= 2
    assert "1: BACK7K2Q9M" in rendered.text
    assert "2: BACK7K2Q9M" in rendered.text
    assert "Come back (https://shop.example)" in rendered.text


def test_a_jinja_comment_may_be_anywhere_in_mjml() -> None:
    files = sample_files()
    mjml = files["templates/winback/message.mjml.j2"]
    files["templates/winback/message.mjml.j2"] = b"{# by Ana #}\n" + mjml + b"{# the end #}\n"
    assert "BACK7K2Q9M" in render("winback", "Ana", files).html
    assert "by Ana" not in render("winback", "Ana", files).html


def test_an_undefined_variable_is_an_error() -> None:
    files = sample_files()
    files["campaigns/winback.yaml"] = (
        campaign_text("winback").replace("first_name or", "birthday or").encode()
    )
    assert [finding.suggestion or finding.problem for finding in parse_book(files).findings]
    with pytest.raises(Refused, match="no attribute"):  # what only the sending can tell
        render("winback", "Ana", html_template("<p>{{ customer['birth' ~ 'day'] }}</p>"))


def test_a_template_cannot_reach_into_python() -> None:
    with pytest.raises(Refused):
        render("winback", "Ana", html_template("<p>{{ ''['__class__']['__mro__'] }}</p>"))


def test_an_e_mail_provides_exactly_the_documented_variables() -> None:
    """The table of the reference lists the same names."""
    offer = Offer.model_validate({"kind": "percent_and_shipping", "value": 12.5, "valid": {"for": "1d"}})
    reader = RecipientFacts(email="a@b.example", name="Ana", first_name="Ana", language="en", country="SI")
    code = CodeFacts(
        text="X",
        valid_from=NOW,
        valid_until=NOW,
        offer=offer,
        value=offer.fixed_value,
        offer_text="a sentence",
    )
    facts = facts_for(shop=SHOP, title="T", reader=reader, code=code)
    assert facts.keys() & PLAIN.keys() == PLAIN.keys() - {
        CONFIRM_LINK
    }  # of the e-mail of double opt-in alone
    for owner, words in facts.items():
        if owner in PLAIN:
            continue
        assert words.keys() == VARIABLES[owner].keys()
    assert facts["offer"]["discount"] == "12.5% off and free shipping"


@pytest.mark.parametrize(
    ("kind", "value", "language", "said"),
    [
        ("percent", 10, "en", "10% off"),
        ("percent", 10, "sl", "10 % popusta"),
        ("amount", 10, "en", "€10 off"),
        ("amount", "10.50", "en", "€10.50 off"),
        ("free_shipping", None, "en", "free shipping"),
        ("amount_and_shipping", 5, "de", "5 € Rabatt und kostenloser Versand"),
    ],
)
def test_a_discount_is_short_enough_for_a_subject(kind: str, value: object, language: str, said: str) -> None:
    said_offer = {"kind": kind, "valid": {"for": "1d"}} | ({} if value is None else {"value": value})
    offer = Offer.model_validate(said_offer)
    code = CodeFacts(
        text="X", valid_from=NOW, valid_until=NOW, offer=offer, value=offer.fixed_value, offer_text=""
    )
    reader = RecipientFacts(email="a@b.example", name="", first_name="", language="", country="")
    shop = replace(SHOP, language=language)
    found = facts_for(shop=shop, title="T", reader=reader, code=code)["offer"]["discount"]
    assert found.replace("\xa0", " ") == said
