// `pln call`: one call of a seed's function. Input comes from the argument or
// from a pipe, the raw output goes to standard output. It is tried again only
// when the call surely did not run.

import {
  type Bytes,
  emptyBytes,
  InputError,
  LimitError,
  limits,
  type PlnError,
  ReportedError,
  toBase64,
  UnreachableError,
  utf8,
  utf8Text,
} from "../../kernel/mod.ts";
import { type ControlClient, isAbsence } from "../../control/mod.ts";
import type { Clock } from "../../ports/mod.ts";
import type { Invocation } from "../invocation.ts";
import type { Run } from "../loaders.ts";
import { parseCallMs, parseCount } from "../numbers.ts";
import { sizeText } from "../render.ts";
import { parseSeedAddress } from "../seed_address.ts";

/** Beyond the call's own limit, which the daemon enforces. */
const graceMs = 2_000;
const firstPauseMs = 100;
const pauseMsMax = 2_000;

type Call = {
  readonly target: { readonly seed: string; readonly function: string };
  readonly input: Bytes;
  readonly timeoutMs: number | undefined;
  readonly on: string | undefined;
  readonly retries: number;
};

export const run: Run<"call"> = async (invocation, { flags, args }) => {
  const [seed = "", fn = "", typed] = args;
  const retriesMax = limits.callRetriesMax;
  const call: Call = {
    target: { seed: parseSeedAddress(seed), function: parseFunction(fn) },
    timeoutMs: flags.timeout === undefined
      ? undefined
      : parseCallMs(flags.timeout, "--timeout"),
    on: flags.on,
    retries: parseCount(flags.retries ?? "0", "--retries", { max: retriesMax }),
    input: await readInput(invocation, typed),
  };
  const clock = await invocation.platform.openClock();
  const output = await callWithRetries(invocation, call, { clock });
  await showOutput(invocation, output);
};

function parseFunction(text: string): string {
  const max = limits.functionNameCharactersMax;
  const isPart = text !== "" && text !== "." && text !== "..";
  if (isPart && text.length <= max && !text.includes("\0")) return text;
  throw new InputError(`A function's name has 1 to ${max} characters, no NUL`, {
    hint: 'Such as "pln call hello greet"',
  });
}

async function readInput(
  { terminal }: Invocation,
  typed: string | undefined,
): Promise<Bytes> {
  const bytesMax = limits.callInputBytesMax;
  if (typed !== undefined && typed !== "-") {
    const input = utf8(typed);
    if (input.length > bytesMax) throw inputTooLarge();
    return input;
  }
  if (typed === undefined && terminal.stdin.isTerminal) return emptyBytes;
  try {
    return await terminal.stdin.read(bytesMax);
  } catch (cause) {
    if (cause instanceof LimitError) throw inputTooLarge(cause);
    throw cause;
  }
}

function inputTooLarge(cause?: unknown): LimitError {
  return new LimitError(
    `The input is over ${sizeText(limits.callInputBytesMax)}`,
    { cause, hint: "Pass large data by name, not by value" },
  );
}

/**
 * Each question has its own connection: on one that was used before, Deno 2.9.6
 * sends a request again when it breaks, although it may have been acted on
 * (https://github.com/denoland/deno/issues/35610).
 */
async function callWithRetries(
  invocation: Invocation,
  call: Call,
  { clock }: { readonly clock: Clock },
): Promise<Bytes> {
  const { signal } = new AbortController();
  let pauseMs = firstPauseMs;
  for (let left = call.retries;; left--) {
    let mayRun = false;
    try {
      // Whether a call ran before its connection broke cannot be known, but a
      // question that changes nothing can be asked again.
      if (call.retries > 0) await invocation.ask((client) => client.status());
      mayRun = true;
      return await invocation.ask((client) =>
        callOnce(client, call, { clock })
      );
    } catch (cause) {
      const isSafe = didNotRun(cause) ||
        !mayRun && cause instanceof UnreachableError;
      if (left === 0 || !isSafe) throw cause;
      await clock.sleep(pauseMs, signal);
      pauseMs = Math.min(pauseMs * 2, pauseMsMax);
    }
  }
}

/** The daemon says that it refused the call before running it. */
function didNotRun(cause: unknown): boolean {
  if (!(cause instanceof ReportedError)) return false;
  const { code, kind } = cause;
  return code === "PLN_SATURATED" || isAbsence(cause) ||
    (kind === "peer" && code === "PLN_UNREACHABLE");
}

async function callOnce(
  client: ControlClient,
  { target, input, timeoutMs, on }: Call,
  { clock }: { readonly clock: Clock },
): Promise<Bytes> {
  if (timeoutMs === undefined) return await client.call(target, input, { on });
  const giveUp = new AbortController();
  const late: PlnError = new UnreachableError(
    "The daemon did not answer within the timeout",
    { hint: 'Look at "pln status" and "pln logs"' },
  );
  using _timer = clock.after(timeoutMs + graceMs, () => giveUp.abort(late));
  const { signal } = giveUp;
  return await client.call(target, input, { timeoutMs, on, signal });
}

async function showOutput(
  invocation: Invocation,
  output: Bytes,
): Promise<void> {
  const text = utf8Text(output);
  if (invocation.isJson) {
    const shape = text === undefined
      ? { version: 1, encoding: "base64", output: toBase64(output) }
      : { version: 1, encoding: "utf8", output: text };
    return await invocation.answer(shape, "");
  }
  await invocation.write(output);
  const isOpenLine = text !== undefined && text !== "" && !text.endsWith("\n");
  if (isOpenLine && invocation.terminal.stdout.isTerminal) {
    await invocation.write(utf8("\n"));
  }
}
