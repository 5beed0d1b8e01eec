"""/metrics is what Prometheus reads, and every metric that an alert rule or the README names is there."""
import pathlib
import re
import shutil
import subprocess
import uuid

import pytest

from harness import wait_until
from test_redis import RedisServer

ROOT = pathlib.Path(__file__).resolve().parents[2]
ALERTS = ROOT / "deploy" / "alerts.yml"

AFTER_A_COMPARISON = {"onhand_digest_info"}  # there when replicas have compared their states

RULES = """
rule_files: [{alerts}]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series:
      - {{series: 'onhand_log_next_offset{{job="onhand", instance="a"}}', values: '500000x30'}}
      - {{series: 'onhand_log_next_offset{{job="onhand", instance="b"}}', values: '100x30'}}
      - {{series: 'onhand_events_rejected_total{{job="onhand", instance="a"}}', values: '9x10 5x20'}}
      - {{series: 'onhand_uptime_seconds{{job="onhand", instance="a"}}', values: '0+60x10 0+60x20'}}
      - {{series: 'onhand_duty{{job="onhand", instance="a"}}', values: '0x10 1x20'}}
      - {{series: 'onhand_redis_complete_seconds{{job="onhand", instance="a"}}', values: '0x10 660+60x20'}}
      - {{series: 'onhand_redis_complete_seconds{{job="onhand", instance="b"}}', values: '0x30'}}
    alert_rule_test:
      - alertname: OnhandFarBehind
        eval_time: 10m
        exp_alerts:
          - exp_labels: {{severity: page, job: onhand, instance: b}}
            exp_annotations: {{summary: b answers from 499900 records ago}}
      - {{alertname: OnhandRejected, eval_time: 15m, exp_alerts: []}}
      - alertname: OnhandNobodyOnDuty
        eval_time: 10m
        exp_alerts:
          - exp_labels: {{severity: page, job: onhand}}
            exp_annotations: {{summary: "no engine is on duty: nothing that falls due is proposed, shared outputs stand still"}}
      - {{alertname: OnhandNobodyOnDuty, eval_time: 15m, exp_alerts: []}}
      - alertname: OnhandRedisLate
        eval_time: 10m
        exp_alerts:
          - exp_labels: {{severity: page, job: onhand}}
            exp_annotations: {{summary: what channels read in Redis is 10m 0s old}}
      - {{alertname: OnhandRedisLate, eval_time: 15m, exp_alerts: []}}
"""


@pytest.fixture
def metrics(program, broker, daemon, tmp_path):
    """What an engine shows that has everything: its log and intake on Kafka, Redis, the availability topic, a history."""
    folder = tmp_path / "redis"
    folder.mkdir()
    server = RedisServer(folder).start()
    name = f"metrics-{uuid.uuid4().hex[:8]}"
    topics = ("--kafka", broker.address, "--log-topic", f"{name}-log", "--dead-letter-topic", f"{name}-dead", "--intake", f"{name}=json",
              "--availability-topic", f"{name}-availability")
    subprocess.run([program, "topics", *topics], check=True, stdout=subprocess.PIPE, timeout=30)
    engine = daemon("--log", "kafka", *topics, "--redis", f"unix:{server.socket}").start()
    wait_until(lambda: "onhand_intake_lag{" in engine.get("/metrics").text, 30, "intake has partitions")
    yield engine.get("/metrics").text
    assert engine.stop() == 0
    server.kill()


def promtool(*command, **options):
    """What it says."""
    done = subprocess.run(["promtool", *command], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, **options)
    assert done.returncode == 0 or done.returncode == 3 and command[0:2] == ("check", "metrics"), done.stdout  # 3: taste
    return done.stdout


def test_metrics_are_as_prometheus_wants_them(metrics):
    families, samples = re.findall(r"^# TYPE (\S+) (?:counter|gauge)$", metrics, re.M), re.findall(r"^([a-z]\S*) \S+$", metrics, re.M)
    assert len(families) == len(set(families)) and len(samples) == len(set(samples))
    assert {sample.split("{")[0] for sample in samples} <= set(families)
    assert re.findall(r"^# HELP (\S+) .", metrics, re.M) == families
    if shutil.which("promtool"):
        assert all(line.endswith("abbreviated units") for line in promtool("check", "metrics", input=metrics).splitlines())


@pytest.mark.parametrize("path", [ALERTS, ROOT / "README.md"], ids=lambda path: path.name)
def test_metrics_that_are_named_exist(metrics, path):
    there = set(re.findall(r"^# TYPE (\S+)", metrics, re.M))
    named = set(re.findall(r"\bonhand_[a-z0-9_]*[a-z0-9]\b(?!…)", path.read_text()))
    assert len(named) > 3 and named - AFTER_A_COMPARISON <= there, named - there


def test_rules(tmp_path):
    if not shutil.which("promtool"):
        pytest.skip("promtool is not here")
    promtool("check", "rules", str(ALERTS))
    (tmp_path / "rules.yml").write_text(RULES.format(alerts=ALERTS))
    promtool("test", "rules", str(tmp_path / "rules.yml"))
