"""Senders killed at random while a real mail server takes their e-mails: one a kill may be unknown, and nobody gets two."""

from __future__ import annotations

import random
import time
from collections import Counter
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.crash.processes import PATIENCE, ProcessGroup, finished, process_group
from tests.crash.shop import Shop, shop
from tests.security.outages import Mailbox, mail_server
from tillroll.campaign.states import MessageState
from tillroll.ledger.tables import messages


def in_states(made: Shop) -> Counter[MessageState]:
    with made.parts.engine.connect() as connection:
        return Counter(MessageState(state) for state in connection.scalars(sa.select(messages.c.state)))


def kill_amid_sending(
    made: Shop, processes: ProcessGroup, mailbox: Mailbox, kills: int, draw: random.Random
) -> int:
    """Kill one process after another, each after the server took some more e-mails. Returns how many were killed."""
    for killed in range(kills):
        taken, deadline = mailbox.taken.total(), time.monotonic() + PATIENCE
        more = taken + draw.randrange(1, 40)
        while mailbox.taken.total() < more:
            assert time.monotonic() < deadline, f"nothing happens: {in_states(made)}"
            if in_states(made)[MessageState.READY] == 0 and taken:
                return killed
            time.sleep(draw.uniform(0.0, 0.02))
        processes.kill(draw.randrange(len(processes)))
    return kills


def survives(
    tmp_path: Path,
    url: str,
    *,
    engine: str,
    workers: int,
    customers: int,
    kills: int,
    connections: int = 1,
) -> None:
    draw, mailbox = random.Random(20261129), Mailbox()
    with (
        mail_server(mailbox) as address,
        shop(tmp_path, url, customers=customers, engine=engine) as made,
    ):
        made.begin("many")
        environment = {**made.environment, "MAIL_URL": f"{address}/?connections={connections}"}
        with process_group(["worker"] * workers, environment, tmp_path) as processes:
            killed = kill_amid_sending(made, processes, mailbox, kills, draw)
            finished(made.parts)
        states = in_states(made)
        assert killed > 2
        assert set(mailbox.taken.values()) == {1}, "an e-mail left twice"
        assert set(states) <= {MessageState.SENT, MessageState.UNKNOWN}
        most_senders = 1 if engine == "embedded" else made.parts.settings.senders + 1
        assert states[MessageState.UNKNOWN] <= killed * most_senders * connections, (
            "more than the one that was about to leave"
        )
        assert states[MessageState.SENT] <= len(mailbox.taken) <= states.total()


def test_a_killed_sender_leaves_at_most_one_unknown(database_url: str, tmp_path: Path) -> None:
    survives(tmp_path, database_url, engine="embedded", workers=1, customers=900, kills=6)


def test_a_killed_sender_leaves_at_most_one_unknown_a_connection(database_url: str, tmp_path: Path) -> None:
    survives(tmp_path, database_url, engine="embedded", workers=1, customers=1_200, kills=4, connections=4)


@pytest.mark.slow
@pytest.mark.postgres
def test_killed_senders_of_the_distributed_engine_leave_at_most_one_unknown_each(
    postgresql_url: str, tmp_path: Path
) -> None:
    survives(tmp_path, postgresql_url, engine="distributed", workers=2, customers=3_000, kills=12)
