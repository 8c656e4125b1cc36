"""The store's web addresses (dossier section 10.9): its own site's, and domains that were bought."""

from __future__ import annotations

from typing import Any

from tillroll.sandbox.endpoints import profile
from tillroll.sandbox.formats import fields
from tillroll.sandbox.formats.wire import ApiError, Query, out
from tillroll.sandbox.state import documents
from tillroll.sandbox.state.store import SandboxStore

_KIND = "domains"
_ENDINGS = {"com": 14.99, "net": 16.99, "shop": 29.99}
_YEAR = 365 * 86_400
_OWNER: dict[str, fields.Kind] = dict.fromkeys(
    (
        "firstName", "lastName", "email", "street", "city", "countryCode", "postalCode", "stateOrProvinceCode",
        "phone", "companyName",
    ),
    fields.text(255),
)  # fmt: skip


def listed(store: SandboxStore) -> dict[str, Any]:
    """`GET /domains`."""
    site = profile.profile(store, {})["generalInfo"]["starterSite"]
    custom = site.get("customDomain")
    return {
        "instantSiteDomain": {
            "primaryInstantSiteDomain": custom or site["ecwidSubdomain"],
            "primaryInstantSiteDomainStatus": "connected",
            "ecwidSubdomain": site["ecwidSubdomain"],
            "instantSiteIpAddress": "203.0.113.7",
            "instantSiteUrl": site["generatedUrl"],
            **({"thirdPartyVendorDomain": custom} if custom else {}),
        },
        "purchasedDomains": documents.every(store.state, _KIND),
    }


def update(store: SandboxStore, body: Any) -> dict[str, Any]:
    """`PUT /domains`: the subdomain, the domain of another vendor, and what bought ones are used for."""
    kinds = {"instantSiteDomain": fields.an_object, "purchasedDomains": fields.objects}
    sent = fields.read(body, kinds)
    text = fields.text(255)
    site = fields.read(
        sent.get("instantSiteDomain", {}), {"ecwidSubdomain": text, "thirdPartyVendorDomain": text}
    )
    if site:
        named = {"ecwidSubdomain": "ecwidSubdomain", "thirdPartyVendorDomain": "customDomain"}
        profile.update(
            store, {"generalInfo": {"starterSite": {named[name]: value for name, value in site.items()}}}
        )
    flags = dict.fromkeys(("connectedToInstantSite", "primaryDomain", "autorenew"), fields.boolean)
    for domain in sent.get("purchasedDomains", ()):
        key = str(domain.get("id", ""))
        kept = documents.get(store.state, _KIND, key, f"Domain #{key} not found")
        documents.keep(store.state, _KIND, key, {**kept, **fields.read(domain, flags)})
    return {"updateCount": 1}


def search(store: SandboxStore, query: Query) -> dict[str, Any]:
    """`GET /domains/search?keyword=tea`: a few endings, each available or taken."""
    keyword = query.get("keyword", "").strip().lower()
    if not keyword:
        raise ApiError(400, "Parameter 'keyword' is absent", "WRONG_PARAMETER")
    bought = {domain["name"] for domain in documents.every(store.state, _KIND)}
    found = [
        {
            "name": f"{keyword}.{ending}",
            "status": "taken" if f"{keyword}.{ending}" in bought else "available",
            "price": price,
            "currency": "USD",
            "priceFormatted": f"${price:.2f}",
        }
        for ending, price in _ENDINGS.items()
    ]
    return {"keyword": keyword, "domains": found}


def purchase(store: SandboxStore, body: Any) -> dict[str, Any]:
    """`POST /domains/purchase`. Nothing is bought: the sandbox writes it down. Refusing a taken name is our guess."""
    sent = fields.read(body, {"domainName": fields.text(253), **_OWNER})
    name = sent.pop("domainName", "").lower()
    if not name:
        raise fields.absent("domainName")
    if any(domain["name"] == name for domain in documents.every(store.state, _KIND)):
        raise ApiError(409, f"Domain {name} is taken", "CONSTRAINT_VIOLATION")
    identity, now = store.state.next_number(_KIND, after=5_000), store.now()
    price = _ENDINGS.get(name.rpartition(".")[2], 19.99)
    made = {
        "id": identity, "name": name, "status": "active", "connectedToInstantSite": False, "primaryDomain": False,
        "redirectToPrimaryDomain": False, "purchaseDate": out(now), "expirationDate": out(now + _YEAR),
        "renewalDate": out(now + _YEAR), "autorenew": True,
        "domainOwnerInfo": {"verificationStatus": "pending", **sent},
        "billingInfo": {
            "totalRenewalDomainPrice": price, "renewalDomainPrice": price, "renewalTax": 0, "whoisPrivacyFeaturePrice": 0,
            "currency": "USD", "totalRenewalDomainPriceFormatted": f"${price:.2f}",
        },
    }  # fmt: skip
    documents.keep(store.state, _KIND, str(identity), made)
    return made
