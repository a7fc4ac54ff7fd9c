// What every host promises (src/ports/host.ts). In, a way to open one; out,
// tests. The figures of a real machine are what they are: only their form and
// their bounds can be checked.

import assert from "node:assert/strict";
import type { Host } from "../../src/ports/mod.ts";

export function hostContract(name: string, open: () => Host): void {
  const whole = (number: number) => Number.isSafeInteger(number) && number >= 0;

  Deno.test(`${name} load() is whole, of one core at least`, () => {
    const { permille, cores } = open().load();
    assert.ok(whole(permille), `${permille}`);
    assert.ok(whole(cores) && cores >= 1, `${cores}`);
  });

  Deno.test(`${name} memory() is whole, and no more free than there is`, () => {
    const { freeBytes, totalBytes } = open().memory();
    assert.ok(whole(freeBytes) && whole(totalBytes));
    assert.ok(totalBytes > 0 && freeBytes <= totalBytes);
  });

  Deno.test(`${name} may be asked again and again`, () => {
    const host = open();
    for (let round = 0; round < 100; round++) {
      assert.equal(host.load().cores, host.load().cores);
      assert.equal(host.memory().totalBytes, host.memory().totalBytes);
    }
  });
}
