// A member that makes work without end: owners that nobody knows, generations
// that are void as soon as they begin, answers to nothing. In comes a court.
// Honest nodes go on hearing each other in time, never close each other over it,
// and end the link to who never stops.

import { limits } from "../../kernel/mod.ts";
import { doneMessage, encodePlaces, kinds } from "../../gossip/mod.ts";
import { unequalViews } from "../cluster_checks.ts";
import { type Court, digest, type Lie } from "./court.ts";
import { entry } from "./forged_body.ts";

const inTimeMs = 2_000;
const voidMsMax = 120_000;

/** What the admin says meanwhile is with all others in time. */
async function isHeardInTime({ stage, admin, honest }: Court): Promise<void> {
  const [what, name] = [{ withinMs: inTimeMs }, "meanwhile"];
  const holders = () =>
    honest.filter(({ node }) =>
      node.view.seedsOf(admin.peer).some((seed) => seed.name === name)
    ).length;
  await stage.ledger.publish(admin, name);
  const isHere = () => holders() === honest.length;
  await stage.cluster.until("all hear the admin", isHere, what);
  await stage.ledger.unpublish(admin, name);
  const isGone = () => holders() === 0;
  await stage.cluster.until("all hear that it is gone", isGone, what);
}

/** Nobody honest has closed a link to anybody honest. */
function expectPeace({ stage, honest }: Court): void {
  for (const { machine } of honest) {
    const wrong = machine.log.records.some(({ event, fields }) =>
      event === "gossip.peer_closed" &&
      honest.some(({ peer }) => peer === fields["peer"])
    );
    stage.expect(!wrong, "the honest do not close each other");
  }
}

function expectClosed({ stage, liar, victim }: Court): void {
  stage.expect(liar.linkTo(victim) === undefined, "the liar's link has ended");
}

/** Owners that nobody has ever heard of, other ones each time. */
function newStrangers(): () => {
  readonly kind: number;
  readonly body: Uint8Array<ArrayBuffer>;
} {
  let made = 0;
  return () => {
    const items = Array.from({ length: limits.gossipItemsMax }, () => ({
      prefix: (++made).toString(16).padStart(16, "e"),
      ...{ generation: 1, seq: 1 },
    }));
    return { kind: kinds.announce, body: encodePlaces(items) };
  };
}

/** Each could go on for ever. */
export const endlessWork: readonly Lie[] = [
  ["garbage in the name of who has forked", async (court) => {
    const { liar, victim } = court;
    const generation = court.fresh();
    for (const sizeBytes of [1, 2]) {
      const value = { digest, sizeBytes, publishedMs: 1 };
      const forked = liar.base([entry("seeds", "a", { value })], {
        generation,
      });
      await liar.tell([victim], liar.signed(forked));
    }
    const signature = new Uint8Array(64);
    const most = limits.exchangeVoidBurstMax + limits.exchangeRefusedMax;
    for (let told = 0; told < 2 * most; told++) {
      if (liar.linkTo(victim) === undefined) return;
      const forged = liar.signed(court.base(), { signature });
      await liar.tell([victim], forged);
      await court.cluster.pause(5);
    }
    expectClosed(court);
  }],
  ["more owners than a node can ask for", async (court) => {
    const { liar, honest } = court;
    const strangers = newStrangers();
    const own = liar.signed(court.base());
    for (let told = 0; told < limits.gossipItemsBurstMax;) {
      const frame = strangers();
      for (const member of honest) await liar.say(member, frame);
      told += limits.gossipItemsMax;
    }
    let isEnough = false;
    const goOn = async () => {
      while (!isEnough) {
        await liar.tell(honest, own); // who is not silent is waited for
        const frame = strangers();
        for (const member of honest) await liar.say(member, frame);
        await court.cluster.pause(500);
      }
    };
    const stop = () => void (isEnough = true);
    await Promise.all([goOn(), isHeardInTime(court).finally(stop)]);
  }],
  ["generation after generation that is void", async (court) => {
    const { liar, honest } = court;
    for (let round = 0; round < 2 * limits.ownerBatchesBurstMax; round++) {
      const generation = court.fresh();
      for (const [index, member] of honest.entries()) {
        const value = { digest, sizeBytes: 1 + index, publishedMs: 1 };
        const forked = liar.base([entry("seeds", "a", { value })], {
          generation,
        });
        await liar.tell([member], liar.signed(forked));
      }
      await court.cluster.pause(50);
    }
    await isHeardInTime(court);
    expectPeace(court);
    // It is taken no faster than its owner may speak.
    await court.cluster.until(
      "all hold the same of the liar",
      () => unequalViews(honest),
      { withinMs: voidMsMax },
    );
  }],
  ["answers to what nobody has asked", async (court) => {
    const body = doneMessage.encode({ owner: court.victim.peer });
    await court.flood({ kind: doneMessage.kind, body });
    expectClosed(court);
  }],
  ["links that come and go", async (court) => {
    const { liar, victim } = court;
    const strangers = newStrangers();
    for (let round = 0; round < 50; round++) {
      if (liar.linkTo(victim) === undefined) await liar.meet(victim);
      await liar.say(victim, strangers());
      liar.linkTo(victim)?.close(0, "again");
      await court.cluster.pause(10);
    }
    await isHeardInTime(court);
    expectPeace(court);
  }],
];
