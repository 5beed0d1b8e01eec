"""The console in a real browser, on the demo's data."""
import subprocess
import time
from urllib.parse import quote

import pytest

from conftest import ROOT
from harness import Daemon

HEART = "85123A"
HOSTILE = "<script>alert(1)</script>/a?b#c %41"
HOSTILE_NAME = "\"><img src=x onerror=alert(2)><b>bold</b>"

CHANNELS = {
    "web": {"name": "Web shop", "low_threshold": 5, "rules": [{"buffer": 2}]},
    "marketplace": {"name": "Marketplace", "rules": [{"buffer_percent": 10, "cap": 50}, {"group": "north", "method": "pickup", "enabled": False}]},
    "till": {"name": "Tills"},
}


def event(identity, kind, location, **more):
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 3600))
    return {"id": identity, "source": "test", "type": kind, "sku": HEART, "location": location, "occurred_at": at, **more}


def tell(shop, *events):
    answer = shop.post("/v1/events", list(events)).json()
    assert answer["rejected"] == 0, answer


def put(shop, path, body):
    assert shop.session.put(shop.base + path, json=body, timeout=30).status_code in (200, 201)


def hold(shop, identity, quantity=1, location="DC00", **more):
    answer = shop.post("/v1/reservations", {"id": identity, "channel": "web", "ttl_seconds": 3000,
                                            "items": [{"sku": HEART, "quantity": quantity, "location": location}], **more})
    assert answer.status_code == 201, answer.text


@pytest.fixture(scope="module")
def shop(program, tmp_path_factory):
    """A server with the demo, something of everything at one row, and names that nobody wants to meet."""
    d = Daemon(program, tmp_path_factory.mktemp("console") / "data", ["--history", "on", "--http-threads", "1"]).start()
    subprocess.run([ROOT / "deploy" / "demo" / "load", program, d.base], check=True, stdout=subprocess.DEVNULL, timeout=240)
    for name, body in CHANNELS.items():
        put(d, f"/v1/channels/{name}", body)
    count = event("c", "count", "ST01", quantity=40)
    tell(d, {**count, "as_of": count["occurred_at"]}, event("s", "setting", "ST01", safety_stock=2, reorder_point=5),
         event("d", "status_change", "ST01", quantity=3, to_status="damaged"),
         event("i", "inbound", "ST01", quantity=20, reference="PO-7", expected_at="2036-01-02T08:00:00Z"),
         event("a", "allocation", "ST01", allocation={"channel": "marketplace", "quantity": 6, "op": "set"}),
         event("o", "order_placed", "ST01", quantity=4, reference="ORD-1", channel="web"),
         event("l", "order_placed", "ST02", quantity=900000, reference="ORD-SHORT", channel="web"))
    put(d, f"/v1/items/{quote(HOSTILE, safe='')}", {"name": HOSTILE_NAME, "product": "<i>P</i>", "options": {"<u>size</u>": "<s>42</s>"}})
    put(d, "/v1/locations/hostile", {"name": HOSTILE_NAME, "address": "<script>alert(3)</script>"})
    tell(d, {**event("h", "receipt", "hostile", quantity=3, reference=HOSTILE_NAME), "sku": HOSTILE})
    hold(d, "r-shown", reference="ORD-77")
    yield d
    d.kill()


def figure(browser, location, column):
    """The text of a cell of the item's table, by the heading of its column; empty while it is not there."""
    return browser.script("""
        const table = document.querySelector('.sheet');
        const at = [...table?.querySelectorAll('thead th') ?? []].findIndex((th) => th.innerText.trim().startsWith(arguments[1]));
        const row = [...table?.querySelectorAll('tbody tr') ?? []].find((tr) => tr.querySelector('.id')?.textContent === arguments[0]);
        return row?.children[at]?.innerText ?? ''""", location, column)


def term(browser, name):
    return browser.script("""return [...document.querySelectorAll('.terms tr')].find((tr) => tr.children[0].textContent === arguments[0])
        ?.children[1].textContent ?? ''""", name)


def shows(browser, what, expected):
    seen = [None]

    def is_so():
        seen[0] = what()
        return seen[0] == expected

    browser.waits(is_so, lambda: f"{expected!r} is shown; it was {seen[0]!r}; the page says: {browser.text()[:1500]}")


