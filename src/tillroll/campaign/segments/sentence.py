"""A segment as one English sentence, so that an approver can read what the query selects."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from tillroll.campaign.segments.conditions import (
    Bought,
    CodeHistory,
    Count,
    CustomerField,
    Emails,
    Favourite,
    Moment,
    Reviewed,
    Score,
    Scores,
    Spent,
    Sum,
)
from tillroll.campaign.segments.segment import Condition, Segment
from tillroll.campaign.text.units import spell_duration


def say_segment(segment: Segment) -> str:
    """Return `Customers who ordered at least 2 times, and last ordered more than 90 days ago.`"""
    return f"Customers who {say_condition(segment.where)}."


def say_condition(condition: Condition) -> str:
    """Return the part after “customers who”."""
    name, value = condition.only_key
    if name in _JOINS and len(value) > 1:
        sentence = f", {_JOINS[name]} ".join(_say_inside(part) for part in value)
        return f"either {sentence}" if name == "any" else sentence
    return _say_inside(condition)


def _say_inside(condition: Condition) -> str:
    """Return a part of a longer sentence, with several joined conditions in brackets."""
    name, value = condition.only_key
    if name in _JOINS:
        sentence = f" {_JOINS[name]} ".join(_say_inside(part) for part in value)
        return f"({sentence})" if len(value) > 1 else sentence
    return _SAYS[name](value)


_JOINS = {"all": "and", "any": "or"}


def _say_orders(count: Count) -> str:
    least, most, lately = count.at_least, count.at_most, _lately(count.within)
    if most == 0:
        return f"did not order{lately}" if lately else "never ordered"
    if least == most:
        return f"ordered exactly {_times(least or 0)}{lately}"
    if most is None:
        return f"ordered at least {_times(least or 0)}{lately}"
    return f"ordered {f'{least} to {most} times' if least else f'at most {_times(most)}'}{lately}"


def _say_spent(bounds: Spent) -> str:
    return f"spent {_sum(bounds)}{_lately(bounds.within) or ' in total'}"


def _say_average(bounds: Sum) -> str:
    return f"spend {_sum(bounds)} per order on average"


def _moment(what: str, never: str) -> Callable[[Moment], str]:
    """Return the sentence of a time: what happened when, or that it never did."""

    def say(moment: Moment) -> str:
        if moment.never:
            return never
        parts = []
        if moment.more_than is not None:
            parts.append(f"more than {spell_duration(moment.more_than)} ago")
        if moment.less_than is not None:
            parts.append(f"less than {spell_duration(moment.less_than)} ago")
        return f"{what} {' and '.join(parts)}"

    return say


def _say_bought(bought: Bought) -> str:
    goods = [*bought.products, *(f"anything in {category}" for category in bought.categories)]
    pieces = f"at least {bought.at_least} pieces of " if (bought.at_least or 1) > 1 else ""
    return f"bought {pieces}{_or(goods)}{_lately(bought.within)}"


def _say_scores(scores: Scores) -> str:
    figures = {"recency": scores.recency, "frequency": scores.frequency, "money": scores.monetary}
    scored = [(name, score) for name, score in figures.items() if score is not None]
    tops = [
        f"are among the top {int(score.top * 100)}% by {name}"
        for name, score in scored
        if score.top is not None
    ]
    parts = [f"{_score(score)} of 5 for {name}" for name, score in scored if score.top is None]
    return " and ".join([*tops, *([f"score {_joined(parts, 'and')}"] if parts else [])])


def _score(score: Score) -> str:
    least, most = score.at_least or 1, score.at_most or 5
    if least == most:
        return str(least)
    if most == 5:
        return f"at least {least}"
    return f"at most {most}" if least == 1 else f"{least} to {most}"


def _say_consent(agreed: bool) -> str:
    return "agreed to e-mails" if agreed else "did not agree to e-mails"


def _among(words: str) -> Callable[[Any], str]:
    def say(names: Any) -> str:
        return f"{words} {_or(names.in_)}"

    return say


def _say_field(field: CustomerField) -> str:
    if field.filled:
        return f"have something in the field {field.title}"
    if field.includes:
        return f"have {_or(field.includes)} among the words of the field {field.title}"
    return f"have {_or(field.in_ or ())} in the field {field.title}"


def _say_favourite(favourite: Favourite) -> str:
    what = f"{_or(favourite.products)} as a favourite" if favourite.products else "a favourite"
    return f"marked {what}{_lately(favourite.within)}"


def _say_reviewed(review: Reviewed) -> str:
    least, most = review.rating_at_least, review.rating_at_most
    if least is None and most is None:
        stars = ""
    elif least == most:
        stars = f" of {_stars(least)}"
    elif most is None:
        stars = f" of at least {_stars(least)}"
    else:
        stars = f" of {least} to {most} stars" if least else f" of at most {_stars(most)}"
    return f"left a review{stars}{_lately(review.within)}"


def _say_emails(emails: Emails) -> str:
    count = f"at least {emails.at_least} e-mails" if (emails.at_least or 1) > 1 else "an e-mail"
    return f"got {count}{_of(emails.campaigns) or ' from us'}{_lately(emails.within)}"


def _say_got(codes: CodeHistory) -> str:
    return f"got a code{_of(codes.campaigns) or ' from us'}{_lately(codes.within)}"


def _say_used(codes: CodeHistory) -> str:
    return f"used a code{_of(codes.campaigns) or ' from us'}{_lately(codes.within)}"


def _say_ignored(codes: CodeHistory) -> str:
    return f"{_say_got(codes)} and let it expire unused"


_SAYS: Mapping[str, Callable[[Any], str]] = {
    "not_": lambda inner: f"are not among those who {_say_inside(inner)}",
    "orders": _say_orders,
    "spent": _say_spent,
    "average_order": _say_average,
    "first_order": _moment("first ordered", never="never ordered"),
    "last_order": _moment("last ordered", never="never ordered"),
    "registered": _moment("registered", never="never registered"),
    "bought": _say_bought,
    "rfm": _say_scores,
    "accepts_marketing": _say_consent,
    "country": _among("live in"),
    "region": _among("live in the region"),
    "city": _among("live in the city"),
    "language": _among("read"),
    "group": _among("are in the group"),
    "tier": _among("have the tier"),
    "field": _say_field,
    "favourite": _say_favourite,
    "reviewed": _say_reviewed,
    "got_email": _say_emails,
    "got_code": _say_got,
    "used_code": _say_used,
    "ignored_code": _say_ignored,
    "list": _among("are on the list"),
}


def _lately(within: timedelta | None) -> str:
    return f" within the last {spell_duration(within)}" if within is not None else ""


def _of(campaigns: Sequence[str]) -> str:
    return f" of {_or(campaigns)}" if campaigns else ""


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _stars(count: int | None) -> str:
    return "1 star" if count == 1 else f"{count} stars"


def _sum(bounds: Sum) -> str:
    parts = [
        f"{words} {bound:f}"
        for words, bound in (("at least", bounds.at_least), ("at most", bounds.at_most))
        if bound is not None
    ]
    return " and ".join(parts)


def _or(names: Sequence[str]) -> str:
    return _joined(names, "or")


def _joined(parts: Sequence[str], word: str) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} {word} {parts[-1]}"
