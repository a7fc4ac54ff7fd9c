// One call on the reference: `@extism/extism` makes a plugin of the case's
// module, calls it once and closes it. In goes a case and an input, out comes
// how the call ended and what it logged.

import createPlugin, {
  type CurrentPlugin,
  type ExtismPluginOptions,
  type ManifestWasmModule,
} from "@extism/extism";
import type { Bytes } from "../../src/kernel/mod.ts";
import {
  type Ending,
  failed,
  type OracleCase,
  type Run,
} from "./oracle_case.ts";
import { answerOf, callerText } from "./stubs.ts";

const compiled = new WeakMap<Bytes, WebAssembly.Module>();
const levels = ["debug", "info", "warn", "error"] as const;
/** As the SDK writes before what a plugin said. */
const originated = "Plugin-originated error: ";

export async function runOnReference(
  { module, fn = "f", config = {} }: OracleCase,
  input: Bytes,
): Promise<Run> {
  const log: string[] = [];
  const logger = loggerTo(log);
  const options = {
    useWasi: importsWasi(module),
    functions: { "extism:host/user": stubsTo(log) },
    logger,
    logLevel: "trace" as const,
    config: { ...config },
    memory: { maxVarBytes: 1024 * 1024 },
  };
  let ending: Ending;
  try {
    const source: ManifestWasmModule = { module: moduleOf(module) };
    const plugin = await createPlugin({ wasm: [source] }, options);
    try {
      const output = await plugin.call(fn, input.slice());
      ending = { type: "output", bytes: copyOf(output?.bytes()) };
    } finally {
      await plugin.close();
    }
  } catch (cause) {
    ending = endingOf(cause);
  }
  return { ending, log };
}

function endingOf(cause: unknown): Ending {
  if (!(cause instanceof Error)) return failed;
  if (!cause.message.startsWith(originated)) return failed;
  return { type: "error", text: cause.message.slice(originated.length) };
}

function copyOf(bytes: Uint8Array | undefined): Bytes {
  return Uint8Array.from(bytes ?? []);
}

function moduleOf(bytes: Bytes): WebAssembly.Module {
  const known = compiled.get(bytes);
  if (known !== undefined) return known;
  const module = new WebAssembly.Module(bytes);
  compiled.set(bytes, module);
  return module;
}

function importsWasi(bytes: Bytes): boolean {
  return WebAssembly.Module.imports(moduleOf(bytes))
    .some((one) => one.module === "wasi_snapshot_preview1");
}

/** A console for the SDK; "trace" is this host's "debug". */
function loggerTo(log: string[]): ExtismPluginOptions["logger"] {
  const writing = Object.fromEntries(
    ["trace", ...levels].map((level) => [
      level,
      (line: string) =>
        log.push(`${level === "trace" ? "debug" : level}: ${line}`),
    ]),
  );
  return writing as unknown as ExtismPluginOptions["logger"];
}

function stubsTo(log: string[]) {
  return {
    pollen_log: (plugin: CurrentPlugin, level: bigint, at: bigint) => {
      const line = plugin.read(at)?.text() ?? "";
      log.push(`${levels[Number(level)]}: ${line}`);
    },
    pollen_request: (plugin: CurrentPlugin, uri: bigint, at: bigint) => {
      const address = plugin.read(uri)?.text() ?? "";
      const input = at === 0n ? undefined : plugin.read(at)?.bytes();
      const answer = answerOf(address, copyOf(input));
      return answer === undefined ? 0n : plugin.store(answer);
    },
    pollen_caller_info: (plugin: CurrentPlugin) => plugin.store(callerText),
  };
}
