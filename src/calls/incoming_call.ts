// One call of another node, from its first frame to its answer. It holds a
// place and the bytes of its input until its executor has ended, also when its
// caller gave up: what still runs still counts.

import type { IncomingBody } from "./bodies.ts";
import type { PassedCall } from "./call_gate.ts";
import type { CallFrame, LaneName } from "./messages.ts";

export class HeldCall {
  /** Its number in its session. */
  readonly id: number;
  readonly lane: LaneName;
  readonly target: CallFrame["target"];
  readonly digest: CallFrame["digest"];
  readonly inputBytes: number;
  /** On the clock's monotonic scale. */
  readonly deadlineMs: number;
  /** Its caller was told, or wants to know no more. */
  isOver = false;
  /** Its input, while it arrives in parts. */
  body: IncomingBody | undefined;
  readonly #aborter = new AbortController();

  constructor(
    frame: CallFrame,
    readonly passed: PassedCall,
    parts: { readonly lane: LaneName; readonly nowMs: number },
  ) {
    this.id = frame.number;
    this.target = frame.target;
    this.digest = frame.digest;
    this.inputBytes = frame.inputBytes;
    this.lane = parts.lane;
    this.deadlineMs = parts.nowMs + passed.timeoutMs;
  }

  /** Aborted when its caller gives up. */
  get signal(): AbortSignal {
    return this.#aborter.signal;
  }

  /** Its caller wants no answer any more. */
  cancel(): void {
    this.isOver = true;
    this.#aborter.abort();
  }
}
