"""What a fact says to the edge: requests to send, things to make, pauses; and what it is told."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from http import HTTPStatus
from typing import Any

Setting = bool | int | float | str
"""What a switch of the sandbox is set to, if it behaves like this store."""


class Depth(IntEnum):
    """How far a probe goes."""

    READ = 0  # it reads only
    WRITE = 1  # it also makes and deletes paused coupons, a storage key and batches
    SAMPLES = 2  # it also makes and deletes hidden products, customers and orders


class Kind(StrEnum):
    """What a probe makes in a store."""

    COUPON = "coupon"
    PRODUCT = "product"
    CUSTOMER = "customer"
    ORDER = "order"
    STORAGE = "storage key"
    EXTRA_FIELD = "extra field"

    @property
    def path(self) -> str:
        """Return the endpoint that makes one."""
        return _PATHS[self]

    @property
    def depth(self) -> Depth:
        """Return how far a probe must go to make one."""
        return Depth.WRITE if self in {Kind.COUPON, Kind.STORAGE} else Depth.SAMPLES


_PATHS = {
    Kind.COUPON: "/discount_coupons",
    Kind.PRODUCT: "/products",
    Kind.CUSTOMER: "/customers",
    Kind.ORDER: "/orders",
    Kind.STORAGE: "/storage",
    Kind.EXTRA_FIELD: "/store_extrafields/customers",
}


@dataclass(frozen=True, kw_only=True)
class Ask:
    """Send a request; the reply is its answer."""

    method: str
    path: str
    query: Mapping[str, Any] | None = None
    body: Any = None
    stranger: bool = False  # with a token that no store has given
    even_refused: bool = False  # the answer is judged also if a permission is missing


@dataclass(frozen=True, kw_only=True)
class MakeSample:
    """Create something; the reply is the store's answer. The edge deletes it when the conversation is over."""

    kind: Kind
    body: Mapping[str, Any]


@dataclass(frozen=True)
class Wait:
    """Let some seconds pass."""

    seconds: float


Step = Ask | MakeSample | Wait


@dataclass(frozen=True, kw_only=True)
class Reply:
    """An answer of the store, or of the clock."""

    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None  # as JSON says it; None: it was empty, or no JSON
    empty: bool = True  # whether nothing came
    asked_at: float = 0.0  # when the request was sent, in UNIX seconds
    at: float = 0.0  # when the answer came

    @property
    def accepted(self) -> bool:
        """Whether the store did what it was asked."""
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES

    def get(self, name: str) -> Any:
        """Return a field of the answer; None if it has none."""
        return self.body.get(name) if isinstance(self.body, dict) else None

    @property
    def items(self) -> list[dict[str, Any]]:
        """Return the rows of a list."""
        rows = self.body if isinstance(self.body, list) else self.get("items")
        return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


class Unlearned(Exception):
    """The answers don't tell. The text says why, and holds nothing of the store's own data: it goes into the report."""


Conversation = Generator[Step, Reply, Setting]


@dataclass(frozen=True, kw_only=True)
class Fact:
    """Something that the documentation leaves open, and how to find it out."""

    switch: str  # of the sandbox
    question: str  # for people: the beginning of a sentence
    answers: Mapping[Setting, str]  # each setting as the end of the sentence; empty: it is measured
    depth: Depth  # what it takes
    talk: Callable[[str], Conversation]  # given a mark that is unique to this probe


def fact(
    question: str, answers: Mapping[Setting, str] | None = None, *, depth: Depth = Depth.READ
) -> Callable[[Callable[[str], Conversation]], Fact]:
    """Make a conversation a fact about the switch with its name."""

    def made(talk: Callable[[str], Conversation]) -> Fact:
        return Fact(switch=talk.__name__, question=question, answers=answers or {}, depth=depth, talk=talk)

    return made


def either(reply: Reply, *, accepted: Setting, refused: Setting) -> Setting:
    """Return the setting that a store shows which either does what it was asked or says that the request is wrong."""
    if reply.accepted:
        return accepted
    if reply.status in {HTTPStatus.BAD_REQUEST, HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY}:
        return refused
    raise surprised(reply)


def surprised(reply: Reply) -> Unlearned:
    """Return the reason for an answer that fits no setting."""
    return Unlearned(f"the store answered {reply.status}, which fits no known behaviour")


def made_id(reply: Reply) -> str:
    """Return the id of what was just made. Raises `Unlearned` if the store has made nothing."""
    identity = reply.get("id")
    if not reply.accepted or not isinstance(identity, int | str) or identity == "":
        raise surprised(reply)
    return str(identity)
