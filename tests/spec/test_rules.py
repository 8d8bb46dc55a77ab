"""What is refused, and what is said about it: (what stands in a good file, what stands there instead, the problems).

Read as documentation of the format's rules. Every problem is exact, with its position; nothing else is reported.
"""

import pytest

from slo_daemon.spec import load
from tests.spec.problems import problems_of

SLOS = """\
apiVersion: slo-daemon/v1
kind: Slos
metadata: {name: shop, labels: {team: search}}
spec:
  slos:
    - name: availability
      sli:
        ratio: {bad: 'requests_total{code=~"5.."}', total: requests_total}
      objective: {at_least: 99.9%, warning: 99.9%, critical: 99.5%}
      window: 1h
    - name: latency
      sli:
        quantile: {histogram: duration_seconds, quantile: p95}
      objective: {at_most: 50ms, warning: 50ms, critical: 60ms}
      window: 5m
      budget: {window: 30d, target: 99%}
"""

PILOT = """\
apiVersion: slo-daemon/v1
kind: Pilot
metadata: {name: search}
spec:
  stage: canary
  start: 2026-10-23
  duration: 8w
  ramp:
    initial: 5%
    max: 20%
    steps: [{week: 1, percentage: 5%}, {week: 2, percentage: 10%}]
  features: {semantic_search: true}
  variants: [control, treatment]
  slos:
    - name: throughput
      sli: {throughput: {counter: requests_total}}
      objective: {at_least: 5/s, critical: 5/s}
      window: 5m
  success_metrics:
    conversion_lift:
      experiment: {exposed: exposed_total, converted: converted_total, by: variant, control: control, treatment: treatment}
      objective: {at_least: 15%}
    satisfaction:
      feedback: mean
      objective: {at_least: 4.0/5}
  go_live_criteria: [All SLOs met for 2+ weeks]
  rollback_triggers: [Throughput < 1/s]
  escalation_contacts: [{name: On-call, role: primary, contact: oncall@example.org}]
"""

