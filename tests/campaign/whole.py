"""Valid campaign files that together use every key of the language."""

from __future__ import annotations

CAMPAIGNS = {
    "scheduled": """
title: Every key of a scheduled campaign
owner: ana@shop.example
status: active
when: {cron: "0 10 * * MON", timezone: Europe/Ljubljana, if_late: catch_up, within: 3h}
who: {segment: whole, exclude: [other], limit: 100, holdout: 5%}
offer:
  kind: amount
  value: {table: {by: spent, rows: [{from: 0, value: 5}, {from: 500, value: 9.5}]}, at_least: 1, at_most: 9, step: 0.5}
  minimum_subtotal: EUR 30
  applies_to: {products: [TEA-1], categories: [Tea/Green]}
  uses: single
  customers: repeat
  valid: {from: 2026-12-01 00:00, until: 2026-12-31 23:59}
stops: {stock_below: 5}
announce: true
codes: {format: whole, prefix: TEA, ahead: 2h, delete_after: 90d}
message:
  template: both
  subject: "{{ code.text }}"
  language: en
  subjects: {de: Hallo}
  send:
    via: smtp
    quiet_hours: "21:00-08:00"
    quiet_days: [2026-12-24]
    rate: 50/s
    if_unknown: resend
  reminder: {before_expiry: 3d, template: both, subject: Soon, subjects: {de: Bald}}
approval: {by: 2, expires: 24h, auto_when: {codes: 10, worst_case: 100, emails: 10}}
budget: {worst_case: 1000, discount: 500}
variants:
  - name: one
    weight: 2
    offer:
      kind: amount
      value: 5
      minimum_subtotal: 20
      applies_to: {products: [TEA-2]}
      uses: once_per_customer
      customers: any
      valid: {for: 3d}
    message: {template: both, subject: Other, subjects: {de: Anders}}
  - {name: two}
environments:
  sandbox: {who: {limit: 5}}
""",
    "flow": """
title: A flow
owner: ana@shop.example
when: {on: {cart_abandoned: {total_at_least: 20}}, again: {after: 30d, most: 3}}
unless: [ordered]
steps:
  - wait: 2h
    message: {template: note, subject: One}
  - wait: 2d
    unless: [code_used]
    unless_in: [other]
    offer: {kind: percent, value: {formula: "min(10, orders)", at_most: 10%}, valid: {for: 7d}}
    codes: {prefix: CART}
    message: {template: plain, subject: Two}
  - same_code: true
    message: {template: plain, subject: Three}
""",
    "pooled": """
title: A pool
owner: ana@shop.example
extends: shared
when: {at: ~, manual: true}
offer: {kind: free_shipping, value: ~, uses: single}
codes: {shared: ~, format: whole, pool: {size: 100, low_water: 10}}
""",
    "shared": """
title: One code for all
owner: ana@shop.example
when: {at: 2026-11-27 09:00}
who: {segment: whole}
offer: {kind: percent, value: 10, uses: once_per_customer, valid: {for: 3d}}
codes: {shared: SUMMER26}
message: {template: plain, subject: Now}
""",
    "capped": """
title: A percentage of at most an amount
owner: ana@shop.example
when: {at: 2026-11-27 09:00}
who: {segment: whole}
offer: {kind: percent, value: 15, at_most: EUR 30, usual_basket: 60, valid: {for: 3d}}
message: {template: plain, subject: "{{ offer.text }}"}
variants:
  - {name: a, offer: {at_most: 20, usual_basket: 40}}
  - {name: b}
""",
    "told": """
title: Another program sends the codes
owner: ana@shop.example
when: {at: 2026-11-27 09:00}
who: {segment: whole}
offer: {kind: percent, value: 15, valid: {for: 3d}}
codes: {format: whole, sent_by: crm}
""",
    "every": """
title: Every two weeks
owner: ana@shop.example
when: {every: 2w}
who: {segment: whole}
message: {template: note, subject: Hello}
""",
}
"""By name; `{event: words}` of `EVENTS` are made of `event_campaign`."""

