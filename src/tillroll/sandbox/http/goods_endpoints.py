"""The rows of the table of endpoints for images, files and the storefront's filters (dossier sections 9.6 and 9.7)."""

from __future__ import annotations

from tillroll.sandbox.endpoints import files, filters, images
from tillroll.sandbox.http.calls import route

# fmt: off
GOODS = (
    route("POST", "/products/filters", "read_catalog",
          lambda c: filters.filters(c.store, c.query, c.body)),
    route("POST", "/products/{id}/image", "update_catalog",
          lambda c: images.set_main(c.store, c.id, images.upload(c.query, c.body))),
    route("POST", "/products/{id}/image/async", "update_catalog",
          lambda c: images.set_main(c.store, c.id, images.by_address(c.body))),
    route("DELETE", "/products/{id}/image", "update_catalog",
          lambda c: images.delete_main(c.store, c.id)),
    route("POST", "/products/{id}/gallery", "update_catalog",
          lambda c: images.add(c.store, c.id, images.upload(c.query, c.body))),
    route("POST", "/products/{id}/gallery/async", "update_catalog",
          lambda c: images.add(c.store, c.id, images.by_address(c.body))),
    route("DELETE", "/products/{id}/gallery", "update_catalog",
          lambda c: images.delete_gallery(c.store, c.id)),
    route("DELETE", "/products/{id}/gallery/{id}", "update_catalog",
          lambda c: images.delete_from_gallery(c.store, c.id, c.inner)),
    route("POST", "/products/{id}/combinations/{id}/image", "update_catalog",
          lambda c: images.set_variations(c.store, c.id, c.inner, images.upload(c.query, c.body))),
    route("POST", "/products/{id}/combinations/{id}/image/async", "update_catalog",
          lambda c: images.set_variations(c.store, c.id, c.inner, images.by_address(c.body))),
    route("DELETE", "/products/{id}/combinations/{id}/image", "update_catalog",
          lambda c: images.delete_variations(c.store, c.id, c.inner)),
    route("POST", "/categories/{id}/image", "update_catalog",
          lambda c: images.set_categorys(c.store, c.id, images.upload(c.query, c.body))),
    route("POST", "/categories/{id}/image/async", "update_catalog",
          lambda c: images.set_categorys(c.store, c.id, images.by_address(c.body))),
    route("DELETE", "/categories/{id}/image", "update_catalog",
          lambda c: images.delete_categorys(c.store, c.id)),
    route("POST", "/products/{id}/files", "create_catalog",
          lambda c: files.add(c.store, c.id, c.query, c.body)),
    route("DELETE", "/products/{id}/files", "update_catalog",
          lambda c: files.delete_all(c.store, c.id)),
    route("GET", "/products/{id}/files/{id}", "read_catalog",
          lambda c: files.get(c.store, c.id, c.inner)),
    route("PUT", "/products/{id}/files/{id}", "update_catalog",
          lambda c: files.update(c.store, c.id, c.inner, c.body)),
    route("DELETE", "/products/{id}/files/{id}", "update_catalog",
          lambda c: files.delete(c.store, c.id, c.inner)),
)
# fmt: on
