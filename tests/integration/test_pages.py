"""The pages in a real browser: what they load, and the store finder from the first letter typed to the last pair."""
import subprocess
import uuid
from datetime import datetime, timezone
from urllib.parse import urlencode

import pytest

HERE = {"near": "51.5154,-0.141"}
ALWAYS = [{"days": ["mo", "tu", "we", "th", "fr", "sa", "su"], "opens": "00:00", "closes": "24:00"}]
STORES = {  # north of the place, one behind the other
    "camden": ("Camden Lock", "8 Chalk Farm Road", 51.5410, -0.1460),
    "holloway": ("Holloway", "1 Seven Sisters Road", 51.5560, -0.1160),
    "barnet": ("Chipping Barnet", "3 Stapylton Road", 51.6540, -0.2010),
}
HOSTILE = {
    "product": '<script>window.hacked = "product"</script>',
    "option": '"><img src=x onerror=window.hacked=1>',
    "store": "<img src=x onerror=\"window.hacked='store'\">" + "W" * 200,
}


def put(shop, path, body):
    answer = shop.session.put(shop.base + path, json=body, timeout=30)
    assert answer.status_code in (200, 201), answer.text


def event(kind, sku, location, quantity):
    return {"id": uuid.uuid4().hex, "source": "test", "type": kind, "sku": sku, "location": location, "quantity": quantity,
            "occurred_at": datetime.now(timezone.utc).isoformat()}


def move(shop, *events):
    answer = shop.post("/v1/events", list(events))
    assert answer.json()["applied"] == len(events), answer.text


def furnish(shop):
    """A shoe in two colours and three sizes, at three stores; one pair of tan 43 in all, none of black 43 but in the depot, a day away."""
    put(shop, "/v1/channels/web", {"name": "Web shop", "low_threshold": 2})
    for id, (name, address, latitude, longitude) in STORES.items():
        put(shop, f"/v1/locations/{id}", {
            "name": name, "type": "store", "address": address, "latitude": latitude, "longitude": longitude, "time_zone": "Europe/London",
            "opening_hours": ALWAYS, "methods": {"pickup": {"preparation_minutes": 60}}})
    put(shop, "/v1/locations/depot", {
        "name": "The depot", "type": "warehouse", "latitude": 52.26, "longitude": -1.16, "time_zone": "Europe/London", "opening_hours": ALWAYS,
        "methods": {"ship": {}}, "lanes": [{"to": "camden", "days": 1}]})
    stock = {("black", 41): (5, 4, 3), ("black", 42): (2, 0, 6), ("black", 43): (0, 0, 0),
             ("tan", 41): (1, 1, 1), ("tan", 42): (0, 3, 0), ("tan", 43): (1, 0, 0)}
    events = [event("receipt", "DERBY-BLACK-43", "depot", 7)]
    for (colour, size), pairs in stock.items():
        sku = f"DERBY-{colour.upper()}-{size}"
        put(shop, f"/v1/items/{sku}", {"name": "Derby shoe", "product": "DERBY", "options": {"colour": colour, "size": str(size)}})
        for location, quantity in zip(STORES, pairs):  # where there is none, there was one
            events.append(event("receipt", sku, location, quantity or 1))
            events += [] if quantity else [event("sale", sku, location, 1)]
    move(shop, *events)
    return shop


def available(shop, sku, location):
    return shop.get(f"/v1/availability/{sku}", params={"location": location, "channel": "web"}).json()["available"]


def address(shop, **more):
    return f"{shop.base}/stores?{urlencode({'product': 'DERBY', **HERE, **more})}"


@pytest.fixture
def shop(daemon):
    return furnish(daemon("--history", "off").start())


@pytest.mark.parametrize("path", ["/", "/stores"])
def test_a_page_loads_and_asks_nobody_else(shop, browser, path):
    browser.open(shop.base + path)
    browser.seen("h1")
    assert browser.axe() == []
    assert browser.origins() == {shop.base}