EVENTS = {
    "customer_created": "{customer_created: {}}",
    "order_placed": "{order_placed: {number: 1, total_at_least: 50, products: [TEA-01], categories: [Tea/Green]}}",
    "spent_reached": "{spent_reached: {amount: 500}}",
    "inactive": "{inactive: {for: 90d}}",
    "time_to_buy_again": "{time_to_buy_again: {product: TEA-01, orders_at_least: 4}}",
    "group_entered": "{group_entered: {group: Wholesale}}",
    "segment_entered": "{segment_entered: {segment: whole}}",
    "tier_entered": "{tier_entered: {tier: gold, from: anywhere}}",
    "segment_left": "{segment_left: {segment: whole}}",
    "first_order_anniversary": "{first_order_anniversary: {before: 7d}}",
    "birthday": "{birthday: {field: Birthday, before: 7d, written: day_first}}",
    "review_left": "{review_left: {rating_at_least: 4}}",
    "favourite_added": "{favourite_added: {}}",
    "favourite_price_drop": "{favourite_price_drop: {by_at_least: 10%}}",
    "favourite_back_in_stock": "{favourite_back_in_stock: {}}",
    "back_in_stock": "{back_in_stock: {categories: [Tea/Green]}}",
    "overstocked": "{overstocked: {over: 100, categories: [Tea, Cups]}}",
    "low_stock": "{low_stock: {below: 5, categories: [Tea]}}",
    "custom": "{custom: {event: quiz-finished}}",
}
"""Each event with all its conditions, as written under `on:`."""

RULES = {
    "rules/segments/whole.yaml": """
title: Everybody
where:
  any:
    - all: [{orders: {at_least: 0, at_most: 9, within: 90d}}, {spent: {at_least: 0, at_most: 9, within: 90d}}]
    - not: {average_order: {at_least: 5, at_most: 900}}
    - first_order: {more_than: 90d ago}
    - last_order: {more_than: 90d ago, less_than: 180d ago}
    - registered: {never: true}
    - accepts_marketing: true
    - country: {in: [SI]}
    - region: {in: [CA]}
    - city: {in: [Ljubljana]}
    - language: {in: [sl]}
    - group: {in: [Staff]}
    - tier: {in: [silver, gold]}
    - bought: {products: [TEA-1], categories: [Tea/Green], at_least: 2, within: 90d}
    - rfm: {recency: {at_least: 4, at_most: 5}, frequency: {at_least: 2}, monetary: {at_most: 3}}
    - rfm: {monetary: {top: 5%}}
    - field: {title: Club, in: [Gold]}
    - field: {title: Tags, includes: [vip]}
    - field: {title: Birthday, filled: true}
    - favourite: {products: [TEA-1], within: 30d}
    - reviewed: {rating_at_least: 1, rating_at_most: 3, within: 30d}
    - got_email: {campaigns: [scheduled], at_least: 3, within: 7d}
    - got_code: {campaigns: [scheduled], within: 30d}
    - used_code: {campaigns: [flow], within: 30d}
    - ignored_code: {campaigns: [pooled], within: 90d}
    - list: {in: [press]}
""",
    "rules/segments/other.yaml": """
title: Nobody
where: {orders: {at_least: 1000000}}
""",
    "rules/codes/short.yaml": """
title: Short
""",
    "rules/codes/whole.yaml": """
title: Long
alphabet: 0123456789ABCDEFGHJKMNPQRSTVWXYZ
length: 12
group: 4
check_symbol: true
unwanted: [ACME]
""",
    "rules/codes/patterned.yaml": """
title: In a pattern
pattern: SUMMER-#####-#####-VIP
""",
    "rules/guardrails.yaml": """
pause_leaks_from: 20%
largest_percent: 30
largest_amount: 25
codes_per_run: 50000
worst_case_per_run: 400000
worst_case_per_month: EUR 500000
worst_case_of_live_runs: 800000
largest_basket: 150
largest_shipping: 8
lowest_basket: 10
codes_per_day: 60000
least_bits: 45
guess_chance: 0.5%
least_margin: 5
out_of_stock: refuse
messages_per_person_per_week: 3
ramp_up: {start: 500, grows: 50%, until: 20000}
per_domain: {gmail.com: 60/m, default: 300/m}
clean_names: false
emails: {gaps: warn, greeting: refuse, figures: warn, dates: warn, links: warn, style: refuse}
holds_code_already: refuse
unknown_names: refuse
repeats: refuse
same_person: mailbox
approvers:
  - {worst_case: EUR 5000, by: 2}
  - {codes: 20000, by: 3}
warn_from: 80
""",
    "rules/brand.yaml": """
name: The whole shop
postal_address: [The whole shop, Teal Street 12, 1000 Ljubljana]
reason: {en: You bought from us and agreed to our e-mails., de: Sie haben zugestimmt.}
unsubscribe: {hr: Odjava}
logo: {address: "https://shop.example/logo.png", alt: The whole shop, width: 200}
colours: {ink: "#222222", paper: "#fffdf8", page: "#eeeeee", accent: "#7a3e48", button_text: "#ffffff"}
links:
  - {words: Privacy, address: "https://shop.example/privacy"}
font: sans
reply_to: hello@shop.example
count_clicks: true
""",
    "rules/privacy.yaml": """
recipients: 730d
""",
    "rules/notices.yaml": """
approval: [approvers, owner]
expiring: [approvers]
expiring_within: 6h
done: [owner, ana@shop.example]
held: [approvers]
mail_held: [approvers, store]
outage: [approvers, store]
complaints: [approvers]
privacy: [approvers, store]
budget: [approvers, owner]
odd_day: [approvers]
leaks: [approvers]
crm: [approvers]
""",
    "rules/crm.yaml": """
mailchimp: {audience: a1b2c3d4e5, code: TILLCODE, until: TILLUNTIL, campaign: TILLCAMP}
what: [codes]
batch: 500
history: false
keep: 14d
""",
    "rules/holdout.yaml": """
share: 5%
since: 2026-12-01
renewed: 180d
orders_within: 60d
exempt: [scheduled]
""",
    "rules/tiers.yaml": """
by: points
points_per_unit: 2
within: 365d
tiers:
  - {name: silver, from: 200}
  - {name: gold, from: 500, group: Gold members}
""",
    "rules/reports.yaml": """
weekly:
  - to: [approvers, store, ana@shop.example]
    weekday: tuesday
    hour: 9
    campaigns: [scheduled]
""",
    "rules/consent.yaml": """
sign_up: true
double_opt_in: true
texts: {en: "Yes, {shop} may send me news by e-mail.", hr: "Da, {shop} mi može slati novosti."}
sites: ["https://blog.shop.example"]
confirmation:
  template: confirm
  subject: Please confirm
  language: en
  subjects: {de: Bitte bestätigen}
  valid: 2d
""",
    "rules/calendar.yaml": """
quiet_days: [2026-12-25, 12-24..12-26]
holidays: [SI, DE-BY]
blackout: [2026-11-27..2026-11-28]
""",
}