VIEWS = {
    "": ("h1", "Overview"),
    "stock?q=heart%20holder": (".sheet", "WHITE HANGING HEART T-LIGHT HOLDER"),
    f"item/{HEART}?in=st0": (".sheet", "Combe Hay"),
    f"matrix?sku={HEART}": (".matrix", "Combe Hay"),
    f"row/{HEART}/ST01": (".terms", "Safety stock"),
    "reservations/r-shown": (".reservation", "ORD-77"),
    "shortfalls": (".sheet", "ORD-SHORT"),
    "locations?q=library": (".sheet", "Combe Hay"),
    "locations/ST01": ("main", "09:00"),
    "groups": ("main", "members"),
    "channels": ("main", "holds 10 % back"),
    "insights": ("h1", "Insights"),
}


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.split("/")[0].split("?")[0] or "overview")
def test_a_view_by_its_address(shop, browser, view):
    """Opened by its address: there, sound for whoever cannot see or sees in the dark, and no wider than a phone."""
    if view == "insights":
        browser.allowed_errors = ("/v1/insights",)
    browser.open(f"{shop.base}/#/{view}")
    browser.seen(*VIEWS[view])
    browser.gone("main [aria-busy]")
    assert browser.axe() == []
    browser.scheme("dark", motion="reduce")
    assert browser.axe("color-contrast") == []
    browser.size(360, 740)
    assert browser.overflows() == ""
    assert browser.origins() == {shop.base}


def test_search_and_back(shop, browser):
    browser.open(shop.base)
    browser.seen("h1", "Overview")
    browser.press("/")
    assert "Search items" in browser.focused()
    browser.press("lantérn white")
    browser.press("ENTER")
    browser.seen("h1", "lantérn white")
    browser.seen(".sheet", "WHITE METAL LANTERN")
    assert "q=" in browser.script("return location.hash")
    browser.type("#find-text", "9521987032774")  # its GTIN; what is typed is looked for at once
    browser.seen("[role=status]", "1 item")
    browser.click(".sheet tbody a", HEART)
    browser.seen("h1", "WHITE HANGING HEART")
    browser.script("history.back()")
    browser.seen("h1", "9521987032774")
    browser.seen(".sheet", HEART)
    browser.script("history.forward()")
    browser.seen("h1", "WHITE HANGING HEART")


def test_figures_fall_while_one_looks(shop, browser):
    browser.open(f"{shop.base}/#/item/{HEART}")
    before = shop.row(HEART, "DC00")
    shows(browser, lambda: figure(browser, "DC00", "On hand"), f"{before:,}")
    browser.seen("#live", "Live")
    tell(shop, event("sale-1", "sale", "DC00", quantity=2))
    shows(browser, lambda: figure(browser, "DC00", "On hand"), f"{before - 2:,}")
    assert browser.script("return document.querySelectorAll('td.changed').length") > 0
    tell(shop, event("sale-2", "sale", "DC00", quantity=1))
    shows(browser, lambda: figure(browser, "DC00", "On hand"), f"{before - 3:,}")
    browser.reload()
    shows(browser, lambda: figure(browser, "DC00", "On hand"), f"{before - 3:,}")


def test_what_changes_behind_a_figure_that_stays(shop, browser):
    """Nothing is available before and after: nobody is told, and the page sees it all the same."""
    browser.open(f"{shop.base}/#/item/{HEART}")
    before = shop.row(HEART, "ST02")
    shows(browser, lambda: figure(browser, "ST02", "On hand"), f"{before:,}")
    assert figure(browser, "ST02", "Available") == "0"
    tell(shop, event("behind", "sale", "ST02", quantity=1))
    shows(browser, lambda: figure(browser, "ST02", "On hand"), f"{before - 1:,}")


def test_rows_are_sorted_filtered_and_summed_and_the_address_says_so(shop, browser):
    browser.open(f"{shop.base}/#/item/{HEART}")
    browser.click(".sheet .sort", "Reserved")
    browser.click(".sheet .sort", "Available")
    browser.seen("th[aria-sort=descending]", "Available")
    browser.type(".filters input[type=search]", "st0")
    rows = shop.get(f"/v1/availability/{HEART}?detail=true").json()["locations"]
    wanted = sorted((r["available"] for r in rows if r["location"].startswith("ST0")), reverse=True)

    def column():
        return browser.script("return [...document.querySelectorAll('.sheet tbody tr')].map((tr) => Number(tr.children[1].innerText.replaceAll(',', '')))")

    shows(browser, column, wanted)
    shows(browser, lambda: browser.script("return document.querySelector('.sheet tfoot').children[0].children[1].innerText"), f"{sum(wanted):,}")
    browser.reload()
    shows(browser, column, wanted)
    browser.script("""const s = document.querySelector('.filters select'); s.value = 'web'; s.dispatchEvent(new Event('change'))""")
    for_web = shop.get(f"/v1/availability/{HEART}", params={"channel": "web"}).json()["locations"]
    shows(browser, lambda: sorted(column()), sorted(r["available"] for r in for_web if r["location"].startswith("ST0")))


