// `deno task demo`: one node in a throw-away directory, from nothing to nested
// calls, with every command shown as a user would type it. It measures, cleans
// up and exits 0; anything unexpected ends it with the reason and exit 1.

import { ControlClient } from "../src/control/mod.ts";
import { openWeb } from "../src/adapters/web.ts";
import { utf8 } from "../src/kernel/mod.ts";

const root = new URL("..", import.meta.url).pathname;
const directory = await Deno.makeTempDir({ prefix: "pln-demo-" });
const decoder = new TextDecoder();

type Step = {
  readonly args: readonly string[];
  /** What the output must hold. */
  readonly shows?: string;
};

const steps: readonly Step[] = [
  { args: ["version"], shows: "pln " },
  { args: ["init", "--prop", "place=demo"] },
  { args: ["up", "-d"] },
  { args: ["seed", "examples/hello/hello.wasm"] },
  { args: ["seed", "examples/upper/upper.wasm"] },
  { args: ["seed", "examples/shout/shout.wasm"] },
  {
    args: ["call", "hello", "greet", '{"name":"world"}'],
    shows: '{"greeting":"Hello, world!"}',
  },
  { args: ["call", "upper", "handle", "quietly"], shows: "QUIETLY" },
  { args: ["call", "shout", "shout", "nested call"], shows: "NESTED CALL!" },
  { args: ["call", "shout", "relay", "tail call"], shows: "TAIL CALL" },
  { args: ["call", "shout", "whoami"], shows: '"place":"demo"' },
  { args: ["status"], shows: "hello" },
];

async function pln(args: readonly string[]): Promise<string> {
  const command = new Deno.Command("sh", {
    args: ["src/cli/launcher.sh", ...args],
    cwd: root,
    env: {
      PLN_DIR: directory,
      PLN_PORT: "0", // beside a node that may run here already
      PLN_DENO: Deno.execPath(),
      INIT_CWD: root,
    },
    stdin: "null",
  });
  const { code, stdout, stderr } = await command.output();
  const text = decoder.decode(stdout) + decoder.decode(stderr);
  if (code === 0) return text;
  throw new Error(`"pln ${args.join(" ")}" exited ${code}: ${text}`);
}

function shown(args: readonly string[]): string {
  const isPlain = /^[\w./=-]+$/;
  return args.map((arg) => isPlain.test(arg) ? arg : `'${arg}'`).join(" ");
}

async function run({ args, shows = "" }: Step): Promise<void> {
  console.log(`\n$ pln ${shown(args)}`);
  const text = await pln(args);
  console.log(text.trimEnd());
  if (!text.includes(shows)) {
    throw new Error(`The output lacks ${JSON.stringify(shows)}`);
  }
}

async function measure(): Promise<void> {
  const calls = 20_000;
  const inFlight = 32;
  await using web = openWeb({ onError: (cause) => console.error(cause) });
  const client = new ControlClient(web, `${directory}/pln.sock`);
  const target = { seed: "hello", function: "greet" };
  const input = utf8('{"name":"world"}');
  let left = calls;
  const worker = async () => {
    while (left-- > 0) await client.call(target, input);
  };
  const startMs = performance.now();
  await Promise.all(Array.from({ length: inFlight }, worker));
  const seconds = (performance.now() - startMs) / 1000;
  const { node } = await client.status();
  console.log(
    `\n${calls} calls, ${inFlight} in flight, isolated from each other: ` +
      `${Math.round(calls / seconds)} calls/s; ` +
      `daemon ${Math.round(node.residentBytes / 2 ** 20)} MiB`,
  );
}

async function cleanUp(): Promise<void> {
  try {
    console.log("\n$ pln down");
    console.log((await pln(["down"])).trimEnd());
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

try {
  for (const step of steps) await run(step);
  await measure();
} finally {
  await cleanUp();
}
console.log("\nThat was Pollen on one node. Read on: README.md");
