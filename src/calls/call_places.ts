// Places for the calls of other nodes, and bytes for their inputs and results:
// bounded for each peer and for all together, so that neither one peer nor many
// can fill this node. What is taken is given back exactly once, by its taker.

import { limits } from "../kernel/mod.ts";
import { CallBusyError } from "./call_errors.ts";

/** Of all peers together. */
export class AllPlaces {
  inputBytes = 0;
  outputBytes = 0;
  #calls = 0;
  #idle: PromiseWithResolvers<void> | undefined;

  /** Calls that hold a place now. */
  get calls(): number {
    return this.#calls;
  }

  addCall(): void {
    this.#calls++;
  }

  removeCall(): void {
    if (--this.#calls > 0) return;
    this.#idle?.resolve();
    this.#idle = undefined;
  }

  /** Resolves when no call holds a place. */
  async idle(): Promise<void> {
    if (this.#calls === 0) return;
    this.#idle ??= Promise.withResolvers();
    await this.#idle.promise;
  }
}

/** Of one link. */
export class PeerPlaces {
  readonly #all: AllPlaces;
  readonly #label: string;
  #calls = 0;
  #inputBytes = 0;
  #outputBytes = 0;

  /** @param label Names this node, for refusals: see `nodeLabel`. */
  constructor(all: AllPlaces, label: string) {
    this.#all = all;
    this.#label = label;
  }

  /** Calls that hold a place now. */
  get calls(): number {
    return this.#calls;
  }

  /** @throws {CallBusyError} There is no room: the call did not run. */
  take(inputBytes: number): void {
    const all = this.#all;
    if (this.#calls >= limits.wireCallsPerLinkMax) {
      throw new CallBusyError(
        `${this.#label} has ${this.#calls} calls of this node under way`,
      );
    }
    const isOver =
      this.#inputBytes + inputBytes > limits.wireCallInputBytesPerLinkMax ||
      all.inputBytes + inputBytes > limits.wireCallBytesMax;
    if (isOver) {
      throw new CallBusyError(`${this.#label} has no room for so much input`);
    }
    this.#calls++;
    this.#inputBytes += inputBytes;
    all.addCall();
    all.inputBytes += inputBytes;
  }

  /** Gives a call's place back. */
  give(inputBytes: number): void {
    this.#calls--;
    this.#inputBytes -= inputBytes;
    this.#all.inputBytes -= inputBytes;
    this.#all.removeCall();
  }

  /** False when the peer must first take what it has asked for. */
  takeOutput(bytes: number): boolean {
    const all = this.#all;
    const isOver =
      this.#outputBytes + bytes > limits.wireCallOutputBytesPerLinkMax ||
      all.outputBytes + bytes > limits.wireCallBytesMax;
    if (isOver) return false;
    this.#outputBytes += bytes;
    all.outputBytes += bytes;
    return true;
  }

  /** The bytes have left, or were dropped. */
  giveOutput(bytes: number): void {
    this.#outputBytes -= bytes;
    this.#all.outputBytes -= bytes;
  }
}