def test_every_channel_at_every_location(shop, browser):
    browser.open(f"{shop.base}/#/matrix?sku={HEART}")
    browser.seen(".matrix", "Marketplace")

    def at(location):
        return browser.script("""const row = [...document.querySelectorAll('.matrix tbody tr')].find((tr) => tr.querySelector('.id')?.textContent === arguments[0]);
            return row ? [...row.querySelectorAll('td')].map((td) => td.innerText.replaceAll(',', '')) : []""", location)

    def told(location):
        return [str(shop.get(f"/v1/availability/{HEART}", params={"location": location, "channel": c}).json()["available"]) for c in (None, *CHANNELS)]

    for location in ("ST01", "ST03", "DC00"):
        shows(browser, lambda: at(location), told(location))  # noqa: B023
    before = told("ST03")
    tell(shop, event("sale-3", "sale", "ST03", quantity=1))
    assert told("ST03") != before
    shows(browser, lambda: at("ST03"), told("ST03"))


def test_variants_as_a_grid(shop, browser):
    browser.open(f"{shop.base}/#/stock?product=MARLOW")
    browser.click("a", "All its variants")
    browser.seen(".grid", "oxblood")

    def grid():
        return browser.script("return [...document.querySelectorAll('.grid td a')].map((a) => a.textContent)")

    def told(channel=None):
        variants = shop.get("/v1/products/MARLOW/availability", params={"channel": channel}).json()["variants"]
        return sorted(str(one["available"]) for one in variants)

    shows(browser, lambda: sorted(grid()), told())
    browser.script("const s = document.querySelector('.card select'); s.value = 'web'; s.dispatchEvent(new Event('change'))")
    shows(browser, lambda: sorted(grid()), told("web"))
    assert told("web") != told()
    tell(shop, {**event("shoe", "sale", "ST03", quantity=1), "sku": "MARLOW-OXBLOOD-42"})
    shows(browser, lambda: sorted(grid()), told("web"))
    browser.click(".grid a[aria-label^='oxblood, 42']")
    browser.seen(".facts", "MARLOW-OXBLOOD-42")


def test_a_row_explains_itself(shop, browser):
    """The arithmetic in the page ends at the figure that is promised; the history goes back page by page."""
    tell(shop, *(event(f"many-{n}", "receipt", "ST05", quantity=1) for n in range(30)))
    browser.open(f"{shop.base}/#/row/{HEART}/ST01")
    shows(browser, lambda: [term(browser, n) for n in ("On hand", "Damaged", "Committed", "Safety stock", "Set aside", "Available")],
          ["40", "−3", "−4", "−2", "−6", "25"])
    browser.script("""const s = document.querySelector('.card select'); s.value = 'web'; s.dispatchEvent(new Event('change'))""")
    shows(browser, lambda: [term(browser, n) for n in ("Buffer", "Available")], ["−2", "23"])
    assert "channel=web" in browser.script("return location.hash")
    browser.seen("main", "ORD-1")
    browser.seen("main", "2 Jan 2036")
    hold(shop, "r-row", quantity=5, location="ST01")
    shows(browser, lambda: term(browser, "Available"), "18")
    browser.seen("main a[href='#/reservations/r-row']")
    browser.open(f"{shop.base}/#/row/{HEART}/ST05")
    count = "return document.querySelectorAll('section:last-of-type .sheet tbody tr').length"
    shows(browser, lambda: browser.script(count), 20)
    browser.click("button", "Older")
    browser.waits(lambda: browser.script(count) > 30, "the second page")


def test_a_reservation_is_taken_through_its_steps(shop, browser):
    hold(shop, "r-steps", reference="ORD-STEPS")
    browser.open(f"{shop.base}/#/reservations")
    browser.type("#reservation-text", "ORD-STEPS")
    browser.press("ENTER")
    browser.seen(".reservation", "r-steps")
    browser.seen(".reservation", "ends in")
    browser.click(".reservation button", "Confirm")
    browser.seen("dialog[open]", "order")
    browser.press("ESCAPE")
    browser.gone("dialog")
    assert shop.get("/v1/reservations/r-steps").json()["state"] == "held"
    browser.click(".reservation button", "Confirm")
    browser.click("dialog button", "Confirm it")
    browser.seen(".reservation .badge", "confirmed")
    assert shop.get("/v1/reservations/r-steps").json()["state"] == "confirmed"
    browser.click(".reservation button", "Cancel")
    browser.click("dialog button", "Cancel it")
    browser.seen(".reservation .badge", "cancelled")
    assert shop.get("/v1/reservations/r-steps").json()["state"] == "cancelled"
    browser.gone(".reservation button")
    browser.type("#reservation-text", "nothing like that")
    browser.allowed_errors = ("404",)
    browser.press("ENTER")
    browser.seen("main", "There is none")


