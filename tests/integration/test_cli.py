"""The command line against a live server: what people type, what they see, and how it ends."""

import gzip
import json
import os
import re
import pathlib
import signal
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = os.environ.get("ONHAND_PROGRAM", str(ROOT / "build" / "onhand"))
DEMO = ROOT / "deploy" / "demo"

OK, REFUSED, USAGE, UNREACHABLE, DAMAGED = 0, 1, 2, 3, 4


def run(*words, stdin="", env=None, cwd=None):
    clean = {k: v for k, v in os.environ.items() if not k.startswith("ONHAND_")}
    return subprocess.run([PROGRAM, *map(str, words)], input=stdin, text=True, capture_output=True, timeout=60,
                          env={**clean, **(env or {})}, cwd=cwd)


class Server:
    def __init__(self, data, *options, env=None):
        clean = {k: v for k, v in os.environ.items() if not k.startswith("ONHAND_")}
        self.errors = open(str(data) + ".log", "a")
        self.process = subprocess.Popen([PROGRAM, "serve", "--data", str(data), "--listen", "127.0.0.1:0", *options],
                                        stdout=subprocess.PIPE, stderr=self.errors, text=True, env={**clean, **(env or {})})
        line = self.process.stdout.readline()
        assert " ready at http://" in line, open(str(data) + ".log").read()
        self.url = line.split()[-1]

    def run(self, *words, stdin="", **env):
        return run(*words, stdin=stdin, env={"ONHAND_URL": self.url, **env})

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(10)
        self.process.stdout.close()
        self.errors.close()
        return code


@pytest.fixture
def server(tmp_path):
    s = Server(tmp_path / "data")
    yield s
    if s.process.poll() is None:
        assert s.stop() == 0


def event(number, quantity=5, **more):
    return {"id": f"e{number}", "source": "test", "type": "receipt", "sku": "SKU-1", "location": "s1", "quantity": quantity,
            "occurred_at": "2026-01-01T00:00:00Z", **more}


def available(server, sku="SKU-1"):
    return json.loads(server.run("get", sku, "--json").stdout)["available"]


def test_help_is_there_for_every_command_and_names_its_options():
    listed = run("--help")
    assert listed.returncode == OK
    for command in ("serve", "send", "get", "find", "near", "promise", "explain", "reserve", "confirm", "release", "extend", "fulfil", "cancel", "relocate",
                    "change", "reservation", "demand", "plan", "import", "export", "status", "check", "topics", "key", "completion", "man", "version"):
        assert f"\n  {command} " in listed.stdout
        help_text = run(command, "--help")
        assert help_text.returncode == OK and help_text.stdout.startswith(f"onhand {command}")
    assert "--http-threads" in run("serve", "--help").stdout
    assert run().returncode == USAGE


def test_usage_errors_name_what_would_be_right():
    for words, said in ((["serve", "--lisetn", "x"], "did you mean --listen?"), (["sevre"], "did you mean serve?"),
                        (["serve", "--http-threads", "0"], "an integer from 1 to 64"), (["get"], "something is missing"),
                        (["serve", "--log", "kafka"], "--log kafka needs to know where Kafka is"), (["serve", "--intake", "a=json"], "--kafka HOST:PORT"),
                        (["serve", "--kafka", "h:1", "--intake", "a=xml"], "TOPIC=json or TOPIC=protobuf"),
                        (["send", "--topic", "x"], "--kafka HOST:PORT"), (["get", "X", "--url", "https://h"], "TLS"),
                        (["key", "list"], "--keys FILE"), (["export", "--kind", "events"], "not in this version")):
        got = run(*words)
        assert got.returncode == USAGE, words
        assert said in got.stderr, (words, got.stderr)
        assert got.stdout == ""


def test_nobody_there_is_exit_code_3():
    for words in (["get", "X"], ["status"], ["explain", "X", "Y"], ["export"]):
        got = run(*words, "--url", "http://127.0.0.1:9")
        assert got.returncode == UNREACHABLE
        assert "Is `onhand serve` running there?" in got.stderr


