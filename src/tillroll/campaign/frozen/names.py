"""Names of customers as an e-mail may use them: some people type links or markup into a form's field of the name. Pure."""

from __future__ import annotations

import re
import unicodedata

_LONGEST = 60  # characters; a longer name is no name
_NOT_A_NAME = re.compile(
    r"""
      ://                        # a link
    | \bwww\.
    | [^\s@]@[^\s@]              # an e-mail address
    | \b[\w-]{2,}\.[a-z]{2,}/    # an address without its scheme
    | \b[\w-]{2,}\.(com|net|org|info|biz|io|co|ru|cn|xyz|top|click|link|site|online|shop|store|app|dev|me)\b
    | [<>{}\[\]|\\^~=$€£%]       # markup, templates, prices
    """,
    re.IGNORECASE | re.VERBOSE,
)
_PLAIN = re.compile(r"[\w'’-]+(?: [\w'’-]+)*")
"""Nearly every name: nothing of what makes it none can be in it."""
_SMALL = re.compile("[a-zß-öø-ÿ]")
_WORD = re.compile(r"[^\W\d_]+")
_SHOUTED = 3  # letters; fewer may be initials


def usable_name(name: str) -> str:
    """Return a name as a greeting may show it; empty if it is none.

    What holds a link, markup or no letter is no name. A name in capitals only gets small ones: `ANA-MARIA` becomes `Ana-Maria`.
    """
    if len(name) <= _LONGEST and _PLAIN.fullmatch(name) and _SMALL.search(name):
        return name  # there may be a million
    name = " ".join(name.split())
    if len(name) > _LONGEST or _NOT_A_NAME.search(name) or not any(map(str.isalpha, name)):
        return ""
    return _without_shouting(name)


def _without_shouting(name: str) -> str:
    letters = [char for char in name if char.isalpha()]
    cased = [char for char in letters if unicodedata.category(char) in {"Lu", "Ll", "Lt"}]
    if len(cased) < _SHOUTED or any(char.islower() for char in cased):
        return name
    return _WORD.sub(lambda word: word[0][0] + word[0][1:].lower(), name)