def test_from_the_first_letter_to_the_reservation(shop, browser):
    """Search, colour and size, place, list; reserved; another window sees it; a reload keeps it; given back."""
    browser.open(address(shop, sku="DERBY-BLACK-42"))
    browser.seen("#live[data-state=live]")
    browser.seen(".card[data-location=camden] .badge", "2 left")
    other = browser.driver.current_window_handle

    mine = browser.window()
    browser.open(shop.base + "/stores")
    browser.type("#item", "derb")
    browser.click("#item-list .proposal", "Derby shoe")
    browser.seen("#product-name", "Derby shoe")
    browser.type("#place", "51.5154, -0.141")
    browser.press("ENTER")
    browser.click(".matrix-row:nth-of-type(1) .chip", "42")
    browser.seen("#results-title", "2 stores have it")
    assert [card.get_attribute("data-location") for card in browser.all(".card")] == ["camden", "barnet"]
    card = browser.told(".card[data-location=camden]")
    for part in ("Camden Lock", "2.9 km", "8 Chalk Farm Road", "Open day and night", "2 left", "Ready t", "Figure from"):
        assert part in card, card
    browser.seen(".others summary", "1 store without it")
    browser.seen(".chip.is-out_of_stock", "sold out")

    browser.click(".card[data-location=camden] .button", "Reserve for pickup")
    browser.seen(".hold-title", "Held for you: Derby shoe, black, 42, Camden Lock")
    browser.seen(".hold-clock", "14:")
    browser.seen(".card[data-location=camden] .badge", "Last one")
    assert available(shop, "DERBY-BLACK-42", "camden") == 1
    browser.look_at(other)  # where nobody touched anything
    browser.seen(".card[data-location=camden] .badge", "Last one")
    browser.waits(lambda: "Camden Lock: last one" in browser.script("return document.getElementById('announce').textContent"), "it is announced")

    browser.look_at(mine)
    browser.reload()
    browser.seen(".hold-title", "Held for you: Derby shoe, black, 42, Camden Lock")
    browser.seen(".card[data-location=camden] .button", "Reserve another")
    browser.click(".hold .button", "Give back")
    browser.seen(".hold-title", "Given back")
    browser.seen(".card[data-location=camden] .badge", "2 left")
    browser.look_at(other)
    browser.seen(".card[data-location=camden] .badge", "2 left")


def test_the_last_pair(shop, browser):
    """Taken in one window, it goes in the other; who is late is told what is left."""
    browser.open(address(shop, sku="DERBY-TAN-43"))
    browser.seen(".card .badge", "Last one")
    late = browser.driver.current_window_handle
    browser.command("Network.enable")
    browser.command("Network.setBlockedURLs", urls=["*/v1/changes*", "*/v1/stores*", "*/v1/products*"])  # it hears nothing any more
    browser.allowed_errors = ("ERR_BLOCKED_BY_CLIENT", "status of 409")

    fast = browser.window()
    browser.open(address(shop, sku="DERBY-TAN-43"))
    browser.click(".card[data-location=camden] .button", "Reserve for pickup")
    browser.seen(".hold-title", "Held for you")
    browser.seen("#results-title", "The last one is yours")
    browser.seen("input:checked + .chip.is-out_of_stock", "sold out")

    browser.look_at(late)
    browser.click(".card[data-location=camden] .button", "Reserve for pickup")
    browser.seen(".card-refusal", "somebody was faster: none left")
    assert not [hold for hold in browser.all(".hold") if hold.is_displayed()]
    assert browser.complaints() == []

    browser.look_at(fast)
    browser.click(".hold .button", "Confirm")
    browser.seen(".hold-title", "Reserved for you")
    browser.seen(".hold-text", "Ready t")
    browser.click(".hold .button", "Cancel")
    browser.seen(".hold-title", "Cancelled")
    browser.seen(".card[data-location=camden] .badge", "Last one")