LISTS = {"rules/lists/press.csv": "email\nana@shop.example\n"}

TEMPLATES = {
    "templates/plain/message.html.j2": "<p>{{ code.text }}</p>{{ brand.postal_address }} {{ unsubscribe_link }}",
    "templates/both/message.html.j2": "<p>{{ code.text }}</p>{{ brand.postal_address }} {{ unsubscribe_link }}",
    "templates/both/message.de.html.j2": "<p>{{ code.text }}</p>{{ brand.postal_address }} {{ unsubscribe_link }}",
    "templates/confirm/message.html.j2": "<a href='{{ confirm_link }}'>Yes</a>",
    "templates/confirm/message.de.html.j2": "<a href='{{ confirm_link }}'>Ja</a>",
    "templates/note/message.html.j2": "<p>{{ customer.first_name or 'friend' }}</p>"
    "{{ brand.postal_address }} {{ unsubscribe_link }}",
}


def event_campaign(on: str) -> str:
    """Return a campaign that waits for one event."""
    return f"""
title: When it happens
owner: ana@shop.example
when: {{on: {on}, after: 2h}}
who: {{segment: whole}}
message: {{template: note, subject: Hello}}
"""


def whole_folder() -> dict[str, str]:
    """Return every file by its path."""
    files = {f"campaigns/{name}.yaml": text.lstrip() for name, text in CAMPAIGNS.items()}
    files |= {
        f"campaigns/on-{name.replace('_', '-')}.yaml": event_campaign(on).lstrip()
        for name, on in EVENTS.items()
    }
    files |= {path: text.lstrip() for path, text in RULES.items()}
    return {**files, **LISTS, **TEMPLATES}
