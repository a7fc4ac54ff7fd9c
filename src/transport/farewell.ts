// How a transport ends: what it waits for on the way, and for how long. A link
// or a piece of work goes in; it is over when the promise resolves, or given up
// and, where that means a bug, logged. Nothing here may hold a closing node up.

import { limits, UnreachableError } from "../kernel/mod.ts";
import type { Ports } from "../ports/mod.ts";
import { within } from "./deadline.ts";
import type { SessionLink } from "./session_link.ts";
import { closeCodes } from "./protocols.ts";

const never = new AbortController().signal;

/** Waits for the end of `work`; one that does not come is logged. */
export async function awaitEnd(
  { clock, log }: Pick<Ports, "clock" | "log">,
  what: string,
  { work }: { readonly work: Promise<void> },
): Promise<void> {
  try {
    await within(clock, work, {
      delayMs: limits.transportDrainMsMax,
      signal: never,
      late: () => new UnreachableError(`The ${what} do not end`),
    });
  } catch (cause) {
    log.warn("transport.stuck", { what, cause });
  }
}

/** Tells the peer that this node leaves; it closes the link when it heard. */
export async function sayFarewell(
  { clock }: Pick<Ports, "clock">,
  link: SessionLink,
): Promise<void> {
  const heard = async () => {
    await link.leave();
    await link.ended;
  };
  // Who does not hear it learns it from the close, or finds the node gone.
  await within(clock, heard(), {
    delayMs: limits.leaveMsMax,
    signal: never,
    late: () => new UnreachableError("The peer does not answer"),
  }).catch(() => undefined);
  link.close(closeCodes.left, "left the cluster");
}
