"""The pages in a real browser."""
import pytest


@pytest.fixture
def shop(daemon):
    return daemon("--history", "off").start()


@pytest.mark.parametrize("path", ["/", "/stores"])
def test_a_page_loads_and_asks_nobody_else(shop, browser, path):
    browser.open(shop.base + path)
    browser.seen("h1")
    assert browser.axe() == []
    assert browser.origins() == {shop.base}
