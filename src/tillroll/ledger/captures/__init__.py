"""Changes of orders, codes, redemptions and consent, recorded by triggers as events for a CRM (`ledger/crm`).

Triggers do it, as they keep the counts (`ledger/counting`): there are some forty places where a code's state changes, and none
of them can forget it. They record nothing for a store that has no row in `crm_feeds`.
"""