@pytest.mark.parametrize("form", ["json", "array", "ndjson", "pretty", "csv", "csv.gz", "stdin"])
def test_events_of_every_form_are_taken_once(server, tmp_path, form):
    events = [event(n) for n in range(3)]
    table = "id,source,type,sku,location,quantity,occurred_at\r\n" + "".join(
        ",".join(str(e[k]) for k in ("id", "source", "type", "sku", "location", "quantity", "occurred_at")) + "\r\n" for e in events)
    content = {"json": "".join(json.dumps(e) for e in events), "array": json.dumps(events), "pretty": json.dumps(events, indent=2),
               "ndjson": "\n".join(map(json.dumps, events)), "stdin": "\n".join(map(json.dumps, events)), "csv": "\ufeff" + table, "csv.gz": table}[form]
    path = tmp_path / f"events.{form}"
    path.write_bytes(gzip.compress(content.encode()) if form == "csv.gz" else content.encode())
    first = server.run("send", stdin=content) if form == "stdin" else server.run("send", path)
    assert (first.returncode, first.stdout) == (OK, "3 events: 3 applied\n"), first.stderr
    assert available(server) == 15
    again = server.run("send", path)
    assert (again.returncode, again.stdout) == (OK, "3 events: 3 duplicate\n")
    assert available(server) == 15


def test_batches_are_only_a_matter_of_speed(server):
    lines = "\n".join(json.dumps(event(n, 1)) for n in range(250))
    assert server.run("send", "--batch", "7", stdin=lines).stdout == "250 events: 250 applied\n"
    assert available(server) == 250


def test_what_is_rejected_is_named_and_does_not_stop_the_rest(server):
    lines = "\n".join(map(json.dumps, [event(1), event(2, 0), event(3, 1.2345), event(4, occurred_at="2099-01-01T00:00:00Z"), event(5)])) + "\n{broken"
    got = server.run("send", "-", "--format", "ndjson", stdin=lines)
    assert got.returncode == REFUSED
    assert got.stdout == "6 events: 2 applied 4 rejected\n"
    assert "e2: rejected malformed: /quantity" in got.stderr
    assert "e4: rejected future: /occurred_at" in got.stderr
    assert available(server) == 10
    got = server.run("send", "-", "--json", "--format", "ndjson", stdin=lines)
    said = [json.loads(line) for line in got.stdout.splitlines()]
    assert said[-1]["sent"] == 6 and said[-1]["rejected"] == 4 and said[-1]["duplicate"] == 2
    assert [s["verdict"] for s in said[:-1]].count("rejected") == 4


def test_columns_nobody_knows_are_named_and_numbers_are_never_said_for_us(server):
    head = "id,source,type,sku,location,quantity,occurred_at"
    got = server.run("send", stdin=f"{head},colour\ne1,t,sale,A,s1,2,2026-01-01T00:00:00Z,red\n")
    assert got.returncode == OK and "left out: colour" in got.stderr
    got = server.run("send", stdin=f"{head},available\ne2,t,sale,A,s1,2,2026-01-01T00:00:00Z,7\n")
    assert got.returncode == REFUSED and "available" in got.stderr
    got = server.run("send", stdin=f"{head}\ne3,t,sale,A,s1,2\ne4,t,sale,A,s1,2,2026-01-01T00:00:00Z\n")
    assert got.returncode == USAGE and "line 2: there are 6 fields, the header has 7" in got.stderr and "1 applied" in got.stdout


@pytest.fixture
def demo(server):
    left_out = [word for column in ("postcode", "country", "sgln_urn", "source_id") for word in ("--column", f"{column}=")]
    got = server.run("import", *left_out, DEMO / "locations.csv")
    assert (got.returncode, got.stdout, got.stderr) == (OK, "32 locations\n", "")
    assert server.run("import", DEMO / "groups.csv").stdout == "3 groups\n"
    items = "sku,style,variant,description\n84997A,84997,A,CUTLERY GREEN\n84997B,84997,B,CUTLERY RED\n"
    got = server.run("import", "--column", "description=name", "--column", "style=product", "--column", "variant=options.variant", "-", stdin=items)
    assert got.stdout == "2 items\n", got.stderr
    server.run("send", stdin="\n".join(json.dumps(event(n, n, sku="84997A", location=f"ST{n:02d}")) for n in range(1, 32)))
    return server


