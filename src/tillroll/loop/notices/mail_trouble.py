"""The notice that no e-mail leaves. NOTICE_URL, pages, `status` and log say it at once; the e-mail follows when they leave again.

A trouble that is over at the first try is not told: most are.
"""

from __future__ import annotations

from tillroll.campaign.states import NoticeKind
from tillroll.campaign.text.counts import count_of
from tillroll.campaign.text.zones import zone_of
from tillroll.campaign.timing.moments import say_moment
from tillroll.ledger.engine import reading, writing
from tillroll.ledger.people.notices import Notice, is_kept, keep
from tillroll.loop.notices.whom import ShopPeople
from tillroll.send.hold import Hold, load_hold
from tillroll.send.trouble import Trouble
from tillroll.track.results.overview import count_on_hold


def keep_mail_notice(people: ShopPeople) -> None:
    """Note whom to tell that no e-mail leaves, once for each hold."""
    services, store = people.services, people.store
    with reading(services.engine) as connection:
        held = load_hold(connection, services.transport_of(store.ecwid_id).name)
        if held is None or not (held.probes or held.trouble is Trouble.NO_TRANSPORT):
            return
        addresses = people.addresses(connection, NoticeKind.MAIL_HELD)
        topic = f"{held.transport} {held.since.isoformat()}"
        if not addresses or is_kept(connection, store.id, NoticeKind.MAIL_HELD, topic):
            return
        waiting = count_on_hold(connection, store.id).messages
    with writing(services.engine) as connection:
        keep(connection, store.id, _notice(people, held, topic, waiting), addresses, services.clock.now())


def _notice(people: ShopPeople, held: Hold, topic: str, waiting: int) -> Notice:
    zone = people.store.timezone
    return Notice(
        kind=NoticeKind.MAIL_HELD,
        topic=topic,
        subject=f"{people.name}: e-mails were held",
        paragraphs=(
            f"Since {say_moment(held.since, zone_of(zone))} ({zone}): {held.sentence}",
            f"{count_of(waiting, 'e-mail')} of {people.name} waited when this was written.",
        ),
    )
