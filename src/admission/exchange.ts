// A stream of enrolment messages under one time limit. Frames come in and go
// out, each awaited no longer than its signal allows; kinds of a newer version
// are skipped, a few. What the other end refuses becomes an error here. It must
// never wait without a signal: the other end is anybody.

import {
  type Decoded,
  formatDurationMs,
  InputError,
  limits,
  type Message,
  ReportedError,
  UnreachableError,
} from "../kernel/mod.ts";
import type { Clock } from "../ports/mod.ts";
import {
  Deadline,
  type Frame,
  type FrameStream,
  unlessAborted,
} from "../transport/mod.ts";
import { enrollKinds, refusalMessage } from "./messages.ts";

/** The time that `what` may take: "The admin", "Node 1a2b3c4d". */
export function deadlineFor(
  clock: Clock,
  what: string,
  options: { readonly timeMs: number; readonly signal: AbortSignal },
): Deadline {
  const { timeMs, signal } = options;
  const time = formatDurationMs(timeMs);
  return new Deadline(clock, {
    delayMs: timeMs,
    signal,
    late: () => new UnreachableError(`${what} gave no answer within ${time}`),
  });
}

/** A message as a frame. */
export function frameOf<T>(message: Message<T>, members: T): Frame {
  return { kind: message.kind, body: message.encode(members) };
}

/**
 * The members of the one message that may come now.
 *
 * @throws {ReportedError} The other end refuses.
 * @throws {InputError} It sent another message, or a malformed one.
 */
export function readFrame<T>(message: Message<T>, frame: Frame): T {
  const { kind, body } = frame;
  const options = { bytesMax: limits.joinFrameBytesMax };
  if (kind === message.kind) return message.decode(body, options);
  if (kind !== refusalMessage.kind) {
    throw new InputError(
      `A message of kind ${kind} came where a "${message.name}" belongs`,
    );
  }
  const { error }: Decoded<typeof refusalMessage> = refusalMessage
    .decode(body, options);
  throw new ReportedError(error);
}

/** One end of an enrolment; the stream stays its owner's to dispose. */
export class Exchange {
  readonly #stream: FrameStream;
  #signal: AbortSignal;
  /** A stream is read once at a time, also when nobody waits for it now. */
  #reading: Promise<Frame | undefined> | undefined;
  #skipped = 0;

  constructor(stream: FrameStream, signal: AbortSignal) {
    this.#stream = stream;
    this.#signal = signal;
  }

  /** The time that is left from now on; what was begun goes on. */
  set signal(signal: AbortSignal) {
    this.#signal = signal;
  }

  /**
   * The next frame of a known kind.
   *
   * @throws {UnreachableError} The other end is gone.
   * @throws {LimitError | InputError} Too long, or too many of unknown kinds.
   */
  async receive(): Promise<Frame> {
    while (true) {
      const frame = await this.#read();
      if (frame === undefined) {
        throw new UnreachableError("The other end left in mid-conversation");
      }
      if (enrollKinds.has(frame.kind)) return frame;
      this.#skipped++;
      if (this.#skipped > limits.enrollUnknownFramesMax) {
        throw new InputError("Too many messages of unknown kinds", {
          hint: 'Compare the versions of both ends: "pln version"',
        });
      }
    }
  }

  /** @throws {UnreachableError} The other end is gone. */
  async send(frame: Frame): Promise<void> {
    await unlessAborted(
      this.#stream.write(frame.kind, frame.body),
      this.#signal,
    );
  }

  /** Says that nothing more comes, then waits until the other end does. */
  async finish(): Promise<void> {
    await unlessAborted(this.#stream.end(), this.#signal);
    while (await this.#read() !== undefined) {
      this.#skipped++;
      if (this.#skipped > limits.enrollUnknownFramesMax) return;
    }
  }

  #read(): Promise<Frame | undefined> {
    this.#reading ??= this.#stream.read().finally(() => {
      this.#reading = undefined;
    });
    return unlessAborted(this.#reading, this.#signal);
  }
}