def test_the_time_is_over(shop, browser):
    """A hold whose time has passed says so, is back on the shelf, and can be taken after all."""
    browser.open(address(shop, sku="DERBY-BLACK-42"))
    browser.click(".card[data-location=camden] .button", "Reserve for pickup")
    browser.seen(".hold-title", "Held for you")
    id = browser.script("return JSON.parse(sessionStorage.getItem('onhand.holds'))[0].id")
    answer = shop.post(f"/v1/reservations/{id}/extend", {"ttl_seconds": 4, "step_id": "soon"})
    assert answer.status_code == 200, answer.text
    browser.reload()
    browser.seen(".hold-title", "Expired")
    browser.seen(".card[data-location=camden] .badge", "2 left")
    browser.click(".hold .button", "Take it after all")
    browser.seen(".hold-title", "Reserved for you")
    browser.seen(".card[data-location=camden] .badge", "Last one")


def test_the_server_goes_away(shop, browser):
    """It says so, a reservation nobody answered is asked for again under its id, and figures come again."""
    browser.allowed_errors = ("ERR_CONNECTION_REFUSED", "ERR_CONNECTION_RESET", "ERR_INCOMPLETE_CHUNKED_ENCODING", "ERR_EMPTY_RESPONSE",
                              "status of 40", "status of 503")  # a server that has just begun does not know all names yet
    browser.open(address(shop, sku="DERBY-BLACK-41"))
    browser.seen("#live[data-state=live]")
    browser.seen(".card[data-location=camden] .badge", "5 left")
    shop.kill()
    browser.seen("#live[data-state=away]")
    browser.click(".card[data-location=camden] .button", "Reserve for pickup")
    browser.seen(".hold-text", "The server did not answer")
    browser.seen(".messages .note", "The server does not answer")
    shop.start()
    browser.seen("#live[data-state=live]")
    browser.gone(".messages .note", "The server does not answer")
    browser.click(".hold .button", "Try again")
    browser.seen(".hold-title", "Held for you")
    browser.seen(".card[data-location=camden] .badge", "4 left")
    assert available(shop, "DERBY-BLACK-41", "camden") == 4


def test_back_in_stock(shop, browser):
    browser.open(address(shop, sku="DERBY-BLACK-43"))
    browser.seen("#results-title", "Sold out")
    browser.click(".none-here .button", "Tell me when it is back")
    browser.seen(".none-here .button", "Waiting")
    browser.click(".matrix-row:nth-of-type(1) .chip", "41")  # and looks at something else meanwhile
    browser.seen(".card")
    move(shop, event("receipt", "DERBY-BLACK-43", "holloway", 4))
    browser.seen(".messages .note", "Back in stock: Derby shoe, black, 43")
    browser.waits(lambda: "Back in stock" in browser.driver.title, "the title says so")
    browser.click(".messages .button", "Show it")
    browser.seen(".card[data-location=holloway] .badge", "4 left")


def test_what_no_store_has_comes_from_elsewhere(shop, browser):
    browser.open(address(shop, sku="DERBY-BLACK-43"))
    browser.seen("#results-title", "Sold out")
    browser.seen(".way", "Sent to you from The depot")
    assert "comes from The depot" in browser.told(".way", "To collect at Camden Lock")
    browser.script("[...document.querySelectorAll('.way')].find((way) => way.innerText.includes('Camden')).querySelector('button').click()")
    browser.seen(".hold-title", "Held for you: Derby shoe, black, 43, to collect at Camden Lock")
    assert available(shop, "DERBY-BLACK-43", "depot") == 6
    browser.click(".hold .button", "Confirm")
    browser.seen(".hold-text", "Ready ")


def test_hostile_names_are_text(shop, browser):
    for sku, option in (("H-1", HOSTILE["option"]), ("H-2", "plain")):
        put(shop, f"/v1/items/{sku}", {"name": HOSTILE["product"], "product": HOSTILE["product"], "options": {HOSTILE["option"]: option}})
    put(shop, "/v1/locations/hostile", {"name": HOSTILE["store"], "address": HOSTILE["product"], "latitude": 51.52, "longitude": -0.14,
                                        "time_zone": "Europe/London", "opening_hours": ALWAYS, "methods": {"pickup": {}}})
    move(shop, event("receipt", "H-1", "hostile", 2))
    move(shop, event("receipt", "H-2", "hostile", 1))
    browser.size(360, 740)
    browser.open(f"{shop.base}/stores?{urlencode({**HERE, 'place': HOSTILE['store']})}")
    browser.type("#item", "window.hacked")
    browser.seen("#item-list .proposal", HOSTILE["product"])
    browser.press("ARROW_DOWN", "ENTER")
    browser.seen("#product-name", HOSTILE["product"])
    browser.seen(".chip", HOSTILE["option"])
    browser.seen(".card", HOSTILE["store"])
    browser.seen("#results-title", HOSTILE["store"])
    browser.click(".card .button", "Reserve")
    browser.seen(".hold-title", HOSTILE["store"])
    browser.type("#place", "onerror")
    browser.seen("#place-list .proposal", HOSTILE["store"])
    browser.press("ESCAPE")
    assert browser.script("return window.hacked === undefined && !document.querySelector('main script, main img')")
    assert browser.overflows() == ""
    assert browser.axe() == []


