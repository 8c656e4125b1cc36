"""Images, files and filters of products (dossier sections 9.6 and 9.7), over HTTP."""

from __future__ import annotations

from typing import Any

from tests.contract.rows import drives, refused, send
from tillroll.ecwid.client import Client

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 64
AWAY = {"url": "https://pictures.example/cup.jpg", "width": 640, "height": "480", "alt": {"main": "A cup"}}
PLAIN = 722
"""A product without variations: the measuring spoon."""


def upload(client: Client, path: str, content: bytes = PNG, kind: str = "image/png") -> Any:
    answer = send(client, "POST", path, content, kind)
    assert answer.status == 200, answer.body
    return answer


def shown(client: Client, path: str) -> dict[str, Any]:
    return client.connection.read(path)


@drives(
    "POST /products/{id}/image",
    "POST /products/{id}/image/async",
    "DELETE /products/{id}/image",
    "POST /products/{id}/gallery",
    "POST /products/{id}/gallery/async",
    "DELETE /products/{id}/gallery",
    "DELETE /products/{id}/gallery/{imageId}",
)
def test_a_product_has_one_main_image_and_a_gallery(client: Client) -> None:
    path, write = f"/products/{PLAIN}", client.connection.write
    write("DELETE", f"{path}/image")
    write("DELETE", f"{path}/gallery")
    upload(client, f"{path}/image")
    first = shown(client, path)["imageUrl"]
    write("POST", f"{path}/image/async", body=AWAY)
    product = shown(client, path)
    (main,) = product["media"]["images"]
    assert (main["id"], main["isMain"], main["alt"]) == ("0", True, {"main": "A cup"})
    assert product["imageUrl"] == main["image1500pxUrl"] != first, (
        "the new one is in the place of the old one"
    )
    assert product["originalImage"] == {"url": main["imageOriginalUrl"], "width": 640, "height": 480}
    upload(client, f"{path}/gallery", kind="application/octet-stream")
    added = write("POST", f"{path}/gallery/async", body=AWAY)["id"]
    assert [one["isMain"] for one in shown(client, path)["media"]["images"]] == [True, False, False]
    assert shown(client, path)["galleryImages"][1]["id"] == added
    assert write("DELETE", f"{path}/gallery/{added}") == {"deleteCount": 1}
    with refused(404):
        write("DELETE", f"{path}/gallery/{added}")
    counts = [write("DELETE", f"{path}/{kind}") for kind in ("gallery", "image", "image")]
    assert counts == [{"deleteCount": 1}, {"deleteCount": 1}, {"deleteCount": 0}]
    assert shown(client, path)["media"]["images"] == []
    assert "imageUrl" not in shown(client, path)


@drives("POST /products/{id}/image")
def test_an_image_may_be_an_address_and_what_is_none_is_refused(client: Client) -> None:
    path, write = f"/products/{PLAIN}/image", client.connection.write
    assert write("POST", path, query={"externalUrl": AWAY["url"]})["id"]
    with refused(422, "WRONG_URL"):
        write("POST", path, query={"externalUrl": "cup.jpg"})
    for query in ({}, {"token": "x"}):
        with refused(400, "WRONG_PARAMETER"):
            write("POST", path, query=query)
    assert send(client, "POST", path, b"no picture at all", "image/png").status == 400
    assert send(client, "PUT", f"/products/{PLAIN}", PNG, "image/png").status == 415, "only where images go"
    for lacking in ("url", "width", "height"):
        with refused(400, "WRONG_PARAMETER"):
            write("POST", f"{path}/async", body={**AWAY, lacking: None})
    with refused(422, "WRONG_URL"):
        write("POST", f"{path}/async", body={**AWAY, "url": "ftp://x"})
    with refused(404, "PRODUCT_NOT_FOUND"):
        write("POST", "/products/999999/image/async", body=AWAY)


