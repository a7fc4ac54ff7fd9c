// Token buckets: what is granted at once and with time, all or some of it, and
// how many names are remembered.

import assert from "node:assert/strict";
import fc from "fast-check";
import { TokenBucket, TokenBuckets } from "../../src/kernel/mod.ts";

Deno.test("TokenBucket.takeSome() grants a burst at once, then so much a second", () => {
  const bucket = new TokenBucket({ burst: 10, perSecond: 2 });
  assert.equal(bucket.takeSome(7, 0), 7);
  assert.equal(bucket.takeSome(7, 0), 3);
  assert.equal(bucket.takeSome(1, 400), 0);
  assert.equal(bucket.takeSome(5, 1_000), 2);
  assert.equal(bucket.takeSome(99, 3_600_000), 10, "it never holds more");
});

Deno.test("TokenBucket.take() takes all or nothing", () => {
  const bucket = new TokenBucket({ burst: 10, perSecond: 10 });
  assert.ok(bucket.take(8, 0));
  assert.ok(!bucket.take(3, 0));
  assert.ok(bucket.take(2, 0), "nothing was taken by what was refused");
  assert.ok(!bucket.take(1, 99));
  assert.ok(bucket.take(1, 100));
});

Deno.test("TokenBucket.has() and isFull() take nothing", () => {
  const bucket = new TokenBucket({ burst: 4, perSecond: 4 });
  assert.ok(bucket.isFull(0) && bucket.has(4, 0) && !bucket.has(5, 0));
  assert.ok(bucket.take(4, 0));
  assert.ok(!bucket.isFull(999));
  assert.ok(bucket.isFull(1_000));
});

Deno.test("TokenBucket grants nothing for a clock that stands still or goes back", () => {
  const bucket = new TokenBucket({ burst: 4, perSecond: 4 });
  assert.equal(bucket.takeSome(4, 5_000), 4);
  assert.equal(bucket.takeSome(4, 5_000), 0);
  assert.equal(bucket.takeSome(4, 1_000), 0);
  assert.equal(bucket.takeSome(4, 2_000), 4);
});

Deno.test("TokenBucket never grants more than its burst and its rate", () => {
  const step = fc.tuple(fc.nat(500), fc.nat(20));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const rate = { burst: 9, perSecond: 7 };
      const bucket = new TokenBucket(rate);
      let [nowMs, granted] = [0, 0];
      for (const [passedMs, wanted] of steps) {
        nowMs += passedMs;
        granted += bucket.takeSome(wanted, nowMs);
        const most = rate.burst + (nowMs * rate.perSecond) / 1_000;
        assert.ok(granted <= most + 1e-6, `${granted} of ${most}`);
      }
    }),
    { numRuns: 200 },
  );
});

Deno.test("TokenBuckets counts each name by itself, and forgets the one used longest ago", () => {
  const buckets = new TokenBuckets({ burst: 1, perSecond: 1 }, { namesMax: 2 });
  assert.ok(buckets.of("a").take(1, 0));
  assert.ok(buckets.of("b").take(1, 0));
  assert.ok(!buckets.of("a").take(1, 0), "a was used last");
  assert.ok(buckets.of("c").take(1, 0));
  assert.equal(buckets.size, 2);
  assert.ok(!buckets.of("a").take(1, 0));
  assert.ok(buckets.of("b").take(1, 0), "b was forgotten");
});
