// What metering costs: each module as it was published and as it was rewritten,
// both instantiated here and called in turn, with nothing around the guest but
// the Extism kernel. Nobody sets the epoch word, as if no tick had come.

import type { Bytes } from "../../src/kernel/mod.ts";
import { KernelInstance } from "../../src/guest/kernel_instance.ts";
import { hidden, hooks, prepareModule } from "../../src/wasm/mod.ts";
import { type Figures, median } from "./figures.ts";
import {
  type BenchModule,
  cEcho,
  cSum,
  goEcho,
  rustEcho,
  scriptHello,
} from "./seeds_modules.ts";

const rounds = 25;
const roundMs = 8;
const memoryPagesMax = 1024;
const smallTarget = [10, "%"] as const;

export function benchMetering(figures: Figures): void {
  const go = goEcho === undefined ? [] : [goEcho];
  for (const module of [cEcho, scriptHello, rustEcho, ...go]) {
    const name = `metering: ${module.name}, 100 B`;
    const cost = costOf(module, 100);
    figures.tell(`${name}, a call without`, cost.plainUs, { unit: "us" });
    figures.atMost(`${name}, more with`, cost.percent, smallTarget);
  }
  for (const module of [cEcho, cSum, rustEcho, ...go]) {
    for (const size of [65_536, 1_048_576]) {
      const name = `metering: ${module.name} "${module.fn}", ${size >> 10} KB`;
      const cost = costOf(module, size);
      figures.tell(`${name}, a call without`, cost.plainUs, { unit: "us" });
      figures.tell(`${name}, more with`, cost.percent, { unit: "%" });
    }
  }
}

/** Medians of rounds that alternate, so that both see the same machine. */
function costOf(module: BenchModule, size: number) {
  const input = module.inputOf(size);
  const plain = plainGuest(module);
  const metered = meteredGuest(module);
  const ratios: number[] = [];
  const plainUs: number[] = [];
  for (let i = 0; i < rounds + 5; i++) {
    const [a, b] = i % 2 === 0
      ? [callUs(plain, input), callUs(metered, input)]
      : [callUs(metered, input), callUs(plain, input)].reverse();
    if (i < 5 || a === undefined || b === undefined) continue; // warming up
    plainUs.push(a);
    ratios.push(b / a);
  }
  return { plainUs: median(plainUs), percent: (median(ratios) - 1) * 100 };
}

type DirectGuest = { readonly kernel: KernelInstance; run(): unknown };

function callUs({ kernel, run }: DirectGuest, input: Bytes): number {
  const startMs = performance.now();
  let calls = 0;
  while (performance.now() - startMs < roundMs) {
    for (let i = 0; i < 8; i++, calls++) {
      kernel.setInput(input);
      run();
      kernel.output();
      kernel.exports.reset();
    }
  }
  return (performance.now() - startMs) / calls * 1000;
}

function plainGuest({ bytes, fn }: BenchModule): DirectGuest {
  const kernel = newKernel(() => -1);
  const { imports, attach } = importsFor(kernel);
  const module = new WebAssembly.Module(bytes);
  const { exports } = new WebAssembly.Instance(module, imports);
  attach(exports["memory"] as WebAssembly.Memory);
  return started({ kernel, exports, fn });
}

function meteredGuest({ bytes, fn }: BenchModule): DirectGuest {
  const rewritten = prepareModule(bytes, { memoryPagesMax });
  const { minPages = 0, maxPages = 0 } = rewritten.plan.memory ?? {};
  const memory = new WebAssembly.Memory({
    initial: minPages,
    maximum: maxPages,
  });
  const size: { pages?: WebAssembly.Global } = {};
  const kernel = newKernel((more) => {
    if (size.pages === undefined) return -1;
    const before = size.pages.value as number;
    memory.grow(more);
    size.pages.value = before + more;
    return before;
  });
  const { imports, attach } = importsFor(kernel);
  attach(memory);
  imports[hidden.namespace] = {
    [hidden.memory]: memory,
    [hidden.epoch]: new WebAssembly.Memory({
      initial: 1,
      maximum: 1,
      shared: true,
    }),
  };
  const module = new WebAssembly.Module(rewritten.bytes);
  const { exports } = new WebAssembly.Instance(module, imports);
  size.pages = exports[hidden.pages] as WebAssembly.Global;
  const table = exports[hidden.hooks] as WebAssembly.Table;
  table.set(hooks.yield, kernel.exports.yield);
  table.set(hooks.grow, kernel.exports.grow);
  return started({ kernel, exports, fn });
}

function newKernel(grow: (pages: number) => number): KernelInstance {
  return new KernelInstance({
    tick: () => 0,
    suspend: () => Promise.resolve(),
    grow,
    allow: () => 1,
  });
}

/** All that the bench's modules import; stubs where they only link. */
function importsFor(kernel: KernelInstance) {
  let memory: WebAssembly.Memory | undefined;
  const wasi = new Proxy({}, {
    get: (_target, name) => (...values: number[]) => {
      if (memory === undefined) return 0;
      const view = new DataView(memory.buffer);
      if (name === "clock_time_get") {
        view.setBigUint64(values[2] ?? 0, 1_000_000n, true);
      }
      if (String(name).endsWith("_sizes_get")) {
        for (const at of values) view.setUint32(at, 0, true);
      }
      return String(name).startsWith("fd_prestat") ? 8 : 0;
    },
  });
  const zero = () => 0n;
  const imports: WebAssembly.Imports = {
    "extism:host/env": {
      ...kernel.exports as unknown as WebAssembly.ModuleImports,
      config_get: zero,
      var_get: zero,
      var_set: () => {},
      log_error: () => {},
      get_log_level: () => 0,
    },
    "extism:host/user": {
      pollen_log: () => {},
      pollen_request: zero,
      pollen_caller_info: zero,
    },
    wasi_snapshot_preview1: wasi,
  };
  return {
    imports,
    attach(itsMemory: WebAssembly.Memory) {
      memory = itsMemory;
    },
  };
}

function started({ kernel, exports, fn }: {
  readonly kernel: KernelInstance;
  readonly exports: WebAssembly.Exports;
  readonly fn: string;
}): DirectGuest {
  (exports["_initialize"] as CallableFunction | undefined)?.();
  return { kernel, run: exports[fn] as () => unknown };
}