@drives(
    "POST /products/{id}/combinations/{combinationId}/image",
    "POST /products/{id}/combinations/{combinationId}/image/async",
    "DELETE /products/{id}/combinations/{combinationId}/image",
    "POST /categories/{id}/image",
    "POST /categories/{id}/image/async",
    "DELETE /categories/{id}/image",
)
def test_a_variation_and_a_category_have_an_image_of_their_own(client: Client) -> None:
    cup = next(one for one in client.products.every() if one.variations)
    sort = f"/products/{cup.product_id}/combinations/{cup.variations[0].variation_id}"
    for path in (sort, "/categories/1"):
        upload(client, f"{path}/image")
        first = shown(client, path)["imageUrl"]
        client.connection.write("POST", f"{path}/image/async", body=AWAY)
        assert shown(client, path)["imageUrl"] != first
        gone = [client.connection.write("DELETE", f"{path}/image") for _ in "ab"]
        assert gone == [{"deleteCount": 1}, {"deleteCount": 0}]
        assert "imageUrl" not in shown(client, path)


@drives(
    "POST /products/{id}/files",
    "GET /products/{id}/files/{fileId}",
    "PUT /products/{id}/files/{fileId}",
    "DELETE /products/{id}/files/{fileId}",
    "DELETE /products/{id}/files",
)
def test_a_product_has_files(client: Client) -> None:
    path, write = f"/products/{PLAIN}", client.connection.write
    upload(client, f"{path}/files?fileName=tea.pdf&description=A+book", b"%PDF tea", "application/pdf")
    (kept,) = shown(client, path)["files"]
    assert (kept["name"], kept["description"], kept["size"]) == ("tea.pdf", "A book", 8)
    assert send(client, "GET", f"{path}/files/{kept['id']}").body == b"%PDF tea"
    assert write("PUT", f"{path}/files/{kept['id']}", body={"description": "Changed"}) == {"updateCount": 1}
    assert shown(client, path)["files"][0]["description"] == "Changed"
    away = {"fileName": "x.pdf", "externalUrl": "https://files.example/x.pdf"}
    write("POST", f"{path}/files", query=away)
    assert write("DELETE", f"{path}/files/{kept['id']}") == {"deleteCount": 1}
    with refused(404):
        write("DELETE", f"{path}/files/{kept['id']}")
    for query in ({"externalUrl": away["externalUrl"]}, {"fileName": "x.pdf"}):
        with refused(400, "WRONG_PARAMETER"):
            write("POST", f"{path}/files", query=query)
    assert write("DELETE", f"{path}/files") == {"deleteCount": 1}
    assert shown(client, path)["files"] == []


@drives("POST /products/filters")
def test_filters_say_what_the_products_can_be_filtered_by(client: Client) -> None:
    cup = next(one for one in client.products.every() if one.variations)
    attributes = [{"name": "Brand", "value": "Kutani"}]
    client.products.update(cup.product_id, {"attributes": attributes, "compareToPrice": 99})
    fields = "price,inventory,onsale,categories,option_Colour,attribute_Brand"
    ask = {"params": {"filterFields": fields, "enabled": "true"}}
    told = client.connection.write("POST", "/products/filters", query={"filterFields": fields}, body=ask)
    assert told["productCount"] == len([one for one in client.products.every() if one.enabled])
    filters = told["filters"]
    assert list(filters) == fields.split(",")
    assert filters["price"]["minValue"] < filters["price"]["maxValue"]
    assert {"title": "Kutani", "productCount": 1} in filters["attribute_Brand"]["values"]
    assert {one["title"] for one in filters["option_Colour"]["values"]} >= {"Ash", "Celadon", "Indigo"}
    assert sum(one["productCount"] for one in filters["onsale"]["values"]) == told["productCount"]
    assert {one["title"] for one in filters["categories"]["values"]} >= {"Green tea", "Tableware"}
    few = {"params": {"filterFields": "inventory", "keyword": "Sencha"}}
    assert client.connection.write("POST", "/products/filters", body=few)["productCount"] == 1
    for wrong in ("", "colour"):
        with refused(400, "WRONG_PARAMETER"):
            client.connection.write("POST", "/products/filters", body={"params": {"filterFields": wrong}})
