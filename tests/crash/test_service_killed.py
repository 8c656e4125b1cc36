"""Senders killed at random while a mail service takes their e-mails: only those of the requests under way may be unknown."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

from tests.crash.processes import finished, process_group
from tests.crash.shop import shop
from tests.crash.test_smtp_killed import in_states, kill_amid_sending
from tests.security.outages import Mailbox
from tests.send.transports.fake import serving
from tests.send.transports.fakes import FakeSendgrid
from tillroll.campaign.states import MessageState

CONNECTIONS = 3


class Counting(Mailbox):
    """What a service has taken, as a mail server counts it."""

    def __init__(self, fake: FakeSendgrid) -> None:
        super().__init__()
        self._fake = fake

    @property
    def taken(self) -> Counter[str]:
        return Counter(taken.key for taken in list(self._fake.taken))

    @taken.setter
    def taken(self, _value: Counter[str]) -> None:
        """Do nothing: the service counts."""


def test_a_killed_sender_leaves_only_the_requests_under_way_unknown(
    database_url: str, tmp_path: Path
) -> None:
    draw = random.Random(20261129)
    with (
        serving(FakeSendgrid(unknown="")) as fake,
        shop(tmp_path, database_url, customers=700, engine="embedded") as made,
    ):
        assert isinstance(fake, FakeSendgrid)
        mailbox = Counting(fake)
        made.begin("many")
        environment = {**made.environment, "MAIL_URL": f"{fake.address}&connections={CONNECTIONS}"}
        with process_group(["worker"], environment, tmp_path) as processes:
            killed = kill_amid_sending(made, processes, mailbox, 5, draw)
            finished(made.parts)
        states = in_states(made)
    assert killed > 2
    assert set(mailbox.taken.values()) == {1}, "an e-mail left twice"
    assert set(states) <= {MessageState.SENT, MessageState.UNKNOWN}
    assert states[MessageState.UNKNOWN] <= killed * CONNECTIONS
    assert states[MessageState.SENT] <= len(mailbox.taken) <= states.total()