def test_people_see_names(demo):
    got = demo.run("get", "84997A", "--location", "ST01", "--location", "DC00")
    assert got.returncode == OK
    assert "84997A  CUTLERY GREEN" in got.stdout
    assert "ST01      Combe Hay Community Library" in got.stdout
    assert "1 available, in_stock" in got.stdout
    assert "ON HAND" in demo.run("get", "84997A", "--detail").stdout
    by_group = json.loads(demo.run("get", "84997A", "--group", "london", "--json").stdout)
    assert by_group["available"] == 5 + 10 + 11 + 12 + 13 + 14 + 15 + 16 + 17
    near = json.loads(demo.run("get", "84997A", "--near", "51.5,-0.12", "--limit", "1", "--json").stdout)
    assert [l["location"] for l in near["locations"]] == ["ST05"]


def test_words_find_items_and_locations(demo):
    got = demo.run("find", "cútlery", "green")
    assert got.returncode == OK and "84997A  CUTLERY GREEN" in got.stdout and "items: 1\n" in got.stdout, got.stdout
    assert "ST01      Combe Hay Community Library" in demo.run("find", "combe").stdout
    assert json.loads(demo.run("find", "84997a", "--json").stdout)["sku"] == "84997A"
    assert "items: 0\n" in demo.run("find", "nothing like that").stdout
    refused = demo.run("find", "a b c d e f g h i")
    assert refused.returncode != OK and "1 to 8 words" in refused.stderr


def test_a_basket_is_promised(demo):
    got = demo.run("promise", "84997A=2", "--near", "51.5,-0.12", "--method", "pickup", "--limit", "3")
    assert got.returncode == OK and got.stdout.startswith("METHOD  LOCATION") and got.stdout.count("\npickup  ST") == 3, got.stdout
    options = [json.loads(line) for line in demo.run("promise", "84997A", "--location", "ST05", "--json").stdout.splitlines()]
    assert {o["location"] for o in options} == {"ST05"} and options[0]["lines"] == [{"sku": "84997A", "quantity": 1, "location": "ST05"}]
    assert "nobody can hand that over" in demo.run("promise", "84997A=99999", "--location", "ST05", "--method", "pickup").stdout
    for wrong in (["84997A"], ["84997A=x", "--location", "ST05"], ["84997A", "--near", "51.5"]):
        assert demo.run("promise", *wrong).returncode == USAGE
    assert "no item `nothing` is known" in demo.run("promise", "nothing", "--location", "ST05").stderr


def test_opening_hours_arrive_as_rows_of_days(demo, tmp_path):
    import urllib.request
    with urllib.request.urlopen(demo.url + "/v1/locations/ST02") as answer:
        place = json.load(answer)
    assert place["latitude"] == 51.42102 and place["time_zone"] == "Europe/London"
    assert place["opening_hours"] == [{"days": ["mo", "tu", "we", "th", "fr"], "opens": "08:00", "closes": "20:00"},
                                      {"days": ["sa"], "opens": "08:00", "closes": "18:00"}, {"days": ["su"], "opens": "10:00", "closes": "18:00"}]


def test_bad_reference_data_is_told_line_by_line(server):
    got = server.run("import", "-", stdin="location,name,lat,lon\nok,Fine,50,8\nbad id,Blank,50,8\nfar,Far,95,8\nbare,,,\n")
    assert got.returncode == REFUSED
    assert "2 locations\n2 refused\n" == got.stdout, got.stderr
    assert "line 3: bad id" in got.stderr and "line 4: far" in got.stderr and "latitude" in got.stderr
    got = server.run("import", "-", stdin="location,name,tz,opening_hours\na,A,UTC,Mo 9-17\nb,B,UTC,Mo 09:00-17:00\n")
    assert got.returncode == USAGE and "a time like 09:00" in got.stderr and "1 locations" in got.stdout