# fmt: off
SLO_RULES = [
    # keys
    ("window: 1h", "windw: 1h",
     "shop.yaml:10:7: spec.slos[0].windw: unknown key 'windw'; did you mean 'window'?"),
    ("- name: availability", "- slo: availability",
     "shop.yaml:6:7: spec.slos[0].slo: unknown key 'slo'; did you mean 'sli'?",
     "shop.yaml:6:7: spec.slos[0].name: this key is missing"),
    ("window: 1h", "window: 1h\n      window: 2h",
     "shop.yaml:11:7: the key 'window' stands twice; the first is in line 10"),
    ("      window: 1h\n", "",
     "shop.yaml:6:7: spec.slos[0].window: this key is missing"),
    ("window: 1h", "window:",
     "shop.yaml:10:14: spec.slos[0].window: nothing stands here; give a value or remove the key"),
    ("spec:\n", "spec:\n  owner: me\n",
     "shop.yaml:5:3: spec.owner: unknown key 'owner'; the keys here are slos"),
    ("kind: Slos", "kind: Slo",
     "shop.yaml:2:7: kind: kind 'Slo' is not known; did you mean 'Slos'?"),
    ("kind: Slos", "kind: Settings",
     "shop.yaml:2:7: kind: the daemon's own settings do not belong among pilots and SLOs; name that file with --config"),
    ("kind: Slos\n", "",
     "shop.yaml:1:1: kind: this key is missing; write kind: Pilot or Slos"),
    ("slo-daemon/v1", "slo-daemon/v2",
     "shop.yaml:1:13: apiVersion: 'slo-daemon/v2' is not known here; did you mean 'slo-daemon/v1'?"),
    # names and labels
    ("name: shop", "name: Shop_1",
     "shop.yaml:3:18: metadata.name: 'Shop_1' is not a name; use at most 63 lower-case letters, digits and dashes, with a letter or digit at both ends"),
    ("name: latency", "name: availability",
     "shop.yaml:11:13: spec.slos[1].name: the SLO 'availability' stands twice; the first is in line 6"),
    ("team: search", "team: search, le: x",
     "shop.yaml:3:47: metadata.labels.le: the label 'le' is set by slo-daemon or Prometheus; choose another name"),
    ("team: search", "2nd-team: search",
     "shop.yaml:3:33: metadata.labels.2nd-team: '2nd-team' is not a label name of Prometheus; use letters, digits and underscores, no digit first"),
    ("team: search", "__team: search",
     "shop.yaml:3:33: metadata.labels.__team: the label '__team' is set by slo-daemon or Prometheus; choose another name"),
    ("team: search", "team: ''",
     "shop.yaml:3:39: metadata.labels.team: the text is empty"),
    ("window: 1h", "window: 1h\n      group_by: [region, region]",
     "shop.yaml:11:26: spec.slos[0].group_by[1]: the label 'region' stands twice; the first is in line 11"),
    ("window: 1h", "window: 1h\n      group_by: [team]",
     "shop.yaml:11:18: spec.slos[0].group_by[0]: the label 'team' has a fixed value under labels; remove it from one of the two"),
    ("window: 1h", "window: 1h\n      group_by: [window]",
     "shop.yaml:11:18: spec.slos[0].group_by[0]: the label 'window' is set by slo-daemon or Prometheus; choose another name"),
    # what YAML takes for something else
    ("team: search", "team: no",
     "shop.yaml:3:39: metadata.labels.team: text is wanted, but YAML reads no as a truth value; put it in quotes"),
    ("team: search", "on: search",
     "shop.yaml:3:33: the key 'on' is read as a truth value by YAML; put it in quotes"),
    ("team: search", "team: 2026-10-23",
     "shop.yaml:3:39: metadata.labels.team: text is wanted, but YAML reads 2026-10-23 as a date; put it in quotes"),
    ("team: search", "team: 1:30",
     "shop.yaml:3:39: metadata.labels.team: text is wanted, but YAML reads 1:30 as a number; put it in quotes"),
    ("team: search", "team: 0x1f",
     "shop.yaml:3:39: metadata.labels.team: text is wanted, but YAML reads 0x1f as a number; put it in quotes"),
    ("team: search", "team: ~",
     "shop.yaml:3:39: metadata.labels.team: nothing stands here; give a value or remove the key"),
    # times and quantities
    ("window: 1h", "window: 60",
     "shop.yaml:10:15: spec.slos[0].window: 60 has no unit; write for example 60s, 60m or 60d"),
    ("window: 1h", "window: 1:30",
     "shop.yaml:10:15: spec.slos[0].window: '1:30' is not a duration; write for example 30s, 5m, 1h30m, 14d or 8w"),
    ("window: 1h", "window: 30m1h",
     "shop.yaml:10:15: spec.slos[0].window: '30m1h' repeats or mixes up its units; write the largest first, as in 1h30m"),
    ("window: 1h", "window: 5 minutes",
     "shop.yaml:10:15: spec.slos[0].window: '5 minutes' is not a duration; write for example 30s, 5m, 1h30m, 14d or 8w"),
    ("window: 1h", "window: 300w52w",
     "shop.yaml:10:15: spec.slos[0].window: '300w52w' repeats or mixes up its units; write the largest first, as in 1h30m"),
    ("window: 1h", "window: 999w",
     "shop.yaml:10:15: spec.slos[0].window: 999w is longer than 10 years"),
    ("window: 1h", "window: [1h]",
     "shop.yaml:10:15: spec.slos[0].window: one value is wanted here, not a list"),
    ("at_least: 99.9%", "at_least: 99.9",
     "shop.yaml:9:29: spec.slos[0].objective.at_least: 99.9 has no unit, but sli.ratio wants a ratio; write for example 99%"),
    ("at_least: 99.9%", "at_least: 99.9 percent",
     "shop.yaml:9:29: spec.slos[0].objective.at_least: unit 'percent' is not known; the units are us, ms, s, m, h, d, w, %, ratio, /5, /s, /min"),
    ("at_least: 99.9%", "at_least: about 99%",
     "shop.yaml:9:29: spec.slos[0].objective.at_least: 'about 99%' is not a number with a unit; write for example 50ms, 99.9% or 4.0/5"),
    ("at_least: 99.9%", "at_least: 999%",
     "shop.yaml:9:29: spec.slos[0].objective.at_least: 999% is out of range; a ratio lies between 0% and 100%"),
    ("at_most: 50ms", "at_most: 5%",
     "shop.yaml:14:28: spec.slos[1].objective.at_most: 5% is a ratio, but sli.quantile wants a time; write for example 50ms"),
    ("at_most: 50ms", "at_most: 50/s",
     "shop.yaml:14:28: spec.slos[1].objective.at_most: 50/s is a rate, but sli.quantile wants a time; write for example 50ms"),
    ("at_most: 50ms", "at_most: 0ms",
     "shop.yaml:14:28: spec.slos[1].objective.at_most: 0ms is out of range; a time is longer than 0s"),
    ("warning: 50ms", "warning: 50",
     "shop.yaml:14:43: spec.slos[1].objective.warning: 50 has no unit, but sli.quantile wants a time; write for example 50ms"),
    # objectives
    ("at_least: 99.9%, ", "",
     "shop.yaml:9:18: spec.slos[0].objective: the objective has no direction; give either at_most or at_least"),
    ("at_least: 99.9%, ", "at_least: 99.9%, at_most: 100%, ",
     "shop.yaml:9:18: spec.slos[0].objective: the objective has two directions; give either at_most or at_least"),
    ("critical: 99.5%", "critical: 99.95%",
     "shop.yaml:9:62: spec.slos[0].objective.critical: critical 99.95% does not lie beyond warning 99.9%; with at_least, critical is below warning"),
    ("critical: 60ms", "critical: 50ms",
     "shop.yaml:14:59: spec.slos[1].objective.critical: critical 50ms does not lie beyond warning 50ms; with at_most, critical is above warning"),
    # indicators
    ('ratio: {bad: \'requests_total{code=~"5.."}\', total: requests_total}', "{}",
     "shop.yaml:8:9: spec.slos[0].sli: no kind of indicator is given; give one of ratio, latency, quantile, gauge, throughput, raw"),
    ('ratio: {bad: \'requests_total{code=~"5.."}\', total: requests_total}', 'ratio: {bad: \'requests_total{code=~"5.."}\', total: requests_total}\n        gauge: {metric: up}',
     "shop.yaml:8:9: spec.slos[0].sli: one SLO measures one thing, but ratio and gauge are given; make two SLOs of it"),
    ('ratio: {bad: \'requests_total{code=~"5.."}\', total: requests_total}', "ratios: {}",
     "shop.yaml:8:9: spec.slos[0].sli.ratios: unknown key 'ratios'; did you mean 'ratio'?"),
    ('ratio: {bad: \'requests_total{code=~"5.."}\', total: requests_total}', "ratio: {total: requests_total}",
     "shop.yaml:8:16: spec.slos[0].sli.ratio: neither good nor bad is given; count one of them; the other follows from the total"),
    ('ratio: {bad: \'requests_total{code=~"5.."}\', total: requests_total}', "ratio: {good: ok_total, bad: errors_total, total: requests_total}",
     "shop.yaml:8:16: spec.slos[0].sli.ratio: both good and bad are given; count one of them; the other follows from the total"),
    ('ratio: {bad: \'requests_total{code=~"5.."}\', total: requests_total}', 'ratio: {bad: \'requests_total{code=~"5.."}\', total: requests_total}\n        as: bad',
     "shop.yaml:9:13: spec.slos[0].sli.as: a share of bad events is wanted at_most, but the objective says at_least; write as: good, or turn the objective round"),
    ('ratio: {bad: \'requests_total{code=~"5.."}\', total: requests_total}', 'ratio: {bad: \'requests_total{code=~"5.."}\', total: requests_total}\n        as: worst',
     "shop.yaml:9:13: spec.slos[0].sli.as: 'worst' is not known here; the words are good, bad"),
    ("quantile: {histogram: duration_seconds, quantile: p95}", "quantile: {histogram: duration_seconds, quantile: p95}\n        as: good",
     "shop.yaml:14:13: spec.slos[1].sli.as: `as` belongs to ratio, not to quantile; remove the key"),
    ("histogram: duration_seconds", "histogram: duration_seconds_bucket",
     "shop.yaml:13:31: spec.slos[1].sli.quantile.histogram: duration_seconds_bucket is one series of a histogram, not its name; write duration_seconds"),
    ("histogram: duration_seconds", 'histogram: \'duration_seconds{le="0.1"}\'',
     "shop.yaml:13:31: spec.slos[1].sli.quantile.histogram: the matcher on `le` picks single buckets; slo-daemon needs all of them; remove it"),
    ("quantile: p95", "quantile: 95",
     "shop.yaml:13:59: spec.slos[1].sli.quantile.quantile: '95' is not a quantile; write for example p50, p95, p99, p99.9 or 0.95"),
    ("quantile: {histogram: duration_seconds, quantile: p95}", "latency: {histogram: duration_seconds, threshold: 50ms}",
     "shop.yaml:14:28: spec.slos[1].objective.at_most: 50ms is a time, but sli.latency wants a ratio; write for example 99%",
     "shop.yaml:14:43: spec.slos[1].objective.warning: 50ms is a time, but sli.latency wants a ratio; write for example 99%",
     "shop.yaml:14:59: spec.slos[1].objective.critical: 60ms is a time, but sli.latency wants a ratio; write for example 99%"),
    ("quantile: {histogram: duration_seconds, quantile: p95}", "latency: {histogram: duration_seconds, threshold: 50}",
     "shop.yaml:13:59: spec.slos[1].sli.latency.threshold: 50 has no unit, but this key wants a time; write for example 50ms",
     "shop.yaml:14:28: spec.slos[1].objective.at_most: 50ms is a time, but sli.latency wants a ratio; write for example 99%",
     "shop.yaml:14:43: spec.slos[1].objective.warning: 50ms is a time, but sli.latency wants a ratio; write for example 99%",
     "shop.yaml:14:59: spec.slos[1].objective.critical: 60ms is a time, but sli.latency wants a ratio; write for example 99%"),
    ("quantile: {histogram: duration_seconds, quantile: p95}", "gauge: {metric: load, unit: msec}",
     "shop.yaml:13:37: spec.slos[1].sli.gauge.unit: unit 'msec' is not known; the units are us, ms, s, m, h, d, w, %, ratio, /5, /s, /min"),
    ("quantile: {histogram: duration_seconds, quantile: p95}", "gauge: {metric: load, unit: ratio}",
     "shop.yaml:14:28: spec.slos[1].objective.at_most: 50ms is a time, but unit: ratio wants a ratio; write for example 99%",
     "shop.yaml:14:43: spec.slos[1].objective.warning: 50ms is a time, but unit: ratio wants a ratio; write for example 99%",
     "shop.yaml:14:59: spec.slos[1].objective.critical: 60ms is a time, but unit: ratio wants a ratio; write for example 99%"),
    ("quantile: {histogram: duration_seconds, quantile: p95}", "gauge: {metric: load, aggregate: mean}",
     "shop.yaml:13:42: spec.slos[1].sli.gauge.aggregate: 'mean' is not known here; the words are avg, min, max, last"),
    ("quantile: {histogram: duration_seconds, quantile: p95}", "raw: {query: 'rate(x[5m])'}",
     "shop.yaml:13:22: spec.slos[1].sli.raw.query: write $window where the window belongs, for example rate(x[$window])"),
    ("quantile: {histogram: duration_seconds, quantile: p95}", "raw: {query: 'rate(x[$window])', fresh: ['rate(x[5m])']}",
     'shop.yaml:13:50: spec.slos[1].sli.raw.fresh[0]: only a plain selector such as requests_total{code=~"5.."} is taken here: rate(), sum() and [5m] are added by slo-daemon; use sli.raw for your own expression'),
    # PromQL
    ("total: requests_total", "total: 'requests_total{'",
     "shop.yaml:8:60: spec.slos[0].sli.ratio.total: not valid PromQL: unexpected end of input inside braces"),
    ("total: requests_total", "total: 'rate(requests_total[5m])'",
     'shop.yaml:8:60: spec.slos[0].sli.ratio.total: only a plain selector such as requests_total{code=~"5.."} is taken here: rate(), sum() and [5m] are added by slo-daemon; use sli.raw for your own expression'),
    ("total: requests_total", "total: 'requests_total offset 1h'",
     "shop.yaml:8:60: spec.slos[0].sli.ratio.total: `offset` and `@` are not taken here: slo-daemon sets the time of every query"),
    ("total: requests_total", 'total: \'{job="x"}\'',
     "shop.yaml:8:60: spec.slos[0].sli.ratio.total: name exactly one metric, as in requests_total{...}"),
    ("total: requests_total", 'total: \'requests_total{code=~"("}\'',
     "shop.yaml:8:60: spec.slos[0].sli.ratio.total: not valid PromQL: illegal regex for ("),
    ("total: requests_total", "total: 5",
     "shop.yaml:8:60: spec.slos[0].sli.ratio.total: PromQL is wanted, but YAML reads 5 as a number; put it in quotes"),
    ("quantile: {histogram: duration_seconds, quantile: p95}", "raw: {query: 'rate(x[$window]) / rate(x[99999999999999999999])'}",
     "shop.yaml:13:22: spec.slos[1].sli.raw.query: not valid PromQL: cannot convert float seconds to Duration: value is either too big or NaN"),
    ("quantile: {histogram: duration_seconds, quantile: p95}", "raw: {query: 'rate(x[$window]) + " + 201 * "(" + "y" + 201 * ")" + "'}",
     "shop.yaml:13:22: spec.slos[1].sli.raw.query: the expression nests deeper than 200 levels"),
    ("total: requests_total", 'total: requests_total{code="200"}',
     "shop.yaml:8:74: the list or mapping opened in line 8 is not closed here; close it, and put text with { } [ ] , : in quotes, PromQL above all"),
    # windows
    ("window: 1h", "window: 400d",
     "shop.yaml:10:15: spec.slos[0].window: 400d is longer than 366d, the longest that can be measured; write less"),
    # budget (more of it in test_budgets.py), alerting, missing data
    ("budget: {window: 30d, target: 99%}", "budget: {window: 30d}",
     "shop.yaml:16:15: spec.slos[1].budget: the budget of a quantile needs a target; say which share of time slices must meet the objective, for example target: 99%"),
    ("window: 5m\n      budget: {window: 30d", "window: 1h\n      budget: {window: 30m",
     "shop.yaml:16:24: spec.slos[1].budget.window: the budget's window 30m is shorter than the SLO's own, 1h; write for example 30d"),
    ("budget: {window: 30d, target: 99%}", "budget: {window: 30d, target: 120%}",
     "shop.yaml:16:37: spec.slos[1].budget.target: 120% is out of range; write a ratio from 0% to 100%"),
    ("budget: {window: 30d, target: 99%}", "budget: {window: 30d, target: 0%}",
     "shop.yaml:16:37: spec.slos[1].budget.target: a target of 0% asks for nothing; write for example 99%"),
    ("window: 1h", "window: 1h\n      budget: {window: 30d, target: 99%}",
     "shop.yaml:11:37: spec.slos[0].budget.target: the budget of a ratio follows from the objective (>= 99.9%); remove the key, or write method: timeslices to count slices of time"),
    ("window: 1h", "window: 1h\n      alerting: {for: 2}",
     "shop.yaml:11:23: spec.slos[0].alerting.for: 2 has no unit; write for example 2s, 2m or 2d"),
    ("window: 1h", "window: 1h\n      missing_data: {escalate: false}",
     'shop.yaml:11:21: spec.slos[0].missing_data: missing data raises no alarm, and nobody says why; add because: "the reason", or remove escalate: false'),
    ("window: 1h", "window: 1h\n      missing_data: {escalate: off, because: night}",
     "shop.yaml:11:32: spec.slos[0].missing_data.escalate: off is not a truth value; write true or false"),
    ("window: 1h", "window: 1h\n      min_events: 0",
     "shop.yaml:11:19: spec.slos[0].min_events: 0 is out of range; write a whole number from 1 to 1,000,000,000"),
    ("window: 1h", "window: 1h\n      min_events: '5'",
     "shop.yaml:11:19: spec.slos[0].min_events: '5' is not a whole number; write for example 500, without quotes or unit"),
    ("window: 1h", "window: 1h\n      runbook: wiki/search",
     "shop.yaml:11:16: spec.slos[0].runbook: this is not an http or https address; write for example https://prometheus.example.org"),
    ("window: 1h", "window: 1h\n      runbook: https://me:secret@wiki.example.org/",
     "shop.yaml:11:16: spec.slos[0].runbook: the address carries a user name or password; credentials are taken from files or the environment only"),
    ("slos:\n    - name: availability", "slos: []\n  more:\n    - name: availability",
     "shop.yaml:5:9: spec.slos: the list is empty",
     "shop.yaml:6:3: spec.more: unknown key 'more'; the keys here are slos"),
]

