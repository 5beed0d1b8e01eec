"""The machine line: what the figures were taken on."""
import os
import pathlib
import platform
import re
import shutil
import subprocess

# What each program says its version is.
VERSIONS = {
    "gcc": ["gcc", "-dumpfullversion"],
    "nginx": ["nginx", "-v"],
    "redis": ["redis-server", "--version"],
    "go": ["go", "version"],
    "java": ["java", "-version"],
}


def said(command):
    if not shutil.which(command[0]):
        return None
    try:
        done = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r"\d+(\.\d+)+", done.stdout)
    return found.group(0) if found else None


def debian(package):
    if not shutil.which("dpkg-query"):
        return None
    done = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", package], text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return done.stdout or None


def describe():
    cpu = re.search(r"model name\s*:\s*(.+)", pathlib.Path("/proc/cpuinfo").read_text())
    memory = re.search(r"MemTotal:\s+(\d+)", pathlib.Path("/proc/meminfo").read_text())
    versions = {name: said(command) for name, command in VERSIONS.items()}
    for package in ("postgresql-15", "librdkafka1", "libevent-2.1-7", "libck0", "liburcu8", "libtbb12"):
        versions[package] = debian(package)
    return {"cpu": cpu.group(1).strip() if cpu else platform.machine(), "cores": os.cpu_count(), "kernel": platform.release(),
            "memory_gib": round(int(memory.group(1)) / 2**20, 1), "load_before": round(os.getloadavg()[0], 2),
            "versions": {name: version for name, version in versions.items() if version}}


def line(m):
    versions = ", ".join(f"{name} {version}" for name, version in m["versions"].items())
    return f"{m['cores']} × {m['cpu']}, {m['memory_gib']} GiB, Linux {m['kernel']}; load before: {m['load_before']}; {versions}"