def test_what_is_not_known_is_exit_code_1(demo):
    got = demo.run("get", "NOPE", "84997A")
    assert got.returncode == REFUSED and "no SKU `NOPE` is known" in got.stderr and "84997A" in got.stdout
    assert demo.run("explain", "84997A", "nowhere").returncode == REFUSED


def test_explain_adds_up(demo):
    answer = json.loads(demo.run("explain", "84997A", "ST07", "--json").stdout)
    terms = {t["name"]: t["value"] for t in answer["terms"]}
    assert terms["on_hand"] == 7 and terms["available"] == 7
    assert "on_hand" in demo.run("explain", "84997A", "ST07").stdout


def test_status_counts(demo):
    got = demo.run("status")
    assert got.returncode == OK and "ready      yes" in got.stdout and "31 rows" in got.stdout
    said = json.loads(demo.run("status", "--json").stdout)
    assert said["ready"] is True and said["skus"] == 2 and said["locations"] == 32 and said["log_behind_records"] == 0


def test_export_gives_back_what_went_in(demo, tmp_path):
    import csv
    got = demo.run("export")
    assert got.returncode == OK, got.stderr
    rows = list(csv.DictReader(got.stdout.splitlines()))
    assert {r["location"]: r["on_hand"] for r in rows} == {f"ST{n:02d}": str(n) for n in range(1, 32)}
    one = [json.loads(line) for line in demo.run("export", "--format", "ndjson", "--location", "ST09").stdout.splitlines()]
    assert [(r["sku"], r["location"], r["on_hand"]) for r in one] == [("84997A", "ST09", 9)]
    for kind, count in (("locations", 32), ("groups", 3), ("items", 2)):
        text = demo.run("export", "--kind", kind).stdout
        assert len(text.splitlines()) == count
        other = Server(tmp_path / kind)
        try:
            back = other.run("import", "--kind", kind, "--format", "ndjson", "-", stdin=text)
            assert (back.returncode, back.stdout) == (OK, f"{count} {kind}\n"), back.stderr
            assert other.run("export", "--kind", kind).stdout == text
        finally:
            assert other.stop() == 0