def test_with_the_keyboard_alone(shop, browser):
    browser.open(shop.base + "/stores")
    browser.seen("#item")
    browser.press("TAB")
    assert browser.focused() == "To the content"
    browser.tab_to("What are you looking for?")
    browser.press("derby")
    browser.seen("#item-list .proposal")
    browser.press("ARROW_DOWN", "ENTER")
    browser.seen(".chip")
    browser.tab_to("Where?")
    browser.press("51.5154,-0.141", "ENTER")
    browser.seen(".card")
    browser.tab_to("41")  # the radio that is chosen
    browser.press("ARROW_RIGHT")
    browser.seen("#results-note", "black, 42")
    browser.seen("#results-title", "2 stores have it")
    browser.tab_to("Reserve for pickup at Camden Lock")
    browser.press("ENTER")
    browser.seen(".hold-title", "Held for you")
    browser.tab_to("1: Camden Lock")  # on the map
    browser.press("ARROW_RIGHT")
    assert browser.focused().startswith("2: Chipping Barnet")
    browser.press("ENTER")
    browser.seen(".card.selected[data-location=barnet]")
    assert "store=barnet" in browser.driver.current_url
    browser.press("TAB")
    browser.script("document.querySelector('.skip').focus()")
    browser.tab_to("Give back")
    browser.press("ENTER")
    browser.seen(".hold-title", "Given back")


def test_the_map_is_moved_by_pointer_and_keys(shop, browser):
    from selenium.webdriver.common.action_chains import ActionChains

    browser.open(address(shop, sku="DERBY-BLACK-42"))
    browser.seen(".pin")

    def pin():
        """Where the first pin is on the map, in pixels."""
        return browser.script("const { e, f } = document.querySelector('.pin').transform.baseVal.consolidate().matrix; return [e, f]")

    def moved(before, right, down):
        now = pin()
        return abs(now[0] - before[0] - right) < 2 and abs(now[1] - before[1] - down) < 2

    browser.script("document.querySelector('.map').scrollIntoView({block: 'center', behavior: 'instant'})")
    whole = pin()
    drawing = browser.seen(".map-drawing")
    ActionChains(browser.driver, duration=0).move_to_element_with_offset(drawing, -60, 40).click_and_hold().move_by_offset(30, 20).move_by_offset(20, 10).release().perform()
    browser.waits(lambda: moved(whole, 50, 30), lambda: f"dragged from {whole}: {pin()}")
    before = pin()  # from a pin: it is moved, not chosen
    head = browser.seen(".pin")
    ActionChains(browser.driver, duration=0).move_to_element(head).click_and_hold().move_by_offset(-20, 0).move_by_offset(-20, 0).release().perform()
    browser.waits(lambda: moved(before, -40, 0), lambda: f"dragged from {before}: {pin()}")
    assert "store=" not in browser.driver.current_url
    browser.click(".map-button[aria-label='Show all']")
    browser.waits(lambda: moved(whole, 0, 0), lambda: f"as it was, {whole}: {pin()}")

    browser.script("document.querySelector('.map-drawing').focus()")
    assert browser.focused().startswith("Map: the arrow keys move it")
    size = browser.script("const d = document.querySelector('.map-drawing'); return [d.clientWidth, d.clientHeight]")
    browser.press("ARROW_LEFT", "ARROW_DOWN")
    browser.waits(lambda: moved(whole, size[0] / 4, -size[1] / 4), lambda: f"by arrows from {whole}: {pin()}")
    for _ in range(20):
        browser.press("ARROW_LEFT")
    kept = pin()
    browser.press("ARROW_LEFT")
    assert moved(kept, 0, 0)  # not out of sight altogether
    browser.press("0")
    browser.waits(lambda: moved(whole, 0, 0), lambda: f"as it was, {whole}: {pin()}")
    browser.press("+")
    browser.seen(".map-drawing.zoomed")
    assert browser.axe() == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_accessible_in_every_state(shop, browser, scheme):
    """axe, contrast included, on the wide page and at 360 px, with a reservation, a selected store, proposals and what is sold out."""
    browser.scheme(scheme)
    browser.open(address(shop, sku="DERBY-BLACK-42", store="camden"))
    browser.click(".card[data-location=camden] .button", "Reserve for pickup")
    browser.seen(".hold-title", "Held for you")
    browser.seen(".card[data-location=camden] .badge", "Last one")
    browser.script("document.querySelector('.others').open = true")
    for width in (1280, 360):
        browser.size(width, 800)
        assert browser.axe() == []
        assert browser.overflows() == ""
    browser.type("#item", "derby")
    browser.seen("#item-list .proposal")
    browser.press("ARROW_DOWN")
    assert browser.axe() == []
    browser.press("ESCAPE")
    browser.click(".matrix-row:nth-of-type(1) .chip", "43")
    browser.seen("#results-title", "Sold out")
    assert browser.axe() == []
    assert browser.overflows() == ""
    browser.click("#key-button")
    browser.seen("#key-dialog")
    assert browser.axe() == []


