"""Chunks: what a stage has the store do for up to 500 things at once goes there as one batch, and every answer is written down.

The store promises little: a call may arrive though its answer is lost, a batch is not atomic, a ticket may be forgotten. It
does remember a batch's deduplication key for an hour, and it works batches off in order. So a chunk is `posting` before the store
hears of it, `posted` once the store gave a ticket, `done` when every answer is written, and `lost` when its batch can't tell any
more; a row is `posting` from the one transaction to the other. Any process may die between any two steps (`carry.py`), and the
next one finds in the ledger what to do:

- *intended*: after `carry.intend`. The chunk, its key and its rows are written, nothing was sent: it is posted.
- *posted, answer lost*: before `carry.posted`. The store has the batch and nobody has its ticket: posted again under the same
  key, it answers the first ticket. Once the key is too old, the chunk is given up.
- *posted*: after `carry.posted`. The ticket is written: it is asked after, when those before it are over.
- *asked*: before `carry.settle`. The store told its answers and they aren't written: it is asked again.
- *settled*: after `carry.settle`. The answers and where the chunk stands are one transaction: it goes on with the rest.
- *given up*: before `carry.lose`. Key or ticket is forgotten, or the batch stalls for an hour: found so again, what hasn't run of
  it is cancelled in the store, so that it never shall.
- *lost*: after `carry.lose`. What becomes of its rows is written with the chunk's end: they are looked up, or asked for again.

What goes in chunks is an errand (`errand.py`): a change to codes (`mint/changes/errand.py`), a catalogue's import or undo
(`catalog/errand.py`). Minting itself shares the rows and the questions (`row.py`, `answers.py`) and carries its chunks in its own
way: all runs of a store take turns in one queue, a forecast says when to ask and how many may be out, a handful goes one by one
past that queue, and a batch that is given up is not cancelled, since any of its codes may be alive already: each is looked up.
"""