def test_check_tells_whole_from_damaged(server, tmp_path):
    data = tmp_path / "data"
    server.run("send", stdin="\n".join(json.dumps(event(n)) for n in range(100)))
    assert run("check", "--data", data).returncode not in (OK, DAMAGED)  # in use
    assert server.stop() == 0
    whole = run("check", "--data", data)
    assert whole.returncode == OK and f"{data}: whole" in whole.stdout and "with 100 events" in whole.stdout
    assert [json.loads(l) for l in run("check", "--json", "--data", data).stdout.splitlines()][-1] == {"whole": True}
    checkpoint = next(p for p in (data / "checkpoints").iterdir() if p.name.startswith("checkpoint-"))
    content = bytearray(checkpoint.read_bytes())
    content[len(content) // 2] ^= 1
    checkpoint.write_bytes(content)
    damaged = run("check", "--data", data)
    assert damaged.returncode == DAMAGED and "NOT WHOLE" in damaged.stdout
    assert run("check", "--data", tmp_path / "nothing").returncode == REFUSED


def test_keys_open_what_they_are_for(tmp_path):
    keys = tmp_path / "keys"
    reader = run("key", "create", "--keys", keys, "--scope", "read").stdout.strip()
    writer = run("key", "create", "--keys", keys, "--scope", "read", "--scope", "events").stdout.strip()
    assert reader.startswith("onhand_") and writer not in keys.read_text()
    server = Server(tmp_path / "data", "--keys", str(keys))
    try:
        line = json.dumps(event(1))
        assert server.run("send", stdin=line).returncode == REFUSED
        assert server.run("send", stdin=line, ONHAND_API_KEY=reader).returncode == REFUSED
        assert server.run("send", stdin=line, ONHAND_API_KEY=writer).stdout == "1 events: 1 applied\n"
        (tmp_path / "key").write_text(reader + "\n")
        assert server.run("get", "SKU-1", "--api-key-file", str(tmp_path / "key")).returncode == OK
        nothing = server.run("get", "SKU-1")
        assert nothing.returncode == REFUSED and "ONHAND_API_KEY" in nothing.stderr
    finally:
        assert server.stop() == 0
    listed = [json.loads(l) for l in run("key", "list", "--keys", keys, "--json").stdout.splitlines()]
    assert sorted(k["scopes"] for k in listed) == ["read", "read,events"]  # by id, and ids are random
    assert run("key", "revoke", listed[0]["id"], "--keys", keys).returncode == OK
    assert run("key", "revoke", listed[0]["id"], "--keys", keys).returncode == REFUSED
    assert run("key", "create", "--keys", keys, "--scope", "everything").returncode == USAGE


def test_flag_before_environment_before_file(tmp_path):
    config = tmp_path / "onhand.conf"
    config.write_text("# for a test\ndata = from-the-file\nlog-level = debug\n")
    server = Server(tmp_path / "from-the-flag", "--config", str(config), env={"ONHAND_DATA": str(tmp_path / "from-the-environment")})
    assert server.stop() == 0
    assert (tmp_path / "from-the-flag").is_dir() and not (tmp_path / "from-the-environment").exists()
    config.write_text("litsen = 127.0.0.1:0\n")
    got = run("serve", "--config", config)
    assert got.returncode == USAGE and "line 1: litsen is not a setting; did you mean listen?" in got.stderr


def test_the_man_page_and_the_completion_are_well_formed(tmp_path):
    page = run("man").stdout
    assert page.startswith(".TH ONHAND 1") and "\\-\\-http\\-threads" in page
    script = tmp_path / "completion"
    script.write_text(run("completion", "bash").stdout)
    got = subprocess.run(["bash", "-c", f'source {script}; COMP_WORDS=(onhand serve --log ""); COMP_CWORD=3; _onhand; echo "${{COMPREPLY[@]}}"'],
                         capture_output=True, text=True)
    assert got.stdout == "embedded kafka\n"


# ---- reservations ----

def test_a_reservation_and_its_steps(server):
    assert server.run("send", stdin=json.dumps(event(1, 10))).returncode == OK
    held = server.run("reserve", "SKU-1=3@s1", "--id", "r-1", "--ttl", "900", "--reference", "ORD-1")
    assert held.returncode == OK, held.stderr
    assert held.stdout.startswith("r-1  held until 20") and "reference ORD-1" in held.stdout
    assert held.stdout.splitlines()[-1].split() == ["SKU-1", "s1", "3", "3", "3", "0", "0"]
    assert server.run("reserve", "SKU-1=3@s1", "--id", "r-1", "--ttl", "900", "--reference", "ORD-1").returncode == OK  # the same
    other = server.run("reserve", "SKU-1=4@s1", "--id", "r-1", "--ttl", "900", "--reference", "ORD-1")
    assert other.returncode == REFUSED and "422" in other.stderr
    assert server.run("extend", "r-1", "--ttl", "1000", "--step-id", "x1").returncode == OK
    confirmed = json.loads(server.run("confirm", "r-1", "--json").stdout)
    assert (confirmed["state"], confirmed["lines"][0]["committed"]) == ("confirmed", 3)
    assert server.run("release", "r-1").returncode == REFUSED
    assert server.run("fulfil", "r-1", "SKU-1=1", "--step-id", "p1", "--json").returncode == OK
    assert server.run("cancel", "r-1").returncode == OK
    shown = server.run("reservation", "--reference", "ORD-1", "--json")
    assert [(r["id"], r["lines"][0]["gone"]) for r in json.loads(shown.stdout)["reservations"]] == [("r-1", 1)]
    assert available(server) == 9


def test_a_refused_reservation_says_what_is_missing(server):
    assert server.run("send", stdin=json.dumps(event(1, 2))).returncode == OK
    refused = server.run("reserve", "SKU-1=3@s1")
    assert refused.returncode == REFUSED and "409" in refused.stderr
    assert refused.stdout.splitlines()[-1].split() == ["SKU-1", "s1", "3", "2"]
    assert json.loads(server.run("reserve", "SKU-1=3@s1", "--json").stdout)["shortfalls"][0]["available"] == 2
    part = json.loads(server.run("reserve", "SKU-1=3@s1", "--partial", "--json").stdout)
    assert part["missing"] == [{"sku": "SKU-1", "location": "s1", "quantity": 1}] and part["id"].startswith("cli-")


def test_a_line_that_is_none_is_a_usage_error(server):
    for words, said in ((["reserve", "SKU-1"], "must be SKU=QUANTITY"), (["reserve", "SKU-1=x@s1"], "must be SKU=QUANTITY"),
                        (["reserve", "SKU-1=1", "--near", "here"], "must be LATITUDE,LONGITUDE"), (["reservation"], "say the ID"),
                        (["relocate", "r-1", "a"], "something is missing")):
        got = server.run(*words)
        assert got.returncode == USAGE and said in got.stderr, (words, got.stderr)
    nowhere = server.run("reserve", "SKU-1=1")
    assert nowhere.returncode == REFUSED and "must have one of location, candidates, group, near" in nowhere.stderr


def test_a_plan_is_shown_and_set(server, tmp_path):
    """1000; rank 1 A 40 % (min 100), rank 2 the pool 10 %, rank 3 B 20 % but min 300, rank 4 C 30 %: A 400, pool 100, B 300, C 200."""
    assert server.run("send", stdin=json.dumps(event(1, 1000))).returncode == OK
    plan = ["plan", "SKU-1", "A=40+100@1", "C=30@4", "pool=10@2", "B=20+300@3", "--location", "s1"]
    dry = server.run(*plan, "--dry-run")
    assert dry.returncode == OK and "nothing was set" in dry.stdout and "applied" not in dry.stdout, dry
    assert available(server) == 1000
    done = server.run(*plan, "--json")
    assert {a["channel"]: a["quantity"] for a in json.loads(done.stdout)["allocations"]} == {"A": 400, None: 100, "B": 300, "C": 200}
    assert available(server) == 100
    shares = tmp_path / "shares.json"
    shares.write_text(json.dumps([{"channel": "A", "rank": 1, "percent": 50}]))
    again = server.run("plan", "SKU-1", "--shares", shares, "--location", "s1")
    assert again.returncode == OK and re.search(r"s1 +A +400 +250 +applied", again.stdout), again  # of the 500 that B and C leave
    for words in (["A"], ["A=x"], ["A=1+"], ["A=1", "--shares", shares], [], ["--shares", tmp_path / "none"]):
        assert server.run("plan", "SKU-1", *words, "--location", "s1").returncode == USAGE, words
    assert server.run("plan", "SKU-1", "A=1").returncode == USAGE
    assert server.run("plan", "NOBODY", "A=1", "--location", "s1").returncode == REFUSED


def test_near_a_point_and_by_group(server, tmp_path):
    places = tmp_path / "locations.ndjson"
    places.write_text("\n".join(json.dumps({"id": f"s{n}", "latitude": 52 + n / 10, "longitude": 13.4}) for n in (1, 2)))
    assert server.run("import", places).returncode == OK
    stock = [event(1, 1), event(2, 5, location="s2")]
    assert server.run("send", stdin="\n".join(map(json.dumps, stock))).returncode == OK
    near = server.run("near", "SKU-1", "52.1,13.4")
    assert near.returncode == OK and [line.split()[0] for line in near.stdout.splitlines()[3:5]] == ["s1", "s2"]
    got = json.loads(server.run("reserve", "SKU-1=2", "--near", "52.1,13.4", "--json").stdout)
    assert [(one["location"], one["quantity"]) for one in got["lines"]] == [("s2", 2)]
    got = json.loads(server.run("reserve", "SKU-1=2@s1,s2", "--split", "--json").stdout)
    assert [(one["location"], one["quantity"]) for one in got["lines"]] == [("s1", 1), ("s2", 1)]
