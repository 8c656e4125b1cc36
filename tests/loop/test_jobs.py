"""The jobs of the distributed engine: a row that can't be removed is told at once, and not when asyncio collects garbage."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest
from procrastinate import App, JobContext, PsycopgConnector, exceptions
from procrastinate.worker import Worker

from tillroll.ledger.engine import open_engine
from tillroll.ledger.job_queue import conninfo
from tillroll.loop.jobs import WorkerJobs


@pytest.mark.postgres
def test_a_job_whose_row_cant_be_removed_is_told_while_the_worker_goes_on(postgresql_url: str) -> None:
    engine = open_engine(postgresql_url)
    lost: list[exceptions.ConnectorException] = []
    garbage: list[object] = []

    async def work() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: garbage.append(context))
        connector = PsycopgConnector(conninfo=conninfo(engine), min_size=1, max_size=4)
        app = App(connector=connector)
        app.job_manager = WorkerJobs(connector, lost.append)

        @app.task(name="taken", pass_context=True)
        async def _taken(context: JobContext) -> None:
            """Another worker takes this job for dead, and removes its row."""
            await connector.execute_query_async(
                "delete from procrastinate_jobs where id = %(id)s", id=context.job.id
            )

        @app.task(name="whole")
        async def _whole() -> None:
            return None

        async with app.open_async():
            await app.configure_task("taken").defer_async()
            await app.configure_task("whole").defer_async()
            await Worker(app, wait=False, listen_notify=False, install_signal_handlers=False).run()  # type: ignore[no-untyped-call]
            left = await connector.execute_query_one_async(
                "select count(*) as n from procrastinate_jobs where status <> 'succeeded'"
            )
        assert left["n"] == 0

    with ThreadPoolExecutor(
        1
    ) as pool:  # a test of this process may have left Chromium's loop running in this thread
        pool.submit(asyncio.run, work()).result()
    engine.dispose()
    assert len(lost) == 1
    assert garbage == []
