// What a peer has asked for on one stream, answered one after the other while
// the stream is read on: news that came behind a long answer are not held up by
// it. Frames to write come in lists; whoever adds one waits while too many wait,
// and thereby the peer. A failed write ends it, and its stream.

import { limits, type TokenBucket, TokenBuckets } from "../kernel/mod.ts";
import type { Clock } from "../ports/mod.ts";
import type { Frame, FrameStream } from "../transport/mod.ts";

/**
 * What each peer is sent: a small question may ask for much. By peer and not by
 * link, or who comes back again and again would have it all each time.
 */
export function newAnswerBudgets(): TokenBuckets {
  return new TokenBuckets({
    burst: limits.gossipAnswerBytesBurstMax,
    perSecond: limits.gossipAnswerBytesPerSecondMax,
  }, { namesMax: limits.gossipAnswerBudgetsMax });
}

/** How a stream is answered. */
export type AnswerOptions = {
  readonly clock: Clock;
  /** Of the peer, whatever the stream; who asks for more waits. */
  readonly budget: TokenBucket;
  /** Of the stream. */
  readonly signal: AbortSignal;
  /** Gets what a write threw; the rest is dropped. */
  readonly onFault: (cause: unknown) => void;
};

/** One for each stream; disposing waits for the write under way. */
export class AnswerQueue implements AsyncDisposable {
  readonly #stream: FrameStream;
  readonly #options: AnswerOptions;
  readonly #waiting: Iterable<Frame>[] = [];
  #isEnded = false;
  #running: Promise<void> | undefined;
  #room = Promise.withResolvers<void>();

  constructor(stream: FrameStream, options: AnswerOptions) {
    this.#stream = stream;
    this.#options = options;
  }

  /** Waits while too many answers wait. */
  async add(frames: Iterable<Frame>): Promise<void> {
    while (this.#waiting.length >= limits.gossipAnswersMax && !this.#isEnded) {
      await this.#room.promise;
    }
    if (this.#isEnded) return;
    this.#waiting.push(frames);
    this.#running ??= this.#run();
  }

  /** Never rejects. */
  async #run(): Promise<void> {
    try {
      for (;;) {
        const frames = this.#waiting.shift();
        if (frames === undefined) break;
        this.#makeRoom();
        for (const { kind, body } of frames) {
          await this.#pace(body.length);
          if (this.#isEnded) return;
          await this.#stream.write(kind, body);
        }
      }
    } catch (cause) {
      this.#end();
      this.#options.onFault(cause);
    } finally {
      this.#running = undefined;
    }
  }

  async #pace(sizeBytes: number): Promise<void> {
    const { budget, clock, signal } = this.#options;
    while (!budget.take(sizeBytes, clock.nowMs())) {
      await clock.sleep(limits.gossipAnswerWaitMs, signal);
    }
  }

  #makeRoom(): void {
    this.#room.resolve();
    this.#room = Promise.withResolvers();
  }

  #end(): void {
    this.#isEnded = true;
    this.#waiting.length = 0;
    this.#makeRoom();
  }

  /** Its stream has to end before, or a write may wait for ever. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#end();
    await this.#running;
  }
}
