#!/usr/bin/env python3
"""GET /v1/availability over HTTP beside a bare epoll loop and nginx: run.py BUILD_DIRECTORY [ROUNDS [SECONDS [OUT.json]]].

One server at a time on core 0, wrk with 32 connections on core 1, interleaved rounds, the best of each kept. Server CPU is that of its process.
Before anything counts, answers are compared with what was put in."""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request

BUILD = os.path.abspath(sys.argv[1])
ROUNDS = int(sys.argv[2]) if len(sys.argv) > 2 else 3
SECONDS = int(sys.argv[3]) if len(sys.argv) > 3 else 4
OUT = sys.argv[4] if len(sys.argv) > 4 else None
SKUS, PORT, CONNECTIONS = 100000, 18931, 32
HERE = tempfile.mkdtemp(prefix="onhand-bench-")

LUA = """
local requests = {}
init = function(args)
  for i = 1, 1024 do
    local sku = (i * 7919) %% %d
    requests[i] = string.rep(wrk.format("GET", "/v1/availability/SKU-" .. sku ..
      "?location=" .. string.format("store-%%04d", (sku * 7) %% 1000)), %d)
  end
end
local at = 0
request = function() at = at %% 1024 + 1; return requests[at] end
"""
NGINX = """
daemon off; worker_processes 1; pid %(here)s/nginx.pid; error_log /dev/null;
events { worker_connections 256; }
http { access_log off; keepalive_requests 1000000000; keepalive_timeout 60; tcp_nodelay on; default_type application/json;
  client_body_temp_path %(here)s/a; proxy_temp_path %(here)s/b; fastcgi_temp_path %(here)s/c; uwsgi_temp_path %(here)s/d; scgi_temp_path %(here)s/e;
  server { listen 127.0.0.1:%(port)d; location / { %(headers)s return 200 '%(body)s'; } } }
"""


def url(sku):
    return f"http://127.0.0.1:{PORT}/v1/availability/SKU-{sku}?location=store-{sku * 7 % 1000:04d}"


def wait_for_port():
    for _ in range(600):
        try:
            return urllib.request.urlopen(url(1), timeout=5)
        except OSError:
            time.sleep(0.1)
    sys.exit("the server did not come up")


def check():
    for sku in range(0, SKUS, 997):
        answer = json.load(urllib.request.urlopen(url(sku)))
        assert answer["available"] == 1 + sku * 4 % 50, answer


def cpu_seconds(pid):
    pids = [pid] + [int(p) for p in open(f"/proc/{pid}/task/{pid}/children").read().split()]
    ticks = 0
    for p in pids:
        fields = open(f"/proc/{p}/stat").read().rsplit(")", 1)[1].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def load(pid, depth):
    lua = f"{HERE}/{depth}.lua"
    open(lua, "w").write(LUA % (SKUS, depth))
    before = cpu_seconds(pid)
    out = subprocess.run(["taskset", "-c", "1", "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "--latency", "-s", lua,
                          f"http://127.0.0.1:{PORT}"], capture_output=True, text=True, check=True).stdout
    used = cpu_seconds(pid) - before
    requests = int(re.search(r"(\d+) requests in", out).group(1))
    if "Non-2xx" in out or "Socket errors" in out:
        sys.exit(out)
    p99 = re.search(r"99%\s+([\d.]+)(us|ms|s)", out)
    return {"per_second": float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1)), "cpu_us": used / requests * 1e6,
            "p99_us": float(p99.group(1)) * {"us": 1, "ms": 1e3, "s": 1e6}[p99.group(2)]}


def servers():
    limit = str(20 + 3 * SECONDS)
    yield "onhand", [f"{BUILD}/bench/http/serve_state", str(PORT), str(SKUS), limit]
    yield "bare epoll", [f"{BUILD}/bench/http/bare_epoll", str(PORT), f"{HERE}/answer", limit]
    yield "nginx", ["nginx", "-p", HERE, "-c", f"{HERE}/nginx.conf"]


def keep_answer():
    """What onhand says for one SKU becomes what the peers say for all."""
    raw = subprocess.run(["curl", "-si", url(7919)], capture_output=True, check=True).stdout
    open(f"{HERE}/answer", "wb").write(raw)
    head, body = raw.decode().split("\r\n\r\n", 1)
    own = [line for line in head.split("\r\n")[1:] if re.match(r"(X-|Content-Sec|ETag|Cache)", line)]
    headers = " ".join("add_header {} '{}';".format(*line.split(": ", 1)) for line in own if not line.startswith("Content-Sec"))
    headers += ' add_header Content-Security-Policy "default-src \'none\'; frame-ancestors \'none\'";'
    open(f"{HERE}/nginx.conf", "w").write(NGINX % {"here": HERE, "port": PORT, "body": body, "headers": headers})


def main():
    results = {}
    for _ in range(ROUNDS):
        for name, command in servers():
            server = subprocess.Popen(["taskset", "-c", "0"] + command, stdout=subprocess.DEVNULL)
            try:
                wait_for_port()
                if name == "onhand":
                    check()
                    keep_answer()
                for depth in (1, 16):
                    got, best = load(server.pid, depth), results.setdefault((name, depth), {})
                    for key, value in got.items():
                        better = max if key == "per_second" else min
                        best[key] = better(best.get(key, value), value)
            finally:
                server.terminate()
                server.wait()
    print(f"{'server':12} {'pipelined':>9} {'requests/s':>11} {'CPU us':>7} {'p99 us':>8}")
    for (name, depth), r in results.items():
        print(f"{name:12} {depth:9} {r['per_second']:11.0f} {r['cpu_us']:7.2f} {r['p99_us']:8.0f}")
    for peer in ("bare epoll", "nginx"):
        for depth in (1, 16):
            a, b = results["onhand", depth], results[peer, depth]
            # wrk tells no latency while it pipelines
            p99 = f", {a['p99_us'] / b['p99_us']:.2f} p99" if b["p99_us"] else ""
            print(f"onhand / {peer}, {depth} at once: {a['per_second'] / b['per_second']:.2f} requests/s, "
                  f"{a['cpu_us'] / b['cpu_us']:.2f} CPU{p99}")
    if OUT:
        json.dump([{"server": n, "pipelined": d, **r} for (n, d), r in results.items()], open(OUT, "w"), indent=1)
    shutil.rmtree(HERE)


main()
