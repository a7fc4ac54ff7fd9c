// Batches that no honest node believes: forged signatures, bodies that are not
// as they must be, numbers out of range, too much of everything. In comes a
// court; each lie says which reason honest nodes must give for refusing it.

import { type CborValue, type ClusterId, limits } from "../../kernel/mod.ts";
import { certificateValue } from "../../state/mod.ts";
import { type Lie, lie } from "./court.ts";
import { bentBody, entry } from "./forged_body.ts";

/** None of these is believed by anybody. */
export const refusedLies: readonly Lie[] = [
  ["a batch without a signature", async (court) => {
    const signature = new Uint8Array(64);
    await court.liar.tell(
      court.honest,
      court.liar.signed(court.base(), { signature }),
    );
  }, /not signed/],
  ["a batch signed for another cluster", async (court) => {
    const cluster = "cd".repeat(32) as ClusterId;
    await court.liar.tell(
      court.honest,
      court.liar.signed(court.base(), { cluster }),
    );
  }, /not signed/],
  ["a batch signed as a record", async (court) => {
    const context = "pln/eph/1";
    await court.liar.tell(
      court.honest,
      court.liar.signed(court.base(), { context }),
    );
  }, /not signed/],
  ["a batch of somebody else", async (court) => {
    const owner = court.victim.peer;
    await court.tell(court.base({ owner, generation: 1_000 }));
  }, /not signed/],
  ["one byte of somebody else's batch", async (court) => {
    for (const bytes of await court.copyOf(court.victim.peer)) {
      for (let at = 0; at < bytes.length; at += 37) {
        const bent = bytes.slice();
        bent[at] = (bent[at] ?? 0) ^ 1;
        await court.liar.tell([court.victim], bent);
      }
    }
  }, /not signed/],
  ["a base without a credential", async (court) => {
    await court.tell(court.base({ operations: [lie] }));
  }, /no credential/],
  ["somebody else's credential", async (court) => {
    const { member } = court.admin.node.identity.credential;
    const operations = court.base().operations.map((operation) =>
      operation.key === "member"
        ? entry("node", "member", { value: certificateValue(member.der) })
        : operation
    );
    await court.tell(court.base({ operations }));
  }, /no credential/],
  ["numbers that are none", async (court) => {
    const batch = court.base();
    const bends: readonly Readonly<Record<string, CborValue>>[] = [
      { seq: 2 ** 53 },
      { seq: -1 },
      { seq: 0 },
      { seq: Number.NaN },
      { seq: 1.5 },
      { generation: 2 ** 53 - 1 },
      { generation: 0 },
      { rev: 2 },
      { rev: "1" },
      { hlc: [2 ** 60, 0] },
      { hlc: [] },
      { session: new Uint8Array(15) },
      { base: 1 },
      { more: 1 },
    ];
    for (const bend of bends) {
      await court.liar.tell(
        [court.victim],
        court.liar.signedBody(bentBody(batch, bend)),
      );
    }
  }, /no integer below/],
  ["operations out of order, twice, and deleted in a base", async (court) => {
    const operations = court.base().operations;
    const forgeries = [
      operations.toReversed(),
      [...operations.slice(0, 1), ...operations],
      [...operations, { section: "zz", key: "k", text: undefined }],
    ];
    for (const operations of forgeries) {
      await court.tell(court.base({ operations }));
    }
  }, /not in order|deletes/],
  ["values that are no canonical JSON", async (court) => {
    const texts = ['{"b":1,"a":2}', "{ }", "[1,]", "\ud800", '"\\u0041"', ""];
    for (const text of texts) {
      const operation = { section: "seeds", key: "lie", text };
      const { operations } = court.liar.base([]);
      await court.liar.tell(
        [court.victim],
        court.liar.signed(
          court.base({ operations: [...operations, operation] }),
        ),
      );
    }
  }, /canonical JSON/],
  ["a value nested 10,000 deep", async (court) => {
    const text = "[".repeat(4_000) + "]".repeat(4_000);
    const { operations } = court.liar.base([]);
    const deep = { section: "seeds", key: "lie", text };
    await court.tell(court.base({ operations: [...operations, deep] }));
  }, /deeper than 32/],
  ["more than a publisher may say", async (court) => {
    const text = JSON.stringify("x".repeat(8_000));
    const large = Array.from({ length: 40 }, (_, index) => ({
      section: "seeds",
      key: `z${String(index).padStart(3, "0")}`,
      text,
    }));
    const { operations } = court.base();
    await court.tell(court.base({ operations: [...operations, ...large] }));
  }, /too large/],
  ["a frame longer than any batch", async (court) => {
    const body = new Uint8Array(limits.stateBatchBytesMax + 4_096);
    await court.liar.tell([court.victim], body);
  }, /whose it is/],
  ["garbage of every kind", async (court) => {
    for (let kind = 0; kind < 32; kind++) {
      const body = new Uint8Array(kind * 7).fill(0xff);
      await court.liar.say(court.victim, { kind, body }).catch(() => undefined);
      await court.cluster.pause(20);
      if (court.liar.linkTo(court.victim) !== undefined) continue;
      await court.liar.meet(court.victim);
    }
  }],
  ["a step without what comes before", async (court) => {
    const base = court.base();
    const later = court.liar.next(base, [lie], { seq: 2 ** 40 });
    await court.tell(later);
  }],
];
