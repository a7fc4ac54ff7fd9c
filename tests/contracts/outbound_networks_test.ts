// The networks of this machine: read once for many requests, and anew after a
// while. The interfaces are a script, and so is the time that passes.

import assert from "node:assert/strict";
import { LocalNetworks } from "../../src/adapters/outbound_networks.ts";

Deno.test("LocalNetworks reads the interfaces anew after 30 s", () => {
  using scope = new DisposableStack();
  const { now } = performance;
  scope.defer(() => Reflect.set(performance, "now", now));
  let nowMs = 5;
  Reflect.set(performance, "now", () => nowMs);
  let reads = 0;
  const networks = new LocalNetworks(() => [`10.0.0.${++reads}/24`]);
  for (const [passedMs, expected] of [[0, 1], [29_999, 1], [1, 2], [1, 2]]) {
    nowMs += passedMs ?? 0;
    assert.deepEqual(networks.get(), [`10.0.0.${expected}/24`]);
  }
});
