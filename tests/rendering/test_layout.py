"""Templates become HTML with inlined styles, and a text: nothing of Jinja's tags is taken for markup, no style is lost."""

from __future__ import annotations

import pytest

from tillroll.campaign.folder.template_words import HTML, MJML
from tillroll.campaign.folder.templates import check_template
from tillroll.rendering.convert import Layout, MarkupFile, convert_all


def converted(text: str, file: str = HTML) -> Layout:
    (layout,) = convert_all([MarkupFile(file, text, needs_text=True)])
    return layout


COMPARISONS = [
    "{% if code.value < 20 %}",
    "{% if code.value > 20 %}",
    "{% if 1 < code.value and code.value < 20 %}",
    '{% if code.text != "<b>" %}',
    "{% if code.value <= 20 %}",
]


@pytest.mark.parametrize("condition", COMPARISONS)
def test_a_comparison_in_html_stays_a_comparison_in_both_parts(condition: str) -> None:
    layout = converted(f"<p>{condition}small{{% else %}}large{{% endif %}} {{{{ code.text }}}}</p>")
    assert layout.html.endswith(
        f"<p>{condition}small{{% else %}}large{{% endif %}} {{{{ code.text }}}}</p></body></html>"
    )
    assert layout.text == f"{condition}small{{% else %}}large{{% endif %}} {{{{ code.text }}}}"


@pytest.mark.parametrize("condition", COMPARISONS)
def test_a_comparison_in_mjml_stays_one_too(condition: str) -> None:
    body = f"<mj-text>{condition}small{{% endif %}} {{{{ code.text }}}}</mj-text>"
    layout = converted(
        f"<mjml><mj-body><mj-section><mj-column>{body}</mj-column></mj-section></mj-body></mjml>", MJML
    )
    assert not layout.fault
    assert f"{condition}small{{% endif %}} {{{{ code.text }}}}" in layout.html
    assert f"{condition}small{{% endif %}} {{{{ code.text }}}}" in layout.text


def test_tags_in_attributes_and_between_rows_stay_where_they_are() -> None:
    layout = converted(
        '<table>{% for good in cart.goods %}<tr><td class="{% if loop.index > 1 %}a{% endif %}">'
        "<a href=\"{{ cart.url or 'x' }}\">{{ good.name }}</a></td></tr>{% endfor %}</table>"
    )
    assert '<td class="{% if loop.index > 1 %}a{% endif %}"><a href="{{ cart.url or \'x\' }}">' in layout.html
    assert layout.html.index("{% for") < layout.html.index("<tr>") < layout.html.index("{% endfor %}")
    assert "{% for good in cart.goods %}{{ good.name }} ({{ cart.url or 'x' }})" in layout.text


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('<td {% if a %}class="a"{% endif %}>x</td>', "between the attributes of <td>"),
        ("<td {{ event.more }}>x</td>", "between the attributes of <td>"),
        ("<style>{% if a %}p {color: red}{% endif %}</style><p>x</p>", "<style> can't hold"),
    ],
)
def test_a_tag_that_would_be_moved_is_refused(text: str, fault: str) -> None:
    assert fault in converted(text).fault


@pytest.mark.parametrize(
    "rule",
    [
        "a:hover",
        "a:visited",
        "p::first-line",
        "@media (max-width:600px)",
        "@media (prefers-color-scheme: dark)",
        "@font-face",
        "@supports (display:grid)",
    ],
)
def test_rules_that_cannot_be_inlined_are_kept(rule: str) -> None:
    inner = "{p{color:blue}}" if rule.startswith(("@media", "@supports")) else "{color:blue}"
    html = f"<style>p{{color:red}} {rule}{inner}</style><p>x</p>"
    layout = converted(html)
    assert '<p style="color: red;">x</p>' in layout.html
    assert rule.replace(" ", "") in layout.html.replace(" ", "")
    assert "p { color: red" not in layout.html  # inlined, so it isn't said twice
    assert layout.text == "x"
    mjml = (
        f"<mjml><mj-head><mj-style>{rule}{inner}</mj-style></mj-head><mj-body><mj-section><mj-column><mj-text>x</mj-text>"
        "</mj-column></mj-section></mj-body></mjml>"
    )
    assert rule.replace(" ", "") in converted(mjml, MJML).html.replace(" ", "")


@pytest.mark.parametrize(
    "load",
    [
        '<link rel="stylesheet" href="https://other.example/a.css">',
        "<LINK REL=stylesheet HREF=//other.example/a.css>",
        '<link href="a.css" rel="alternate stylesheet">',
        "<style>@import url(https://other.example/a.css);</style>",
        '<link rel="stylesheet" href="file:///etc/passwd">',
        '<img src="file:///etc/passwd" alt="">',
        "<style>p {background: url(FILE:///etc/passwd)}</style>",
        '<mj-include path="./other.mjml" />',
        '<?xml-stylesheet href="a.css"?>',
        "{% include 'other.html' %}",
        "{% import 'other.html' as other %}",
        "{% extends 'file:///etc/passwd' %}",
    ],
)
def test_what_a_template_would_load_is_refused_by_check(load: str) -> None:
    found = check_template(f"templates/a/{HTML}", f"<p>Hello</p>\n{load}")
    assert {finding.line for finding in found} == {2}
