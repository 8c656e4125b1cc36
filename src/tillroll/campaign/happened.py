"""What a run is about, as a sentence: `Order 1234 over €55.00`, `A cart over €80.00 was left behind`."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from tillroll.campaign.sentence import say_money
from tillroll.campaign.trigger import Event


def say_happened(event: Event | None, facts: Mapping[str, Any], currency: str) -> str:
    """What happened, in the words of its facts; `facts` are what an entry keeps of it."""

    def total(name: str) -> str:
        return say_money(Decimal(str(facts[name]["total"])), currency)

    product = str(facts.get("product", {}).get("name") or facts.get("product", {}).get("sku") or "a product")
    match event.name if event is not None else "":
        case "order_placed" if "order" in facts:
            return f"Order {facts['order']['id']} over {total('order')}"
        case "cart_abandoned" if "cart" in facts:
            return f"A cart over {total('cart')} was left behind"
        case "customer_created":
            return "They became a customer"
        case "spent_reached" if event is not None and event.spent_reached is not None:
            return f"Their orders reached {say_money(event.spent_reached.amount, currency)}"
        case "inactive":
            return f"Nothing ordered since {facts.get('since', 'long ago')}"
        case "first_order_anniversary":
            return f"Their first order was on {facts.get('day', 'this day')}"
        case "birthday":
            return "Their birthday comes round"
        case "review_left" if "review" in facts:
            return f"They gave {product} {facts['review']['rating']} of 5 stars"
        case "favourite_added":
            return f"They marked {product} as a favourite"
        case "back_in_stock":
            return f"{product} is back in stock"
        case "overstocked":
            return f"There is a lot of {product}: {facts.get('quantity', 'many')} pieces"
        case "low_stock":
            return f"Little is left of {product}: {facts.get('quantity', 'few')} pieces"
        case "custom" if event is not None and event.custom is not None:
            return f"The event {event.custom.event} came in"
    return "Something happened"
