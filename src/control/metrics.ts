// A status report in the Prometheus text format 0.0.4, for whoever scrapes the
// address that `pln set http` opens. Names follow the Prometheus conventions:
// base units, counters end in _total.

import type { StatusReport } from "./api.ts";

type Labels = Readonly<Record<string, string>>;
type Sample = readonly [labels: Labels, value: number];
type Metric = {
  readonly name: string;
  readonly type: "gauge" | "counter";
  readonly samples: readonly Sample[];
};

/** The content type that scrapers choose their parser by. */
export const metricsContentType = "text/plain; version=0.0.4; charset=utf-8";

/** Seconds and bytes throughout; a metric without samples is left out. */
export function renderMetrics(report: StatusReport): string {
  const { node, state, threads } = report;
  const seeds = report.seeds.filter((seed) => seed.state !== "remote");
  const perSeed = (value: (seed: (typeof seeds)[number]) => number) =>
    seeds.map((seed): Sample => [{ seed: seed.name }, value(seed)]);
  // Reasons are a closed set of a dozen: a seed cannot make up more.
  const reasons = seeds.flatMap(({ name, errorsByReason = {} }) =>
    Object.entries(errorsByReason)
      .map(([reason, count]): Sample => [{ seed: name, reason }, count])
  );
  const quantiles = seeds.flatMap(({ name, p50Ms, p99Ms }): Sample[] =>
    p50Ms === undefined || p99Ms === undefined ? [] : [
      [{ seed: name, quantile: "0.5" }, p50Ms / 1000],
      [{ seed: name, quantile: "0.99" }, p99Ms / 1000],
    ]
  );
  return [
    gauge("pln_info", [[{
      version: node.version,
      node: node.name,
      peer: node.peer,
    }, 1]]),
    gauge("pln_uptime_seconds", one(node.upMs / 1000)),
    gauge("pln_resident_memory_bytes", one(node.residentBytes)),
    gauge(
      "pln_certificate_not_after_seconds",
      one(node.certificateNotAfterMs / 1000),
    ),
    gauge("pln_alarms", one(report.alarms.length)),
    ...meshMetrics(report),
    gauge("pln_state_entries", one(state.entries)),
    gauge("pln_state_journal_bytes", one(state.journalBytes)),
    ...stateMetrics(report),
    gauge("pln_seed_threads", one(threads.running)),
    counter("pln_seed_threads_lost_total", one(threads.lost)),
    counter("pln_seed_calls_total", perSeed((seed) => seed.calls)),
    counter("pln_seed_errors_total", perSeed((seed) => seed.errors)),
    counter("pln_seed_errors_by_reason_total", reasons),
    gauge("pln_seed_calls_running", perSeed((seed) => seed.running)),
    gauge("pln_seed_call_seconds", quantiles),
  ].join("");
}

/** Only counts: owners are many. */
function stateMetrics({ state }: StatusReport): readonly string[] {
  const { documents, waiting, unfilled, forks, refused, deferred } = state;
  const some = (value: number | undefined) =>
    value === undefined ? [] : one(value);
  return [
    gauge("pln_state_documents", some(documents)),
    gauge("pln_state_documents_waiting", some(waiting)),
    gauge("pln_state_documents_unfilled", some(unfilled)),
    gauge("pln_state_forks", some(forks?.length)),
    counter("pln_state_batches_refused_total", some(refused)),
    counter("pln_state_batches_deferred_total", some(deferred)),
  ];
}

/** States and refusals are closed sets: nobody outside can make one up. */
function meshMetrics({ nodes, mesh }: StatusReport): readonly string[] {
  const states = [...Map.groupBy(nodes, ({ state }) => state)]
    .map(([state, rows]): Sample => [{ state }, rows.length]);
  const refusals = Object.entries(mesh.refusals)
    .map(([reason, count]): Sample => [{ reason }, count]);
  return [
    gauge("pln_nodes", states),
    gauge("pln_links", one(mesh.links)),
    gauge("pln_sessions_unauthenticated", one(mesh.unauthenticated)),
    counter("pln_refusals_total", refusals),
  ];
}

function one(value: number): readonly Sample[] {
  return [[{}, value]];
}

function gauge(name: string, samples: readonly Sample[]): string {
  return metric({ name, type: "gauge", samples });
}

function counter(name: string, samples: readonly Sample[]): string {
  return metric({ name, type: "counter", samples });
}

/** One metric; none without samples. */
function metric({ name, type, samples }: Metric): string {
  const lines = samples.map(([labels, value]) => {
    const text = Object.entries(labels)
      .map(([key, label]) => `${key}="${escapeLabel(label)}"`)
      .join(",");
    return `${name}${text === "" ? "" : `{${text}}`} ${value}\n`;
  });
  return lines.length === 0 ? "" : `# TYPE ${name} ${type}\n${lines.join("")}`;
}

function escapeLabel(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll('"', '\\"')
    .replaceAll("\n", "\\n");
}
