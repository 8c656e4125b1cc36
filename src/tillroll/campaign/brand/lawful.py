"""What the law wants to stand in each e-mail that advertises, and doesn't: where the sender can be reached by post. Pure.

In the US that is CAN-SPAM (15 U.S.C. 7704(a)(5)(A)(iii)); in the EU it follows from the e-commerce directive (2000/31/EC,
articles 5 and 6) and the laws made from it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tillroll.campaign.brand.brand import Brand

_SHOWN = "brand.postal_address"
_WHY = "the law of the US (CAN-SPAM) and of the EU wants it in e-mails that advertise"


def fault_of_brand(brand: Brand | None) -> str:
    """Return what the brand file lacks (None: there is none), as a sentence; empty if nothing."""
    if brand is None:
        return f"this file is missing: it gives your e-mails their look and your postal address; {_WHY}"
    return "" if brand.postal_address else f"give your postal address, line by line: {_WHY}"


def without_address(brand: Brand, texts: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the files of e-mails (path → text with its partials) that don't show the postal address, with the problem."""
    for path, text in texts.items() if brand.postal_address else ():
        if _SHOWN not in text and not all(line in text for line in brand.postal_address):
            form = path.split(".")[-2]
            problem = (
                f"the e-mail doesn't show your postal address; {_WHY}. "
                f"Include {{% include \"_partials/footer.{form}.j2\" %}}, or show {{{{ {_SHOWN} | join(', ') }}}}"
            )
            yield path, problem
