"""Texts that somebody means harm with, as hypothesis draws them."""

from __future__ import annotations

from hypothesis import strategies as st

MEANT_HARM = (
    "=?utf-8?q?x=0D=0AReply-To:_thief@evil.example=0D=0A=0D=0Abody?=",
    "=?utf-8?b?eA0KQmNjOiB0aGllZkBldmlsLmV4YW1wbGU=?=",
    "Ana\r\nBcc: thief@evil.example",
    "Ana\n\nAnother body",
    "\x00",
    "\ud83d",
    "\udc00",
    "\ufffe",
    "\U0010ffff",
    "\ufdd0",
    "\u2028\u2029\x85",
    "\u202egpj.exe",
    "\u2067\u2066\u202a",
    "\x1b]0;owned\x07",
    "\x1b[2J\x1b[31m",
    "\x9b31m",
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{ 7 * 7 }}",
    "{% for x in range(9) %}",
    "[red]Ana[/red]",
    "[/]",
    "[link=http://evil.example]Ana",
    '=HYPERLINK("http://evil.example")',
    "+1+cmd|' /C calc'!A0",
    "-2+3",
    "@SUM(A1)",
    "\t=1+1",
    "'; DROP TABLE codes; --",
    "%s%(name)s{0}",
    "<%= 7 %>${7}",
    "../../etc/passwd",
    "e" + "\u0301" * 200,
    "\U0001f468\u200d\U0001f469\u200d\U0001f467",
    "\u05d0\u05d1\u05d2 \u0627\u0628\u062c",
    "\u200b\u3164",
    "A" * 5001,
)

whole_unicode = st.characters(codec=None)
"""Every code point, half surrogates and noncharacters too."""

texts = st.one_of(
    st.text(whole_unicode, max_size=60),
    st.lists(st.sampled_from(MEANT_HARM) | st.text(whole_unicode, max_size=8), max_size=4).map("".join),
)
"""Texts of everything, and of what was meant harm with, put together."""
