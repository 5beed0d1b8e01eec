"""A real Chromium, headless: pages are opened, used by mouse and keyboard, looked at, and judged by axe.

`browser` (in conftest.py) is one for a file of tests; every test begins with a window of its own and nothing kept."""
import importlib.util
import json
import os
import pathlib
import shutil
import urllib.parse

from harness import wait_until

WAIT_SECONDS = 60

# What the page's policy stopped is kept where the test can ask for it.
WATCH_POLICY = """
window.stoppedByPolicy = [];
document.addEventListener('securitypolicyviolation', (e) => window.stoppedByPolicy.push(`${e.violatedDirective} ${e.blockedURI}`));
"""


def axe_source():
    """axe-core, from the package that carries it (which needs not be imported)."""
    found = importlib.util.find_spec("axe_playwright_python")
    assert found, "axe-core is not here: pip install --no-deps -r tests/requirements-alone.txt"
    return (pathlib.Path(found.submodule_search_locations[0]) / "axe.min.js").read_text(encoding="utf-8")


class Browser:
    """Chromium with its driver. Whatever is waited for is asked again and again, for a minute at most."""

    def __init__(self, folder):
        from selenium import webdriver
        from selenium.webdriver.chrome.service import Service

        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium") or "/usr/bin/chromium"
        for option in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--no-first-run", "--lang=en-GB",
                       "--disable-background-networking", "--disable-component-update", "--disable-sync", "--mute-audio",
                       "--force-color-profile=srgb", f"--user-data-dir={folder}"):
            options.add_argument(option)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        service = Service(shutil.which("chromedriver") or "/usr/bin/chromedriver", log_output=os.devnull,
                          env={**os.environ, "TZ": "Europe/London", "SE_OFFLINE": "true"})
        self.driver = webdriver.Chrome(options=options, service=service)
        self.driver.set_script_timeout(WAIT_SECONDS)
        self.allowed_errors = ()

    def finish(self):
        self.driver.quit()

    # ---- windows ----

    def fresh(self):
        """One new window, with nothing kept and nothing emulated; all others are closed."""
        before = self.driver.window_handles
        self.window()
        now = self.driver.current_window_handle
        for handle in before:
            self.driver.switch_to.window(handle)
            self.driver.close()
        self.driver.switch_to.window(now)
        self.driver.get_log("browser")
        self.driver.get_log("performance")
        self.allowed_errors = ()

    def window(self):
        """Another window (its own sessionStorage); what follows is about it. Its handle, for `look_at`."""
        self.driver.switch_to.new_window("window")
        self.command("Page.addScriptToEvaluateOnNewDocument", source=WATCH_POLICY)
        self.size(1280, 900)
        return self.driver.current_window_handle

    def look_at(self, handle):
        self.driver.switch_to.window(handle)

    def open(self, url):
        self.driver.get(url)

    def reload(self):
        self.driver.refresh()

    def command(self, name, **parameters):
        return self.driver.execute_cdp_cmd(name, parameters)

    def size(self, width, height, scale=1):
        self.command("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=width < 600)

    def scheme(self, name, motion="no-preference"):
        """"light" or "dark" """
        self.command("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": name},
                                                             {"name": "prefers-reduced-motion", "value": motion}])

    def stand_at(self, latitude, longitude):
        """What the geolocation API says from now on, and that the page may ask it."""
        origin = "/".join(self.driver.current_url.split("/")[:3])
        self.command("Browser.grantPermissions", origin=origin, permissions=["geolocation"])
        self.command("Emulation.setGeolocationOverride", latitude=latitude, longitude=longitude, accuracy=10)

    # ---- looking ----

    def script(self, source, *arguments):
        return self.driver.execute_script(source, *arguments)

    def all(self, selector):
        from selenium.webdriver.common.by import By

        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def seen(self, selector, text=None):
        """The first visible element of the selector, whose text holds `text`; waits for it."""
        from selenium.common.exceptions import StaleElementReferenceException

        def look():
            try:
                return next((e for e in self.all(selector) if e.is_displayed() and (text is None or text in e.text)), None)
            except StaleElementReferenceException:
                return None

        return wait_until(look, WAIT_SECONDS, lambda: f"{selector} with {text!r}; the page says: {self.text()[:1500]}")

    def told(self, selector, text=None):
        """The whole text of what `seen` sees; an element that is replaced just then is looked for again."""
        from selenium.common.exceptions import StaleElementReferenceException

        def read():
            try:
                return self.seen(selector, text).text
            except StaleElementReferenceException:
                return None

        return wait_until(read, WAIT_SECONDS, f"the text of {selector} with {text!r}")

    def gone(self, selector, text=None):
        """Waits until no visible element of the selector holds `text`."""
        def none():
            return self.script("""return ![...document.querySelectorAll(arguments[0])]
                .some((e) => e.checkVisibility() && (arguments[1] === null || e.innerText.includes(arguments[1])))""", selector, text)

        wait_until(none, WAIT_SECONDS, lambda: f"{selector} with {text!r} goes; the page says: {self.text()[:1500]}")

    def text(self):
        return self.script("return document.body ? document.body.innerText : ''")

    def waits(self, condition, what):
        return wait_until(condition, WAIT_SECONDS, what)

    # ---- acting ----

    def click(self, selector, text=None):
        """Again when the element was replaced, or something lay over it, just then."""
        from selenium.common.exceptions import ElementClickInterceptedException, StaleElementReferenceException

        def clicked():
            try:
                element = self.seen(selector, text)
                self.script("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", element)
                element.click()
                return True
            except (StaleElementReferenceException, ElementClickInterceptedException):
                return False

        wait_until(clicked, WAIT_SECONDS, f"a click on {selector} {text!r}")

    def type(self, selector, text):
        """Puts text into an input, in place of what was there."""
        from selenium.common.exceptions import StaleElementReferenceException
        from selenium.webdriver.common.keys import Keys

        def typed():
            try:
                element = self.seen(selector)
                element.send_keys(Keys.CONTROL, "a")
                element.send_keys(Keys.DELETE)
                element.send_keys(text)
                return True
            except StaleElementReferenceException:
                return False

        wait_until(typed, WAIT_SECONDS, f"typing into {selector}")

    def press(self, *keys):
        """Keys by their names in selenium's Keys ("TAB", "ENTER", "ARROW_DOWN"), or text, to whatever has the focus."""
        from selenium.webdriver.common.action_chains import ActionChains
        from selenium.webdriver.common.keys import Keys

        for key in keys:
            ActionChains(self.driver, duration=0).send_keys(getattr(Keys, key, key)).perform()

    def focused(self):
        """What of the focused element a person would be told: its name or text."""
        return self.script("const e = document.activeElement; return e === document.body ? '' : e.getAttribute('aria-label') || e.labels?.[0]?.innerText || e.innerText || ''")

    def tab_to(self, wanted, most=60):
        """Presses Tab until `wanted` is in the name of what has the focus."""
        told = []
        for _ in range(most):
            self.press("TAB")
            told.append(self.focused().strip())
            if wanted in told[-1]:
                return
        raise AssertionError(f"{wanted!r} is not reached by Tab: {told}")

    # ---- judging ----

    def shot(self, path, whole=False):
        """A PNG of what is seen, or of the whole page."""
        import base64

        options = {"format": "png", "captureBeyondViewport": whole}
        if whole:
            options["clip"] = {"x": 0, "y": 0, "width": self.script("return innerWidth"),
                               "height": self.script("return document.documentElement.scrollHeight"), "scale": 1}
        pathlib.Path(path).write_bytes(base64.b64decode(self.command("Page.captureScreenshot", **options)["data"]))

    def axe(self, *rules):
        """What axe finds that is serious or critical, a line each; contrast is among its rules. `rules`: these alone."""
        if not self.script("return Boolean(window.axe)"):
            self.script(axe_source() + ";window.axe = axe;")
        result = self.driver.execute_async_script("""
            const done = arguments[arguments.length - 1];
            axe.run(document, {resultTypes: ['violations'], ...(arguments[0].length && {runOnly: arguments[0]})}).then((r) => done(r.violations), (e) => done([{id: String(e), impact: 'critical', nodes: []}]));
        """, list(rules))
        return [f"{v['id']}: {n['html'][:160]} {n.get('failureSummary', '')[:300]}" for v in result if v["impact"] in ("serious", "critical")
                for n in v["nodes"] or [{"html": ""}]]

    def overflows(self):
        """How many pixels the page is wider than the window, and what sticks out."""
        return self.script("""
            const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
            return wide <= 0 ? '' : wide + ' px: ' + [...document.querySelectorAll('body *')]
                .filter((e) => e.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
                .slice(0, 5).map((e) => e.tagName + '.' + e.className).join(', ')""")

    def complaints(self):
        """Errors in the console since the window began, without those that the test allows (self.allowed_errors: parts of their text)."""
        return [e["message"] for e in self.driver.get_log("browser")
                if e["level"] == "SEVERE" and not any(part in e["message"] for part in self.allowed_errors)]

    def stopped_by_policy(self):
        return self.script("return window.stoppedByPolicy")

    def origins(self):
        """Where requests went since this was asked last."""
        asked = (json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance"))
        urls = (m["params"]["request"]["url"] for m in asked if m["method"] == "Network.requestWillBeSent")
        parts = (urllib.parse.urlsplit(url) for url in urls if not url.startswith("data:"))
        return {f"{part.scheme}://{part.netloc}" for part in parts}