PILOT_RULES = [
    # pilots
    ("features: {semantic_search: true}", "feedback: {votes: last}",
     "shop.yaml:12:21: spec.feedback.votes: 'last' is not known here; the words are newest, all"),
    ("stage: canary", "stage: cannary",
     "shop.yaml:5:10: spec.stage: 'cannary' is not known here; did you mean 'canary'?"),
    ("start: 2026-10-23", "start: 23.10.2026",
     "shop.yaml:6:10: spec.start: '23.10.2026' is not a day; write year-month-day, for example 2026-10-23"),
    ("start: 2026-10-23", "start: 2026-02-30",
     "shop.yaml:6:10: spec.start: '2026-02-30' is not a day; write year-month-day, for example 2026-10-23"),
    ("start: 2026-10-23", "start: 9999-12-31",
     "shop.yaml:6:10: spec.start: 9999-12-31 is out of range; write a day from 2000-01-01 to 2199-12-31"),
    ("duration: 8w", "duration: 8",
     "shop.yaml:7:13: spec.duration: 8 has no unit; write for example 8s, 8m or 8d"),
    ("initial: 5%", "initial: 5",
     "shop.yaml:9:14: spec.ramp.initial: 5 has no unit, but this key wants a ratio; write for example 99%"),
    ("initial: 5%", "initial: 25%",
     "shop.yaml:9:14: spec.ramp.initial: 25% is more than ramp.max; raise ramp.max, or write less"),
    ("{week: 2, percentage: 10%}", "{week: 1, percentage: 10%}",
     "shop.yaml:11:47: spec.ramp.steps[1].week: week 1 does not come after week 1; list the steps in order"),
    ("{week: 2, percentage: 10%}", "{week: 2, percentage: 4%}",
     "shop.yaml:11:62: spec.ramp.steps[1].percentage: 4% is less than the 5% before; a ramp only rises"),
    ("{week: 2, percentage: 10%}", "{week: 2, percentage: 30%}",
     "shop.yaml:11:62: spec.ramp.steps[1].percentage: 30% is more than ramp.max; raise ramp.max, or write less"),
    ("{week: 2, percentage: 10%}", "{week: two, percentage: 10%}",
     "shop.yaml:11:47: spec.ramp.steps[1].week: two is not a whole number; write for example 500, without quotes or unit"),
    ("max: 20%", "max: 20%\n    observed: sum(",
     "shop.yaml:11:15: spec.ramp.observed: not valid PromQL: unclosed left parenthesis"),
    ("  features:", "  rollout: {}\n  features:",
     "shop.yaml:12:12: spec.rollout.flagger: this key is missing"),
    ("  features:", "  rollout: {flagger: {name: search}}\n  features:",
     "shop.yaml:12:22: spec.rollout.flagger.namespace: this key is missing"),
    ("  features:", "  rollout: {flagger: {name: Search, namespace: shop}}\n  features:",
     "shop.yaml:12:29: spec.rollout.flagger.name: 'Search' is not a name; use at most 63 lower-case letters, digits and dashes, with a letter or digit at both ends"),
    ("semantic_search: true", "semantic_search: yes",
     "shop.yaml:12:31: spec.features.semantic_search: yes is not a truth value; write true or false"),
    ("semantic_search: true", "semantic_search: 'true'",
     "shop.yaml:12:31: spec.features.semantic_search: 'true' is not a truth value; write true or false"),
    ("variants: [control, treatment]", "variants: [control, control, treatment]",
     "shop.yaml:13:23: spec.variants[1]: the variant 'control' stands twice; the first is in line 13"),
    ("variants: [control, treatment]", "variants: [control, semantic]",
     "shop.yaml:21:114: spec.success_metrics.conversion_lift.experiment.treatment: 'treatment' is not one of the variants; the variants are control, semantic"),
    ("counter: requests_total}}", "counter: requests_total}}\n      min_events: 10",
     "shop.yaml:17:19: spec.slos[0].min_events: sli.throughput counts no events; remove the key"),
    ("at_least: 5/s, critical: 5/s", "at_least: 5%, critical: 5/s",
     "shop.yaml:17:29: spec.slos[0].objective.at_least: 5% is a ratio, but sli.throughput wants a rate; write for example 100/s"),
    # success metrics, criteria, contacts
    ("feedback: mean", "feedback: median",
     "shop.yaml:24:17: spec.success_metrics.satisfaction.feedback: 'median' is not known here; did you mean 'mean'?"),
    ("feedback: mean", "feedback: mean\n      window: 7d",
     "shop.yaml:25:15: spec.success_metrics.satisfaction.window: `window` belongs to sli, not to feedback; remove the key"),
    ("      feedback: mean\n", "",
     "shop.yaml:24:7: spec.success_metrics.satisfaction: no source is given; a success metric has one source: sli, experiment or feedback"),
    ("feedback: mean", "feedback: mean\n      sli: {gauge: {metric: x}}",
     "shop.yaml:24:7: spec.success_metrics.satisfaction: sli and feedback are given; a success metric has one source: sli, experiment or feedback"),
    ("at_least: 4.0/5", "at_least: 4.0",
     "shop.yaml:25:29: spec.success_metrics.satisfaction.objective.at_least: 4.0 has no unit, but feedback wants a rating; write for example 4.0/5"),
    ("at_least: 4.0/5", "at_least: 6/5",
     "shop.yaml:25:29: spec.success_metrics.satisfaction.objective.at_least: 6/5 is out of range; a rating lies between 1/5 and 5/5"),
    ("at_least: 4.0/5", "at_least: 4.0/5, warning: 3/5",
     "shop.yaml:25:36: spec.success_metrics.satisfaction.objective.warning: unknown key 'warning'; the keys here are at_most, at_least"),
    ("at_least: 15%", "at_least: 0.15",
     "shop.yaml:22:29: spec.success_metrics.conversion_lift.objective.at_least: 0.15 has no unit, but experiment wants a ratio; write for example 99%"),
    ("by: variant", "by: 'variant name'",
     "shop.yaml:21:76: spec.success_metrics.conversion_lift.experiment.by: 'variant name' is not a label name of Prometheus; use letters, digits and underscores, no digit first"),
    ("exposed: exposed_total", 'exposed: \'exposed_total{variant="control"}\'',
     "shop.yaml:21:29: spec.success_metrics.conversion_lift.experiment.exposed: the selector fixes the label 'variant', which must name the variant; remove that matcher"),
    ("treatment: treatment}", "treatment: control}",
     "shop.yaml:21:114: spec.success_metrics.conversion_lift.experiment.treatment: control and treatment are the same variant"),
    ("satisfaction:", "User satisfaction:",
     'shop.yaml:23:5: spec.success_metrics["User satisfaction"]: \'User satisfaction\' is not a metric\'s name; use at most 63 lower-case letters, digits, underscores and dashes'),
    ("[All SLOs met for 2+ weeks]", "['']",
     "shop.yaml:26:22: spec.go_live_criteria[0]: the text is empty"),
    ("[Throughput < 1/s]", "[Throughput < 1/s, 'throughput < 60/min']",
     "shop.yaml:27:41: spec.rollback_triggers[1]: the criterion 'throughput < 60/min' stands twice; the first is in line 27"),
    ("[Throughput < 1/s]", "[Througput < 1/s]",
     "shop.yaml:27:23: spec.rollback_triggers[0]: 'througput' is no SLO, success metric or other number that is known here; did you mean 'throughput'?"),
    ("[Throughput < 1/s]", "['throughput < 1/s fro 5m']",
     "shop.yaml:27:41: spec.rollback_triggers[0]: 'fro' is not expected here; did you mean 'for'?"),
    ("[Throughput < 1/s]", "[{compare: {operand: throughput, op: '<', value: 5ms}}]",
     "shop.yaml:27:71: spec.rollback_triggers[0].compare.value: 5ms is a time, but throughput is a rate; write for example 100/s"),
    ("[Throughput < 1/s]", "[{all: [throughput < 1/s, {met: {slos: [througput]}}]}]",
     "shop.yaml:27:62: spec.rollback_triggers[0].all[1].met.slos[0]: 'througput' is no SLO or success metric of this pilot; did you mean 'throughput'?"),
    ("[Throughput < 1/s]", "[{compare: {operand: throughput, op: '<'}}]",
     "shop.yaml:27:33: spec.rollback_triggers[0].compare: the key value is missing; compare needs operand, op and value"),
    ("[Throughput < 1/s]", "[[a]]",
     "shop.yaml:27:23: spec.rollback_triggers[0]: a criterion is wanted here, not a list; write a text or a mapping"),
    ("[All SLOs met for 2+ weeks]", "[All is well]",
     "shop.yaml:26:26: spec.go_live_criteria[0]: 'is' is not expected here; write slos"),
    ("[All SLOs met for 2+ weeks]", '["Throughput\\x20> 1m"]',
     "shop.yaml:26:22: spec.go_live_criteria[0]: 1m is a time, but throughput is a rate (at '1m'); write for example 100/s"),
    ("role: primary, ", "",
     "shop.yaml:28:25: spec.escalation_contacts[0].role: this key is missing"),
    ("[{name: On-call, role: primary, contact: oncall@example.org}]", "oncall@example.org",
     "shop.yaml:28:24: spec.escalation_contacts: a list is wanted here, not a single value"),
]

# What is not YAML, or not enough of it. Missing keys of such a file are not the point here.


@pytest.mark.parametrize("text", [SLOS, PILOT])
def test_the_file_that_the_rows_change_is_good_and_gives_no_warning(text: str) -> None:
    assert load([("shop.yaml", text)], scrape_interval=30).warnings == ()


@pytest.mark.parametrize("row", SLO_RULES, ids=lambda row: row[1][:60])
def test_what_is_wrong_in_slos_is_said_with_place_and_remedy(row: tuple[str, ...]) -> None:
    right, wrong, *problems = row
    assert SLOS.count(right) >= 1

    assert problems_of(SLOS.replace(right, wrong, 1)) == problems


@pytest.mark.parametrize("row", PILOT_RULES, ids=lambda row: row[1][:60])
def test_what_is_wrong_in_a_pilot_is_said_with_place_and_remedy(row: tuple[str, ...]) -> None:
    right, wrong, *problems = row
    assert PILOT.count(right) >= 1

    assert problems_of(PILOT.replace(right, wrong, 1)) == problems
