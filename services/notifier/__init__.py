"""Notifier: owns everything that leaves the system.

It reads who reported (`reports`) and what became of each case (`cases`), and writes one ledger row for each event,
recipient and channel (`consumers`, `owed`, `wording`, `ledger`). Rounds claim what is due, send it outside any
transaction, and record it afterwards (`rounds`, `callback`, `sms`, `attempt`); what became of it goes to `notices`.
The feed is the same ledger read in an order that never skips (`http_feed`). Contacts are opened at sending only.
"""
