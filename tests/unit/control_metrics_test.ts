// Metrics in the Prometheus text format 0.0.4: every metric is there once, with
// its type before its samples, and no label can break out of its line.

import assert from "node:assert/strict";
import { renderMetrics, type StatusReport } from "../../src/control/mod.ts";
import { sampleStatus } from "./cli_world.ts";

const test = (name: string, fn: () => void) =>
  Deno.test({ name, permissions: "none", fn });

test("renderMetrics() writes every metric with its type", () => {
  const { node } = sampleStatus;
  const info = `version="${node.version}",node="ann",peer="${node.peer}"`;
  assert.equal(
    renderMetrics(sampleStatus),
    [
      "# TYPE pln_info gauge",
      `pln_info{${info}} 1`,
      "# TYPE pln_uptime_seconds gauge",
      "pln_uptime_seconds 93784",
      "# TYPE pln_resident_memory_bytes gauge",
      "pln_resident_memory_bytes 89128960",
      "# TYPE pln_certificate_not_after_seconds gauge",
      "pln_certificate_not_after_seconds 1790000000",
      "# TYPE pln_alarms gauge",
      "pln_alarms 1",
      "# TYPE pln_nodes gauge",
      'pln_nodes{state="self"} 1',
      'pln_nodes{state="connected"} 1',
      'pln_nodes{state="denied"} 1',
      'pln_nodes{state="unreachable"} 1',
      "# TYPE pln_links gauge",
      "pln_links 1",
      "# TYPE pln_sessions_unauthenticated gauge",
      "pln_sessions_unauthenticated 2",
      "# TYPE pln_refusals_total counter",
      'pln_refusals_total{reason="denied"} 3',
      "# TYPE pln_state_entries gauge",
      "pln_state_entries 5",
      "# TYPE pln_state_journal_bytes gauge",
      "pln_state_journal_bytes 4096",
      "# TYPE pln_state_documents gauge",
      "pln_state_documents 4",
      "# TYPE pln_state_documents_waiting gauge",
      "pln_state_documents_waiting 1",
      "# TYPE pln_state_documents_unfilled gauge",
      "pln_state_documents_unfilled 2",
      "# TYPE pln_state_forks gauge",
      "pln_state_forks 1",
      "# TYPE pln_state_batches_refused_total counter",
      "pln_state_batches_refused_total 3",
      "# TYPE pln_state_batches_deferred_total counter",
      "pln_state_batches_deferred_total 4",
      "# TYPE pln_seed_threads gauge",
      "pln_seed_threads 1",
      "# TYPE pln_seed_threads_lost_total counter",
      "pln_seed_threads_lost_total 0",
      "# TYPE pln_seed_calls_total counter",
      'pln_seed_calls_total{seed="hello"} 1204',
      'pln_seed_calls_total{seed="loops"} 0',
      "# TYPE pln_seed_errors_total counter",
      'pln_seed_errors_total{seed="hello"} 3',
      'pln_seed_errors_total{seed="loops"} 0',
      "# TYPE pln_seed_errors_by_reason_total counter",
      'pln_seed_errors_by_reason_total{seed="hello",reason="trap"} 1',
      'pln_seed_errors_by_reason_total{seed="hello",reason="timeout"} 2',
      "# TYPE pln_seed_calls_running gauge",
      'pln_seed_calls_running{seed="hello"} 1',
      'pln_seed_calls_running{seed="loops"} 0',
      "# TYPE pln_seed_call_seconds gauge",
      `pln_seed_call_seconds{seed="hello",quantile="0.5"} ${0.21 / 1000}`,
      `pln_seed_call_seconds{seed="hello",quantile="0.99"} ${14.2 / 1000}`,
      "",
    ].join("\n"),
  );
});

test("renderMetrics() leaves out metrics without a sample", () => {
  const text = renderMetrics({ ...sampleStatus, seeds: [] });
  assert.doesNotMatch(text, /pln_seed_calls/);
  assert.match(text, /^pln_seed_threads 1$/m);
});

test("R23: renderMetrics() escapes what a label holds", () => {
  const name = 'a"} 1\nevil{x="\\';
  const node: StatusReport["node"] = { ...sampleStatus.node, name };
  const text = renderMetrics({ ...sampleStatus, node });
  assert.ok(text.includes('node="a\\"} 1\\nevil{x=\\"\\\\"'));
  for (const line of text.trimEnd().split("\n")) {
    assert.match(line, /^(?:# TYPE )?pln_[a-z_]+[ {]/);
  }
});