def test_an_order_without_a_reservation_is_found_by_its_reference(shop, browser):
    browser.open(f"{shop.base}/#/reservations?reference=ORD-SHORT")
    browser.seen("main .card", "Open under ORD-SHORT")
    browser.seen("main table", "900,000")
    browser.seen("main table", "ST02")


def test_hostile_names_are_text(shop, browser):
    browser.open(f"{shop.base}/#/stock?q={quote('<script>', safe='')}")
    browser.click(".sheet tbody a", "<script>")
    browser.seen("h1", HOSTILE_NAME)
    browser.seen("main", "<u>size</u> <s>42</s>")
    browser.click(".sheet tbody a", HOSTILE_NAME)
    browser.seen("h1", f"{HOSTILE_NAME} at {HOSTILE_NAME}")
    browser.seen(".sheet", "receipt")
    for view in ("locations", "locations/hostile", f"matrix?sku={quote(HOSTILE, safe='')}", f"item/{quote(HOSTILE, safe='')}"):
        browser.open(f"{shop.base}/#/{view}")
        browser.seen("main", HOSTILE_NAME)
        assert browser.script("return document.querySelectorAll('main script, main img, main b, main u, main s').length") == 0


def test_keyboard_alone(shop, browser):
    browser.open(shop.base)
    browser.seen("h1", "Overview")
    browser.tab_to("To the content", most=2)
    browser.press("ENTER")
    assert browser.script("return document.activeElement.id") == "main"
    browser.open(f"{shop.base}/#/channels")
    browser.seen("h1", "Channels")
    browser.tab_to("Stock")
    browser.press("ENTER")
    browser.seen("h1", "Stock")
    shows(browser, lambda: browser.focused(), "Stock")  # the heading: one hears where one is
    browser.seen(".sheet", "10002")
    browser.tab_to("10002")
    assert browser.script("return getComputedStyle(document.activeElement).outlineStyle") == "solid"
    browser.press("ENTER")
    browser.seen("h1", "INFLATABLE POLITICAL GLOBE")
    browser.tab_to("On hand")
    browser.press("ENTER")
    browser.seen("th[aria-sort=descending]", "On hand")


def test_charts_and_what_changes(shop, browser):
    browser.open(shop.base)
    browser.seen(".chart", "Events")
    tell(shop, event("live-1", "receipt", "ST07", quantity=7))
    browser.seen(".activity", "ST07")
    browser.click(".chart summary")
    browser.seen(".chart table", "the last")
    label = "return document.querySelector('.chart svg').getAttribute('aria-label')"
    browser.waits(lambda: "now 0" in browser.script(label) or "now –" not in browser.script(label), "the chart says what it shows")


def test_the_server_goes_and_comes(program, tmp_path, browser):
    d = Daemon(program, tmp_path / "data", ["--history", "off"]).start()
    tell(d, event("r", "receipt", "ST01", quantity=5))
    browser.allowed_errors = ("ERR_", "Failed to load", "404")
    browser.open(f"{d.base}/#/item/{HEART}")
    browser.seen("#live", "Live")
    shows(browser, lambda: browser.script("return document.querySelector('.sheet tbody tr')?.children[1].innerText"), "5")
    d.kill()
    browser.seen("#away", "does not answer")
    d.start()
    tell(d, event("s", "sale", "ST01", quantity=2))
    browser.gone("#away")
    shows(browser, lambda: browser.script("return document.querySelector('.sheet tbody tr')?.children[1].innerText"), "3")
    tell(d, event("t", "sale", "ST01", quantity=1))
    shows(browser, lambda: browser.script("return document.querySelector('.sheet tbody tr')?.children[1].innerText"), "2")
    d.kill()


def test_a_server_with_keys(program, tmp_path, browser):
    keys = tmp_path / "keys"
    made = subprocess.run([program, "key", "create", "--keys", keys, "--scope", "read"], check=True, text=True, stdout=subprocess.PIPE)
    key = made.stdout.strip()
    d = Daemon(program, tmp_path / "data", ["--history", "off", "--keys", keys]).start()
    browser.allowed_errors = ("401", "403")
    browser.open(f"{d.base}/#/channels")
    browser.type("#key-input", key)
    browser.press("ENTER")
    browser.seen("main", "There is no channel")
    browser.seen("#live", "Live")
    browser.seen("#key-button", "Key set")
    browser.open(f"{d.base}/#/reservations/r-1")  # this key may only read
    browser.seen("main", "This key does not allow it")
    d.kill()
