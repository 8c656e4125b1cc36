"""Batches: up to 500 API calls sent to the store as one batch request, with every answer recorded.

One batch request is one row of the ledger, a *chunk*. The store's promises are weak: a request may arrive although its answer
is lost, a batch is not atomic, and a ticket may be forgotten. But the store remembers a batch's deduplication key for an hour
and works through batches in order. So a chunk is `posting` before the request is sent, `posted` once the store returned a
ticket, `done` when every answer is recorded, and `lost` when the batch can no longer tell its outcome.

A process may be killed between any two steps of `runner.py`. The next process finds in the ledger what to do:

- *intended*: after `runner.intend`. The chunk, its key and its rows are recorded, nothing was sent: post it.
- *posted, answer lost*: before `runner.record_ticket`. The store has the batch, nobody has its ticket: post again with the same
  key, and the store answers with the first ticket. Once the key is too old, give the chunk up.
- *posted*: after `runner.record_ticket`. The ticket is recorded: ask for the result when the batches before it are done.
- *asked*: before `runner.settle`. The store has answered and nothing is recorded: ask again.
- *settled*: after `runner.settle`. Answers and the chunk's state are one transaction: continue with the rest.
- *given up*: before `runner.lose`. Key or ticket is forgotten, or the batch has stalled for an hour. The next
  process gives it up again: the calls that have not run are cancelled in the store.
- *lost*: after `runner.lose`. What happens to its rows was recorded with the chunk's end: they are looked up, or asked again.

Two stages bring a `BatchJob` (`job.py`): a change to codes (`mint/changes/batch_job.py`) and a catalogue import or its undo
(`catalog/batch_job.py`). Minting uses only the chunk row and the questions (`chunk_row.py`, `answers.py`), because it differs
in four ways: the runs of a store share one queue; a forecast says when to ask and how many chunks may be open; a few codes are
posted one by one instead of queueing; and a chunk that is given up is not cancelled but looked up, since any of its codes may
be live.
"""
