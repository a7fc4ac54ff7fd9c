// Which of two connections to one peer stays, when both sides dialled at once.
// In come what both ends know of each connection; out comes an order that both
// compute alike, without a further message. It reads no clock and no direction
// of its own end: see DESIGN.md section 5.

import type { PeerId } from "../kernel/mod.ts";

/** What ranks one connection; `id` is the hex of its client's signature. */
export type Ranked = { readonly id: string; readonly isDialer: boolean };

/** The connection's two ends, as one of them sees it. */
export type Ends = { readonly own: PeerId; readonly peer: PeerId };

/** Whether `left` stays and `right` goes. */
export function outranks(left: Ranked, right: Ranked, ends: Ends): boolean {
  const [one, other] = [rank(left, ends), rank(right, ends)];
  return one === other ? left.id < right.id : one < other;
}

/** What the smaller id dialled comes first. */
function rank(connection: Ranked, { own, peer }: Ends): number {
  const dialer = connection.isDialer ? own : peer;
  const other = connection.isDialer ? peer : own;
  return dialer < other ? 0 : 1;
}