def test_near_me_and_the_address_bar(shop, browser):
    browser.open(f"{shop.base}/stores?product=DERBY&sku=DERBY-BLACK-41")
    browser.seen("#results-title", "Where are you?")
    browser.stand_at(51.6540, -0.2010)
    browser.click("#near-me")
    browser.seen("#results-title", "near you")
    assert browser.all(".card")[0].get_attribute("data-location") == "barnet"
    browser.click(".matrix-row:nth-of-type(2) .chip", "42")
    browser.seen("#results-note", "tan, 42")
    assert "sku=DERBY-TAN-42" in browser.driver.current_url and "near=51.654%2C-0.201" in browser.driver.current_url
    browser.driver.back()
    browser.seen("#results-note", "black, 41")
    browser.driver.forward()
    browser.seen("#results-note", "tan, 42")
    browser.reload()
    browser.seen("#results-note", "tan, 42")
    browser.seen(".card[data-location=holloway] .badge", "3 left")


def test_a_server_with_keys(program, daemon, tmp_path, browser):
    """The page asks for the key once, keeps it in the tab, and sends it with every question, the live ones too."""
    keys = tmp_path / "keys"

    def key(*words):
        return subprocess.run([program, "key", "create", "--keys", keys, *words], check=True, text=True, stdout=subprocess.PIPE).stdout.split()[-1]

    admin, shopper = key("--scope", "admin"), key("--scope", "read", "--scope", "reserve", "--channel", "web")
    shop = daemon("--history", "off", "--keys", keys).start()
    shop.session.headers["Authorization"] = f"Bearer {admin}"
    furnish(shop)
    browser.allowed_errors = ("status of 401",)
    browser.open(address(shop, sku="DERBY-BLACK-42"))
    browser.type("#key-input", shopper)
    browser.press("ENTER")
    browser.seen(".card[data-location=camden] .badge", "2 left")
    browser.seen("#live[data-state=live]")
    browser.complaints()
    browser.allowed_errors = ()
    browser.reload()
    browser.click(".card[data-location=camden] .button", "Reserve for pickup")
    browser.seen(".hold-title", "Held for you")
    move(shop, event("sale", "DERBY-BLACK-42", "barnet", 1))
    browser.seen(".card[data-location=barnet] .badge", "5 left")
    kept = browser.script("return [document.cookie, localStorage.length, location.href.includes('onhand_')]")
    assert kept == ["", 0, False]
