"""What a turn does about notices: find what happened, post it to NOTICE_URL, and send it by e-mail."""

from __future__ import annotations

from tillroll.campaign.states import Stage
from tillroll.loop.notices.by_hook import post_notices
from tillroll.loop.notices.by_mail import send_notices
from tillroll.loop.notices.crm import keep_crm_notice
from tillroll.loop.notices.mail_trouble import keep_mail_notice
from tillroll.loop.notices.odd_days import keep_odd_day
from tillroll.loop.notices.privacy import keep_requests
from tillroll.loop.notices.runs import keep_run_notices
from tillroll.loop.notices.weekly import keep_weekly_reports
from tillroll.loop.notices.whom import ShopPeople
from tillroll.loop.stages.boundary import StageCalls


def tell_people(people: ShopPeople, calls: StageCalls, *, counting: frozenset[int]) -> None:
    """Tell the people of the store what happened. The store itself isn't called, so this works while it is away, too.

    `counting`: runs whose policy may approve them once their recipients are counted.
    """
    for work in (
        lambda: keep_run_notices(people, counting=counting),
        lambda: keep_mail_notice(people),
        lambda: keep_requests(people),
        lambda: keep_weekly_reports(people),
        lambda: keep_odd_day(people),
        lambda: keep_crm_notice(people),
        lambda: post_notices(people),
        lambda: send_notices(people),
    ):
        calls.call(Stage.NOTICES, work, failed=None)
